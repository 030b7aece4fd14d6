"""Finding tasks in Chromium: by keyboard without a new page, and without any script."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.whole import WholeHub

pytestmark = [pytest.mark.sandbox, pytest.mark.browser, pytest.mark.xdist_group("browser")]  # one hub


def test_a_filter_is_chosen_by_keyboard_and_the_page_stays(browser: Browser, hub: WholeHub) -> None:
    page = browser.new_page()
    page.goto(f"{hub.url}/tasks/")
    before = page.locator(".tasks > li").count()
    page.evaluate("window.neverReloaded = true")
    page.locator('input[name="language"][value="cpp"]').focus()
    page.keyboard.press("Space")
    expect(page).to_have_url(f"{hub.url}/tasks/?language=cpp")
    expect(page.locator('.tasks a[href="/tasks/vector-add/"]')).to_have_count(0)
    expect(page.locator("#found-said")).to_contain_text(str(page.locator(".tasks > li").count()))
    assert 0 < page.locator(".tasks > li").count() < before
    page.keyboard.press("/")
    page.keyboard.type("expf")
    expect(page).to_have_url(f"{hub.url}/tasks/?text=expf&language=cpp")
    expect(page.locator(".tasks > li")).to_have_count(1)
    page.locator(".chosen a").first.click()
    expect(page).to_have_url(f"{hub.url}/tasks/?language=cpp")
    page.close()


@pytest.mark.slow
def test_filters_work_without_any_script(browser: Browser, hub: WholeHub) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{hub.url}/tasks/")
    page.check('input[name="level"][value="1"]')
    page.locator(".filters .no-script button").click()
    expect(page.locator('.tasks a[href="/tasks/vector-add/"]')).to_have_count(1)
    expect(page.locator('.tasks a[href="/tasks/row-softmax/"]')).to_have_count(0)
    context.close()
