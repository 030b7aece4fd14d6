"""Boards, people and what is earned in Chromium, in both languages: exports, badges, certificates."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.staging import TASK
from tests.browser.town import Company

pytestmark = [
    pytest.mark.slow, pytest.mark.sandbox, pytest.mark.browser, pytest.mark.xdist_group("browser"),
]  # fmt: skip


def test_a_board_is_read_filtered_and_taken_away(company: Company) -> None:
    reader = company.person("author")
    reader.open("/boards/")
    board = f"/boards/{TASK}/{company['hardware']}/"
    reader.follow(f'main a[href="{board}"]')
    row = f'tr:has(a[href="/people/{company.name("author")}/"])'
    reader.sees(f"table.board {row}.is-yours")
    reader.sees(".js-plotly-plot .main-svg")
    csv, told = (
        reader.find(f'main a[href$="board.{kind}"]').get_attribute("href") for kind in ("csv", "json")
    )
    badge = reader.find("img.badge-picture").get_attribute("src")
    assert csv
    assert told
    assert badge
    assert company.name("author") in reader.fetched(csv)
    assert company.name("author") in json.dumps(json.loads(reader.fetched(told)))
    assert reader.fetched(badge).startswith("<svg")
    reader.follow(f"table.board {row} td a[href^='/pulls/']")
    reader.sees("main h1")


def test_boards_are_frozen_and_let_go_again(company: Company) -> None:
    maintainer = company.person("maintainer")
    maintainer.open(f"/boards/{TASK}/{company['hardware']}/")
    maintainer.send("/freeze/")
    maintainer.is_done()
    maintainer.sees("main > .notice .badge")
    maintainer.send("/thaw/")
    maintainer.is_done()
    maintainer.sees_no("main > .notice .badge")


def test_a_profile_shows_what_was_earned_and_a_certificate_that_anybody_verifies(company: Company) -> None:
    author, stranger = company.person("author"), company.stranger()
    page = f"/people/{company.name('author')}/"
    author.open(page)
    expect(author.find(".tallies .is-gold")).not_to_have_text("0")
    author.sees(".medals li")
    author.send("/certificates/issue/")
    author.open(page)
    author.follow('main a[href^="/certificates/TS"], main .rows a[href^="/certificates/"]')
    number = author.page.url.removeprefix(company.hub.url)
    stranger.open(number)
    stranger.sees(".notice.is-success")
    signed = json.loads(stranger.fetched(f"{number}statement.json"))
    assert signed["holder"]["username"] == company.name("author")
    for file in ("statement.sig", "certificate.pdf"):
        answer = stranger.page.request.get(company.hub.url + number + file)
        assert answer.ok
        assert answer.body()
    stranger.open("/badges/")
    stranger.sees("main li")
    stranger.open(f"{page}points/")
    stranger.sees("main table")
    assert ",merge," in author.fetched(f"{page}points.csv")


def test_what_somebody_keeps_private_others_do_not_see(company: Company) -> None:
    rival, stranger = company.person("rival"), company.stranger()
    rival.open("/settings/")
    form = rival.form("/settings/privacy/")
    for box in form.locator("input[name=hidden]").all():
        box.check()
    rival.fill_and_send(form)
    rival.is_done()
    stranger.open(f"/people/{company.name('rival')}/points/", status=403)
    stranger.open(f"/people/{company.name('rival')}/")
    stranger.sees("main h1")


def test_a_board_drawn_on_a_phone_has_names_and_every_label_of_its_axis(company: Company) -> None:
    stranger = company.stranger(viewport={"width": 360, "height": 800})
    stranger.open(f"/boards/{TASK}/{company['hardware']}/")
    plot = stranger.page.locator('[data-plot="board-figure"]')
    expect(plot.locator(".xtick text", has_text=re.compile("^1×$"))).to_be_visible()
    expect(plot.locator(".annotation-text", has_text="author-en").first).to_be_visible()
