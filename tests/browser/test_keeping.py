"""Maintainers and operators in Chromium, in both languages: publishing by form, the record, workers."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.staging import TASK
from tests.browser.town import Company

pytestmark = [
    pytest.mark.slow, pytest.mark.sandbox, pytest.mark.browser, pytest.mark.xdist_group("browser"),
]  # fmt: skip


def test_a_task_is_revised_by_form_and_mistakes_are_said_beside_their_file(company: Company) -> None:
    maintainer = company.person("maintainer")
    maintainer.open("/publish/")
    maintainer.follow('main a[href="/publish/task/flash-attention-forward/"]')
    form = maintainer.form("/publish/files/")
    spec = form.locator('details:has(> summary code:text-is("task.toml"))')
    text = spec.locator("textarea")
    before = text.input_value()
    text.fill(re.sub(r"(?m)^level = \d+$", "level = 99", before))
    maintainer.fill_and_send(form, '[value="publish"]')
    maintainer.sees("#problems li", "level")
    maintainer.sees("details[open] ul.error", "level")
    expect(text).to_have_value(re.compile("level = 99"))
    points = f"points = {7 if company.language == 'en' else 8}"
    text.fill(re.sub(r"(?m)^points = \d+$", points, before))
    maintainer.fill_and_send(form, '[value="check"]')
    maintainer.is_done()
    maintainer.fill_and_send(form, '[value="publish"]')
    maintainer.is_done()
    maintainer.follow('main a[href="/tasks/flash-attention-forward/revisions/"]')
    maintainer.sees("tbody tr", company.name("maintainer"))
    maintainer.open("/audit/?verb=task")
    maintainer.sees("tbody tr", company.name("maintainer"))


def test_roles_are_given_and_ended(company: Company) -> None:
    maintainer = company.person("maintainer")
    maintainer.open("/roles/")
    maintainer.send("/roles/give/", username=company.name("applicant"), role="mentor", scope=TASK)
    maintainer.is_done()
    row = maintainer.page.locator("main tbody tr", has_text=company.name("applicant"))
    row.locator("details > summary").click()
    maintainer.fill_and_send(row.locator('form[action$="/end/"]'))
    maintainer.is_done()
    expect(row).to_have_count(0)


def test_a_worker_is_added_paused_and_resumed(company: Company) -> None:
    operator = company.person("operator")
    operator.open("/workers/")
    operator.send("/workers/add/", name=f"rack-{company.language}")
    operator.sees(".made .command code")
    name = operator.page.locator("main h1").inner_text()
    operator.open("/workers/")
    operator.follow(f'main a[href^="/workers/"]:text-is("{name}")')
    operator.sees_no(".made")  # the token is shown once
    operator.send("/pause/", '[value="pause"]', why="A new disk.")
    operator.sees(".notice", "A new disk.")
    operator.send("/resume/")
    operator.send("/pause/", '[value="drain"]', why="It goes.")
    operator.sees("main", "It goes.")
    operator.open("/queue/")
    operator.sees("main h1")
    stranger = company.stranger()
    stranger.open(f"/workers/{company['worker']}/")
    stranger.sees("#attempts")
    stranger.sees_no('main form[action$="/pause/"]')
