"""A learner in Chromium, in both languages: reads a lesson, pushes the exercise of the next, is led on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from hub.demo.people import PEOPLE
from hub.demo.visitor import Visitor
from tasks.spec import exercise_folders
from tests.browser.test_a_contribution import CHINESE, ENGLISH, Words
from tests.hub.conftest import TASKS
from tests.pushing import Contributor
from tests.whole import WholeHub

pytestmark = [
    pytest.mark.slow, pytest.mark.sandbox, pytest.mark.browser, pytest.mark.xdist_group("browser"),
]  # fmt: skip

EXERCISE = "contiguous-loops"
JUDGE_SECONDS = 300  # at most: the judge may be at other work, and gives a job three attempts


def solution() -> dict[str, bytes]:
    folder = next(folder for folder in exercise_folders(TASKS) if folder.name == EXERCISE)
    return {"solution.c": (folder / "examples" / "accept-interchanged" / "solution.c").read_bytes()}


@pytest.mark.parametrize(
    ("words", "username"), [(ENGLISH, "alice"), (CHINESE, "bob")], ids=["English", "Chinese"]
)
def test_from_the_list_of_courses_to_the_last_lesson(
    browser: Browser, hub: WholeHub, tmp_path: Path, words: Words, username: str
) -> None:
    context = browser.new_context(locale=words.locale, viewport={"width": 360, "height": 800})
    page = context.new_page()
    person = next(person for person in PEOPLE if person.username == username)
    page.goto(hub.url + "/login/?next=/learn/")
    page.fill("[name=login]", person.username)
    page.fill("[name=password]", person.password)
    page.locator("main form button").first.click()
    expect(page.locator("html")).to_have_attribute("lang", words.html_lang)
    read_the_first_lesson_by_keyboard(page)
    expect(page.locator("#exercise")).to_be_visible()
    expect(page.locator(".lessons > li.is-done")).to_have_count(1)

    git = clone_as_the_page_says(page, hub, person.username, person.password, tmp_path)
    push_and_be_led_on(page, git)
    expect(page.locator(".lessons > li.is-done")).to_have_count(2)
    page.goto(hub.url + f"/people/{username}/")
    expect(page.locator("progress")).to_have_attribute("value", "2")
    context.close()


def read_the_first_lesson_by_keyboard(page: Page) -> None:
    page.locator('a.button[href="/learn/first-operator/where-time-goes/"]').focus()
    page.keyboard.press("Enter")
    expect(page.locator("math").first).to_be_visible()
    page.locator('form[action$="/read/"] button').focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/learn/first-operator/{EXERCISE}/")


def clone_as_the_page_says(
    page: Page, hub: WholeHub, username: str, password: str, folder: Path
) -> Contributor:
    clone = re.search(r"git clone (\S+)", page.locator("#start .command").first.inner_text())
    assert clone
    visitor = Visitor(hub.url, username, password)
    visitor.log_in()
    visitor.make_token("exercise")
    done = visitor.git("clone", "-q", clone[1], "work", folder=folder)
    assert done.returncode == 0, done.stderr
    return Contributor(visitor, folder / "work")


def push_and_be_led_on(page: Page, git: Contributor) -> None:
    """The judge answers on the open page, with the way to what comes next: it was the last lesson."""
    said = git.push(git.commit(solution(), "interchanged"), "interchanged")
    link = re.search(r"remote: .*?(/pulls/\S+)", said)
    assert link, said
    page.goto(git.visitor.site + link[1])
    led_on = page.locator('aside a.button[href="/learn/first-operator/"]')
    expect(led_on).to_be_visible(timeout=JUDGE_SECONDS * 1000)
    led_on.click()
