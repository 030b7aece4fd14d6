"""A contributor and a mentor in Chromium, from the list of tasks to the points, in both languages.

What is looked for is structure (forms, addresses, marks of state), so one story serves both languages; that
the words are the right ones is seen from the page's language and from a few sentences.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from hub.demo.people import PEOPLE
from hub.demo.visitor import Visitor
from tasks.spec import load_folder, read_folder
from tests.browser.town import PATIENCE
from tests.pushing import Contributor
from tests.whole import WholeHub

pytestmark = [pytest.mark.sandbox, pytest.mark.browser, pytest.mark.xdist_group("browser")]  # one hub

TASK = "row-softmax"
JUDGE_SECONDS = 300  # at most: the machine may be busy, and a job has three attempts
FOLDER = Path(__file__).resolve().parents[2] / "tasks" / TASK


@dataclass(frozen=True)
class Words:
    """What this language's pages must say somewhere."""

    locale: str
    html_lang: str
    demo: str


ENGLISH = Words("en-GB", "en", "Demo mode")
CHINESE = Words("zh-CN", "zh-Hans", "演示")


def files_of(name: str) -> dict[str, bytes]:
    example = next(e for e in load_folder(FOLDER).examples if e.name == name)
    return example.files_of(read_folder(FOLDER))


@dataclass
class Person:
    """Somebody at a browser of their own."""

    hub: WholeHub
    page: Page
    username: str

    def open(self, path: str) -> None:
        self.page.goto(self.hub.url + path)

    def log_in(self) -> None:
        person = next(person for person in PEOPLE if person.username == self.username)
        self.open("/login/")
        self.page.fill("[name=login]", person.username)
        self.page.fill("[name=password]", person.password)
        self.page.locator("main form button").first.click()
        self.page.wait_for_url(self.hub.url + "/")

    def press(self, action: str) -> None:
        """The button of the form that goes to an address ending so."""
        self.page.locator(f'form[action$="{action}"] button').first.click()


@pytest.fixture(params=[(ENGLISH, "alice"), (CHINESE, "bob")], ids=["English", "Chinese"])
def story(request: pytest.FixtureRequest, browser: Browser, hub: WholeHub):
    words, username = request.param
    contexts = [browser.new_context(locale=words.locale, reduced_motion="reduce") for _ in range(2)]
    for context in contexts:
        context.set_default_timeout(PATIENCE)
    contributor, mentor = (
        Person(hub, context.new_page(), name)
        for context, name in zip(contexts, (username, "mentor"), strict=True)
    )
    yield words, contributor, mentor
    for context in contexts:
        context.close()


def test_from_the_list_of_tasks_to_the_points(story, hub: WholeHub, tmp_path: Path) -> None:
    words, contributor, mentor = story
    contributor.open("/")
    expect(contributor.page.locator("html")).to_have_attribute("lang", words.html_lang)
    expect(contributor.page.locator("body")).to_contain_text(words.demo)
    contributor.log_in()
    find_and_claim_the_task(contributor)
    git = clone_with_a_new_token(contributor, tmp_path)

    pull = push(git, "reject-no-max")
    contributor.open(pull)
    watch_until(contributor.page, ".verdict.is-bad")
    mentor.log_in()
    ask_for_changes_on_a_line(mentor, contributor.page.url)
    expect(contributor.page.locator("main")).to_contain_text("exp(x - max)")

    push(git, "accept-simd-exp")
    watch_until(contributor.page, "[data-part=results] .js-plotly-plot .main-svg")
    the_board_shows(contributor)
    approve_from_the_desk(mentor, contributor)
    mentor.press("/merge/")
    expect(contributor.page.locator(".stage-merged, .badge").first).to_be_visible()
    hub.wait(
        lambda: (
            hub.count(
                "SELECT count(*) FROM pulls_pullrequest JOIN accounts_user u ON u.id = author_id "
                "WHERE state = 'merged' AND u.username = ?",
                contributor.username,
            )
            == 1
        ),
        "the merge",
        JUDGE_SECONDS,
    )
    contributor.open(f"/people/{contributor.username}/")
    expect(contributor.page.locator(".tallies .is-gold")).to_have_text("20")


def find_and_claim_the_task(person: Person) -> None:
    person.open("/tasks/")
    person.page.locator('[name="level"]').first.wait_for()
    person.open("/tasks/?level=2")
    expect(person.page.locator(f'main a[href="/tasks/{TASK}/"]').first).to_be_visible()
    expect(person.page.locator('main a[href="/tasks/vector-add/"]')).to_have_count(0)
    person.page.locator(f'main a[href="/tasks/{TASK}/"]').first.click()
    expect(person.page.locator("math").first).to_be_visible()
    person.press("/claim/")
    expect(person.page.locator("#claim.is-yours")).to_be_visible()


def clone_with_a_new_token(person: Person, folder: Path) -> Contributor:
    person.open("/settings/tokens/")
    person.page.fill("form[action$='/create/'] [name=name]", "laptop")
    person.press("/tokens/create/")
    shown = person.page.locator(".made").inner_text()
    token = re.search(r"ts_[\w-]{43}", shown)
    assert token, shown
    person.open("/settings/tokens/")
    assert token.group() not in person.page.content(), "a token is shown once"
    visitor = Visitor(person.hub.url, person.username, "", token=token.group())
    done = visitor.git("clone", "-q", f"{person.hub.url}/git/{TASK}.git", "work", folder=folder)
    assert done.returncode == 0, done.stderr
    return Contributor(visitor, folder / "work")


def push(git: Contributor, example: str) -> str:
    """Push an example to the one topic; the path of the pull request, as git's answer tells it."""
    said = git.push(git.commit(files_of(example), example), "quick-rows")
    link = re.search(r"remote: .*?(/pulls/\S+)", said)
    assert link, said
    return link.group(1)


def watch_until(page: Page, arrives: str) -> None:
    """Something arrives on the open page by itself: the page is never loaded again."""
    page.evaluate("window.neverReloaded = true")
    expect(page.locator(arrives).first).to_be_visible(timeout=JUDGE_SECONDS * 1000)
    assert page.evaluate("window.neverReloaded"), "the page was reloaded"


def ask_for_changes_on_a_line(mentor: Person, url: str) -> None:
    mentor.page.goto(url + "diff/")
    mentor.page.locator("a.line-say").nth(5).click()
    form = mentor.page.locator("form.line-form")
    form.locator("textarea").fill("Take the row's maximum off first: exp(x - max).")
    form.locator("button").click()
    expect(mentor.page.locator(".said-in").first).to_contain_text("exp(x - max)")
    mentor.page.fill("#review textarea", "Nearly there.")
    mentor.page.locator('#review button[value="changes"]').click()
    expect(mentor.page.locator("main")).to_contain_text("Nearly there.")


def the_board_shows(person: Person) -> None:
    page = person.page.context.new_page()
    page.goto(f"{person.hub.url}/boards/")
    page.locator(f'a[href^="/boards/{TASK}/"]').first.click()
    expect(page.locator(f'table.board a[href="/people/{person.username}/"]')).to_be_visible()
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    page.close()


def approve_from_the_desk(mentor: Person, contributor: Person) -> None:
    mentor.open("/desk/")
    path = contributor.page.url.removeprefix(contributor.hub.url)
    mentor.page.locator(f'.desk a.pull-title[href^="{path}"]').first.click()
    mentor.page.locator('#review button[value="approve"]').click()
    mentor.open(path)
