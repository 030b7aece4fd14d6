"""A pull request in Chromium, in both languages: threads, suggestions, approval, appeal, desk, rating."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.town import Company, Person

pytestmark = [
    pytest.mark.slow, pytest.mark.sandbox, pytest.mark.browser, pytest.mark.xdist_group("browser"),
]  # fmt: skip

SUGGESTION = "Two are enough:\n```suggestion\nint b = 2;\n```"


def says_on_line(mentor: Person, number: int, text: str) -> None:
    mentor.page.locator("a.line-say").nth(number).click()
    mentor.fill_and_send(mentor.page.locator("form.line-form"), body=text)


def test_a_suggestion_becomes_a_commit_and_a_thread_is_settled(company: Company) -> None:
    author, mentor = company.person("author"), company.person("mentor")
    page = f"/pulls/{company['talked']}/"
    mentor.open(page + "diff/")
    says_on_line(mentor, 1, SUGGESTION)
    mentor.sees(".suggestion", "int b = 2;")
    says_on_line(mentor, 2, "Why this one?")
    mentor.open(page)
    mentor.send("/comment/", body="Two things on the lines.")

    author.open(page + "diff/")
    thread = author.page.locator(".thread.is-open", has_text="Why this one?")
    thread.locator("details > summary").click()
    author.fill_and_send(thread.locator('form[action$="/answer/"]'), body="It is for the tail.")
    thread = author.page.locator(".thread.is-open", has_text="It is for the tail.")
    author.fill_and_send(thread.locator('form[action$="/resolve/"]'))
    author.sees(".thread.is-resolved")
    author.send("/apply/")
    author.is_done()
    author.open(page + "diff/")
    expect(author.page.locator("#patch_set")).to_have_value("2")
    author.sees(".diff .text", "int b = 2;")
    author.sees_no(".thread.is-open")


def test_a_review_is_taken_answered_by_a_saved_reply_and_approved(company: Company) -> None:
    mentor, other = company.person("mentor"), company.person("maintainer")
    pull = company["taken"]
    mentor.open("/desk/mentoring/")
    mentor.send("/replies/save/", name="measure", body="Please measure it **once more**.")
    mentor.is_done()
    mentor.send("/capacity/", capacity="7")
    expect(mentor.page.locator("#capacity")).to_have_value("7")

    mentor.open("/desk/")
    mentor.send(f"/pulls/{pull}/take/")
    mentor.sees('form[action$="/give-back/"]')
    other.open(f"/pulls/{pull}/diff/")
    other.sees("#review .notice", company.name("mentor"))

    mentor.find("#review details > summary").click()
    mentor.page.locator("#review a[data-reply]").click()
    expect(mentor.page.locator("#body")).to_have_value("Please measure it **once more**.")
    mentor.send("/review/", '[value="changes"]')
    mentor.open(f"/pulls/{pull}/")
    mentor.sees(".said strong", "once more")
    mentor.open(f"/pulls/{pull}/diff/")
    mentor.send("/review/", '[value="approve"]', body="")
    other.open(f"/pulls/{pull}/")
    expect(other.form("/merge/").locator("button")).to_be_enabled()
    other.open("/mentors/")
    other.sees("main table", company.name("mentor"))


def test_the_keys_of_the_help_go_through_a_pull_request(company: Company) -> None:
    mentor = company.person("mentor")
    keys, page = mentor.page.keyboard, f"{company.hub.url}/pulls/{company['keys']}/"
    mentor.open(f"/pulls/{company['keys']}/")
    keys.press("?")
    expect(mentor.page.locator("#keys")).to_be_visible()
    keys.press("Escape")
    expect(mentor.page.locator("#keys")).to_be_hidden()
    keys.press("2")
    expect(mentor.page).to_have_url(f"{page}diff/")
    keys.press("s")
    mentor.sees("table.diff.is-split, .diff-scroll table")
    assert "view=split" in mentor.page.url
    mentor.page.locator("a.line-say").first.focus()
    keys.press("Enter")
    expect(mentor.page.locator("form.line-form textarea")).to_be_focused()
    keys.type("Here, by keyboard.")
    keys.press("Tab")
    keys.press("Enter")
    mentor.sees(".thread", "Here, by keyboard.")
    keys.press("r")
    expect(mentor.page.locator("#body")).to_be_focused()
    keys.type("Fine.")
    for _ in range(10):
        keys.press("Tab")
        if mentor.page.locator('#review button[value="approve"]:focus').count():
            break
    keys.press("Enter")
    mentor.is_done()
    keys.press("1")
    expect(mentor.page).to_have_url(page)
    mentor.sees("main", "Fine.")


def test_a_review_is_written_without_any_script(company: Company) -> None:
    mentor = company.person("maintainer", java_script_enabled=False)
    mentor.open(f"/pulls/{company['keys']}/diff/")
    mentor.follow("a.line-say")
    mentor.fill_and_send(mentor.page.locator("form.line-form").first, body="Said without a script.")
    mentor.sees(".thread", "Said without a script.")
    mentor.send("/review/", '[value="comment"]', body="And of the whole.")
    mentor.open(f"/pulls/{company['keys']}/")
    mentor.sees("main", "And of the whole.")


def test_our_own_trouble_is_repeated_at_the_authors_word(company: Company) -> None:
    author = company.person("author")
    author.open(f"/pulls/{company['failing']}/")
    author.sees(".verdict.is-bad .verdict-next")
    author.open(f"/pulls/{company['troubled']}/")
    author.send("/rerun/")
    author.is_done()
    author.sees_no('form[action$="/rerun/"]')


def test_a_held_result_is_appealed_and_cleared(company: Company) -> None:
    rival, mentor, maintainer = (company.person(role) for role in ("rival", "mentor", "maintainer"))
    page, evidence = f"/pulls/{company['appealed']}/", f"/held/{company['appealed_verdict']}/"
    rival.open(page)
    rival.send("/appeal/", text="It works on rows of four, so it reads each value once.")
    rival.is_done()
    rival.sees_no('form[action$="/appeal/"]')  # once
    rival.open(evidence, status=403)
    rival.sees("main a")
    mentor.open("/held/")
    mentor.sees(f'a[href="{evidence}"]')
    maintainer.open(evidence)
    maintainer.send("/rule/", '[value="clear"]', reason="The bound of the machine was too low.")
    maintainer.is_done()
    rival.open(page)
    rival.sees(".said", "The bound of the machine was too low.")


def test_what_is_much_alike_is_laid_side_by_side_and_nobody_is_accused(company: Company) -> None:
    rival, mentor, maintainer = (company.person(role) for role in ("rival", "mentor", "maintainer"))
    page, evidence = f"/pulls/{company['copied']}/", f"/held/{company['copied_verdict']}/"
    rival.open(page)
    rival.sees(".verdict.is-warn, .notice.is-warning")
    mentor.open("/held/")
    mentor.follow(f'main a[href="{evidence}"]')
    codes = mentor.page.locator("#codes + p + .columns > div")
    expect(codes).to_have_count(2)
    for code, who in zip(codes.all(), ("author", "rival"), strict=True):  # who pushed earlier comes first
        expect(code.locator("h3")).to_contain_text(company.name(who))
        expect(code.locator("tr.is-common").nth(5)).to_be_visible()
    mentor.sees_no('form[action$="/rule/"]')  # a maintainer decides
    maintainer.open(evidence)
    maintainer.send("/rule/", '[value="clear"]', reason="Both read the same lesson.")
    maintainer.is_done()
    rival.open(page)
    rival.sees(".said", "Both read the same lesson.")


def test_a_set_is_judged_again_and_applied(company: Company) -> None:
    maintainer = company.person("maintainer")
    page = f"/rejudging/{company['rejudge']}/"
    maintainer.open("/rejudging/")
    maintainer.follow(f'a[href="{page}"]')
    lines = maintainer.page.locator("main tbody tr").count()
    maintainer.send("/apply/", decision="It repeats.", number=str(lines))
    maintainer.is_done()
    maintainer.sees("main", "It repeats.")
    maintainer.open("/audit/?verb=rejudge")
    maintainer.sees("tbody tr", company.name("maintainer"))


def test_who_was_helped_says_how_much(company: Company) -> None:
    author = company.person("author")
    author.open(f"/pulls/{company['merged']}/")
    author.send("/rate/")
    author.is_done()
    author.sees_no('form[action$="/rate/"]')
