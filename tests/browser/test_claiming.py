"""From the first page to a claim in Chromium, in both languages: searches, proposal, answer, release."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.staging import ASKED, PROPOSAL, TASK
from tests.browser.town import Company

pytestmark = [
    pytest.mark.slow, pytest.mark.sandbox, pytest.mark.browser, pytest.mark.xdist_group("browser"),
]  # fmt: skip


def test_a_stranger_reads_what_this_is_and_comes_by_the_log_in_back_to_the_task(company: Company) -> None:
    stranger = company.stranger()
    stranger.open("/")
    stranger.sees(".hero h1")
    stranger.sees('main a[href^="/pulls/"]')  # the live pulse
    stranger.follow('.hero a[href="/tasks/"]')
    stranger.follow(f'.tasks a[href="/tasks/{TASK}/"]')
    stranger.follow('#claim a[href^="/login/"]')
    assert f"next=/tasks/{TASK}/" in stranger.page.url
    stranger.open("/programmes/new/")
    expect(stranger.page).to_have_url(company.hub.url + "/login/?next=/programmes/new/")


def test_a_member_sees_on_the_first_page_what_waits(company: Company) -> None:
    author = company.person("author")
    author.open("/")
    author.sees("#next-title")
    author.sees(f'main a[href="/pulls/{company["failing"]}/"]')
    author.follow("section.next a.button")
    assert author.page.url != company.hub.url + "/"


def test_a_search_in_ones_language_is_kept_and_forgotten(company: Company) -> None:
    member = company.person("newcomer")
    words, found = {"en": ("softmax", "row-softmax"), "zh": ("归一化", ASKED)}[company.language]
    member.open("/tasks/")
    member.page.fill("#text", words)
    expect(member.find(".chosen a")).to_be_visible()
    member.sees(f'.tasks a[href="/tasks/{found}/"]')
    expect(member.page.locator(f'.tasks a[href="/tasks/{TASK}/"]')).to_have_count(0)
    member.find("details.keep > summary").click()
    member.page.fill("#keep-name", "mine")
    member.follow('details.keep button[form="keep"]')
    member.open("/tasks/")
    member.follow('.saved a[href^="/tasks/?"]')
    expect(member.page.locator("#text")).to_have_value(words)
    member.follow(".saved button")
    member.sees_no(".saved a")


def test_a_proposal_is_answered_and_its_claim_released_with_a_note(company: Company) -> None:
    newcomer, mentor = company.person("newcomer"), company.person("mentor")
    page = f"/tasks/{ASKED}/"
    newcomer.open(page)
    newcomer.send("/claim/", proposal=PROPOSAL)
    newcomer.sees("#claim .quote", PROPOSAL[:40])

    mentor.open(page)
    proposal = mentor.page.locator("#proposals .proposal", has_text=company.name("newcomer"))
    form = proposal.locator('form[action$="/answer/"]')
    mentor.fill_and_send(form, '[value="0"]', text="Say how you would measure it.")
    newcomer.open(page)
    newcomer.sees("#claim .notice.is-warning", "Say how you would measure it.")
    newcomer.send("/claim/", proposal=f"{PROPOSAL} By ten fresh pairs.")

    mentor.open("/desk/")
    waiting = mentor.page.locator(".desk > li", has_text=company.name("newcomer"))
    waiting.locator("details > summary").click()
    mentor.fill_and_send(waiting.locator('form[action$="/answer/"]'), '[value="1"]', text="Go on.")
    mentor.is_done()
    newcomer.open(page)
    newcomer.sees("#claim.is-yours time")  # until when
    newcomer.send("/extend/")
    newcomer.is_done()
    newcomer.sees_no('form[action$="/extend/"]')  # once
    newcomer.send("/release/", hand_over="The loops work; the branch is blocks.")
    newcomer.is_done()
    newcomer.sees_no('form[action$="/release/"]')
    newcomer.open("/notifications/")
    newcomer.sees(".told li")


def test_somebody_asks_and_is_answered_on_a_task(company: Company) -> None:
    newcomer, mentor = company.person("newcomer"), company.person("mentor")
    question = f"How wide are the vectors? ({company.language})"
    newcomer.open(f"/tasks/{TASK}/")
    newcomer.send("/say/", body=question)
    mentor.open(f"/tasks/{TASK}/")
    thread = mentor.page.locator(".thread", has_text=question)
    thread.locator("details.talk-reply > summary").click()
    mentor.fill_and_send(thread.locator("details.talk-reply form"), body="As wide as the machine's.")
    newcomer.open("/")
    newcomer.sees('#answers, [aria-labelledby="answers"]')
    newcomer.open(f"/tasks/{TASK}/")
    newcomer.sees(".replies .post", "As wide as the machine's.")
