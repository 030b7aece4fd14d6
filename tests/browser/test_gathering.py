"""Programmes, SIGs and events in Chromium, in both languages: apply, rank, announce; sign up, calendar."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.browser.town import Company

pytestmark = [
    pytest.mark.slow, pytest.mark.sandbox, pytest.mark.browser, pytest.mark.xdist_group("browser"),
]  # fmt: skip

WHY = "I have written two kernels by hand and would begin with the plain loops, measured each time."


def test_an_application_is_sent_ranked_and_settled(company: Company) -> None:
    applicant, maintainer = company.person("applicant"), company.person("maintainer")
    page = f"/programmes/{company['programme']}/"
    applicant.open("/programmes/")
    applicant.follow(f'main a[href="{page}"]')
    applicant.send("/apply/", text=WHY, wish=company["wished"])
    applicant.sees("#application.is-yours ol li")

    maintainer.open(page)
    maintainer.follow(f'a[href="{page}applicants/"]')
    form = maintainer.form(f"/applicants/{company['wished']}/")
    form.locator('input[name^="rank-"]').fill("1")
    maintainer.fill_and_send(form)
    maintainer.is_done()
    maintainer.follow(f'a[href="{page}match/"]')
    maintainer.sees("tbody tr", company.name("applicant"))
    maintainer.open(page)
    maintainer.send("/announce/", title=f"We begin ({company.language})", body="On *Monday*.")
    maintainer.is_done()
    applicant.open(page)
    applicant.sees("#announcements em", "Monday")
    applicant.open(f"{page}standing/")
    applicant.sees("main h1")
    applicant.open(f"{page}report/")
    applicant.sees("main h1")
    assert company.name("author") not in maintainer.fetched(f"{page}statement.csv")
    assert company["wished"] in maintainer.fetched(f"{page}programme.json")


def test_a_stage_is_evaluated_and_paid(company: Company) -> None:
    mentor, rival = company.person("mentor"), company.person("rival")
    page = "/programmes/paid/"
    mentor.open(page)
    mentor.follow(f'main a[href="{page}stages/"]')
    theirs = f'main section:has(input[name="user"][value="{company.name("rival")}"]) form'
    mentor.fill_and_send(mentor.find(theirs), '[value="0"]')  # and no reason
    mentor.sees(".notices .is-error")
    mentor.fill_and_send(mentor.find(theirs), '[value="1"]', note="Well on the way.")
    mentor.is_done()
    expect(mentor.find(f"{theirs} select")).to_have_value("2")

    rival.open(page)
    rival.sees("#stages .badge.is-good")
    rival.sees("#stages", "Well on the way.")
    rival.follow(f'#stages a[href="{page}statement/"]')
    rival.sees("main tbody tr", company.name("rival"))
    rival.sees_no("main tbody tr + tr")


def test_a_programme_is_made_by_form_which_says_what_is_wrong(company: Company) -> None:
    maintainer = company.person("maintainer")
    maintainer.open("/programmes/")
    maintainer.follow('main a[href^="/programmes/new/?kind=contest"], main a[href^="/programmes/new/"]')
    form = maintainer.page.locator("main form.card")
    slug = f"sprint-{company.language}"
    given = {"title_en": "Sprint", "title_zh": "冲刺", "slug": slug, "tasks": "no-such-task"}
    dates = {"starts_at": "2040-01-10T09:00", "ends_at": "2040-02-10T09:00", "closes_at": "2040-03-01T09:00"}
    maintainer.fill_and_send(form, **given, **dates)
    maintainer.sees(".field.has-error .error", "no-such-task")
    expect(form.locator('[name="title_zh"]')).to_have_value("冲刺")
    maintainer.fill_and_send(form, tasks="")
    expect(maintainer.page).to_have_url(f"{company.hub.url}/programmes/{slug}/")
    maintainer.is_done()


def test_a_programme_is_taken_out_and_in_again_under_another_name(company: Company) -> None:
    maintainer = company.person("maintainer")
    page, copy = f"/programmes/{company['contest']}/", f"copy-{company['contest']}"
    maintainer.open(page)
    file = maintainer.find('main a[href$="/programme.json"]').get_attribute("href")
    assert file
    said = json.loads(maintainer.fetched(file))

    def take_in(text: str) -> None:
        maintainer.open("/programmes/")
        form = maintainer.form("/programmes/import/")
        sent = {"name": "programme.json", "mimeType": "application/json", "buffer": text.encode()}
        form.locator('[name="file"]').set_input_files([sent])  # type: ignore[list-item]
        maintainer.fill_and_send(form)

    take_in("no programme at all")
    maintainer.sees(".notices .is-error")
    take_in(json.dumps(said))  # it is there already
    maintainer.sees(".notices .is-error", company["contest"])
    said["programme"]["slug"] = copy
    take_in(json.dumps(said))
    maintainer.is_done()
    expect(maintainer.page).to_have_url(f"{company.hub.url}/programmes/{copy}/")
    maintainer.sees("#team")  # by the rules of the file


def test_a_team_is_founded_and_joined_by_its_code(company: Company) -> None:
    founder, second, third = (company.person(role) for role in ("author", "rival", "newcomer"))
    page = f"/programmes/{company['contest']}/"
    founder.open(page)
    founder.send("/team/", name="Streak")
    code = founder.page.locator("#team .command code").inner_text()
    second.open(page)
    second.send("/team/join/", code="not-the-code")
    second.sees("#team .field.has-error .error")
    second.send("/team/join/", code=code)
    second.sees("#team.is-yours strong", "Streak")
    third.open(page)
    third.send("/team/join/", code=code)
    third.sees("#team .field.has-error .error")  # two are a whole team
    second.send("/team/leave/")
    second.sees('form[action$="/team/join/"]')


def test_a_seat_is_taken_waited_for_and_left(company: Company) -> None:
    author, rival = company.person("author"), company.person("rival")
    event = f"/events/{company['event']}/"
    author.open(f"/sigs/{company['sig']}/")
    author.send("/join/")
    author.sees('form[action$="/leave/"]')
    author.follow(f'a[href="{event}"]')
    author.send("/join/")
    author.sees(".people li", company.name("author"))
    rival.open(event)
    rival.send("/join/")
    rival.sees("ol.people li", company.name("rival"))  # the waiting list
    author.open("/events/")
    own = author.page.locator("main .command code").inner_text()
    calendar = author.fetched(own.removeprefix(company.hub.url))
    assert calendar.startswith("BEGIN:VCALENDAR")
    assert "Softmax evening" in calendar
    author.open(event)
    author.send("/leave/")
    rival.open(event)
    rival.sees("ul.people li", company.name("rival"))
    rival.open("/notifications/")
    rival.sees(".told li")


def test_a_lead_plans_an_event_and_tells_the_members(company: Company) -> None:
    lead = company.person("mentor")
    sig = f"/sigs/{company['sig']}/"
    lead.open(sig)
    lead.send("/announce/", title="Thursdays", body="We read one solution *together*.")
    lead.sees("article em", "together")
    lead.follow(f'a[href="{sig}plan/"]')
    form = lead.page.locator("main form.card")
    wrong = {
        "title": "Cache lines",
        "place": "Room 2",
        "starts": "2040-05-01T19:30",
        "ends": "2040-05-01T18:00",
    }
    lead.fill_and_send(form, **wrong, time_zone="Asia/Shanghai")
    lead.sees(".notice.is-error, .field.has-error")
    lead.fill_and_send(form, ends="2040-05-01T21:00")
    lead.sees("main h1", "Cache lines")
    assert "Cache lines" in lead.fetched(f"{sig}events.ics")
    lead.send("/off/", why="No room.")
    lead.sees(".notice.is-error", "No room.")


def test_no_part_of_a_page_runs_into_the_next_where_the_window_is_just_wide_enough(company: Company) -> None:
    maintainer = company.person("maintainer", viewport={"width": 1280, "height": 800})
    maintainer.open(f"/sigs/{company['sig']}/")
    for part in (".top-in", ".meeting-when"):
        box = maintainer.find(part)
        assert box.evaluate("box => box.scrollWidth <= box.clientWidth"), part
    assert maintainer.find(".menu-name").evaluate("name => name.clientWidth") > 60


def test_the_section_that_is_open_is_in_sight_on_a_phone(company: Company) -> None:
    mentor = company.person("mentor", viewport={"width": 360, "height": 800})
    mentor.open("/desk/")
    expect(mentor.find(".sections [aria-current]")).to_be_in_viewport(ratio=1)
