"""The list of tasks and the page of one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hub.catalog.actions import retire
from hub.catalog.models import Task
from hub.community.models import Sig
from hub.core import clock
from tests import people
from tests.hub.web.conftest import LANGUAGES, Town, Visitor
from tests.hub.web.markup import problems

SLUGS = ("vector-add", "row-softmax", "layer-norm-gelu")


@pytest.fixture
def tasks(make_task: Callable[..., Task]) -> list[Task]:
    return [make_task(slug) for slug in SLUGS]


def listed(page: str) -> set[str]:
    return {slug for slug in SLUGS if f'href="/tasks/{slug}/"' in page}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", set(SLUGS)),
        ("text=注意力", {"row-softmax"}),
        ("text=向量加法", {"vector-add"}),
        ("text=EXPF+row", {"row-softmax"}),
        ("language=cpp", {"row-softmax", "layer-norm-gelu"}),
        ("level=1", {"vector-add"}),
        ("level=1&language=cpp", set()),
        ("level=one", set()),
        ("kind=no-such-kind", set()),
        ("page=99", set(SLUGS)),
    ],
)
def test_the_list_shows_what_fits(tasks: list[Task], query: str, found: set[str]) -> None:
    assert listed(Visitor(None).get(f"/tasks/?{query}")) == found


def test_a_filter_without_result_says_what_to_do(tasks: list[Task]) -> None:
    page = Visitor(None).get("/tasks/?text=zzz")
    assert "No task fits" in page
    assert "Show all tasks" in page


def test_an_empty_hub_says_how_to_add_a_task(db: None) -> None:
    assert "Maintainers publish them" in Visitor(None).get("/tasks/")


def test_htmx_gets_the_results_alone(tasks: list[Task]) -> None:
    page = Visitor(None).get("/tasks/?text=expf", headers={"hx-request": "true"})
    assert listed(page) == {"row-softmax"}
    assert "<html" not in page


def test_a_chosen_filter_stays_chosen_and_can_be_taken_away(tasks: list[Task]) -> None:
    page = Visitor(None).get("/tasks/?language=cpp&text=row&order=points")
    assert '<input type="checkbox" name="language" value="cpp" checked>' in page
    assert 'value="row"' in page
    assert 'href="/tasks/?text=row&amp;order=points"' in page
    assert 'href="/tasks/?language=cpp&amp;order=points"' in page


def test_htmx_gets_new_counts_and_an_address_to_keep(tasks: list[Task]) -> None:
    answer = Visitor(None).client.get("/tasks/?text=&language=cpp&order=", headers={"hx-request": "true"})
    assert answer.headers["hx-push-url"] == "/tasks/?language=cpp"
    counted = '<span class="count" id="count-kind-operator" hx-swap-oob="true">1</span>'
    assert counted in answer.content.decode()


def test_a_card_says_enough_to_choose_by(town: Town) -> None:
    page = Visitor(None).get("/tasks/")
    for said in (
        "open to everybody",
        "all slots taken",
        "1 of 1 slot free, by proposal",
        "1 works on it",
        "1 merged",
    ):
        assert said in page, said


def test_the_list_takes_few_queries(town: Town, django_assert_max_num_queries) -> None:
    visitor = Visitor(town.people.alice)
    with django_assert_max_num_queries(15):
        visitor.get("/tasks/?text=softmax&language=c")


def test_ones_own_claims_are_marked(tasks: list[Task], cast: people.Cast) -> None:
    visitor = Visitor(cast.alice)
    assert ">yours</span>" not in visitor.get("/tasks/")
    visitor.send("/tasks/vector-add/claim/")
    assert ">yours</span>" in visitor.get("/tasks/")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_statement_comes_in_the_readers_language_with_maths_as_mathml(
    tasks: list[Task], language: str
) -> None:
    page = Visitor(None, language).get("/tasks/vector-add/")
    assert "<math" in page
    assert ("单精度" in page) == (language == "zh-hans")


def test_what_to_read_first_comes_in_the_readers_language_with_its_address(tasks: list[Task]) -> None:
    page = Visitor(None, "zh-hans").get("/tasks/row-softmax/")
    assert "range reduction" not in page
    assert "区间归约" in page
    assert '<a class="small mono" href="https://arxiv.org/abs/1805.02867" rel="nofollow' in page


def test_the_commands_carry_the_readers_name(tasks: list[Task], cast: people.Cast) -> None:
    page = Visitor(cast.bob).get("/tasks/row-softmax/")
    assert "git clone http://127.0.0.1:8000/git/row-softmax.git\ncd row-softmax" in page
    assert "cp starter/c/* solutions/bob/" in page
    assert "git push origin HEAD:bob/first-try" in page


def test_a_stranger_sees_where_the_name_goes(tasks: list[Task]) -> None:
    page = Visitor(None).get("/tasks/row-softmax/")
    assert "git push origin HEAD:&lt;username&gt;/first-try" in page
    assert "Put your own username in place of &lt;username&gt;." in page
    assert "<code>solutions/&lt;username&gt;/</code>" in page


def test_the_rules_are_all_there(tasks: list[Task]) -> None:
    page = Visitor(None).get("/tasks/vector-add/")
    for said in (
        "<code>from-memory</code>",
        "1000003",
        "512 MiB",
        "20 files, 256 KiB in all",
        "rtol",
        "0.50×",
    ):
        assert said in page, said


def test_a_retired_task_is_off_the_list_but_its_page_stays(tasks: list[Task], cast: people.Cast) -> None:
    retire(tasks[0])
    assert "vector-add" not in listed(Visitor(None).get("/tasks/"))
    assert "This task is retired." in Visitor(cast.alice).get("/tasks/vector-add/")
    assert "Log in to claim it" not in Visitor(None).get("/tasks/vector-add/")


def test_a_task_says_where_a_timed_call_finds_its_tensors(tasks: list[Task], cast: people.Cast) -> None:
    assert "warm: a timed call finds its tensors just written" in Visitor(None).get("/tasks/vector-add/")


def test_an_unknown_task_is_not_found(db: None) -> None:
    assert "Nothing here" in Visitor(None).get("/tasks/no-such-task/", status=404)


def test_a_member_keeps_a_search_under_a_name_and_deletes_it(tasks: list[Task], cast: people.Cast) -> None:
    alice = Visitor(cast.alice)
    found = "text=row&language=cpp"
    assert "Keep this search" in alice.get(f"/tasks/?{found}")
    assert "Keep this search" not in Visitor(None).get(f"/tasks/?{found}")
    page = alice.send("/settings/searches/save/", {"name": " C++  rows ", "query": f"{found}&evil=1&page=7"})
    assert 'href="/tasks/?text=row&amp;language=cpp" aria-current="true">C++ rows</a>' in page
    assert problems(page) == []
    saved = cast.alice.saved_filters.get()
    Visitor(cast.bob).send(f"/settings/searches/{saved.pk}/forget/")
    assert cast.alice.saved_filters.exists(), "another's search stays"
    alice.send(f"/settings/searches/{saved.pk}/forget/", {"next": "https://elsewhere.example/"})
    assert not cast.alice.saved_filters.exists()


@pytest.mark.slow
def test_a_search_needs_a_name_and_a_filter(tasks: list[Task], cast: people.Cast) -> None:
    alice = Visitor(cast.alice)
    assert "Give the search a name" in alice.send("/settings/searches/save/", {"query": "kind=port"})
    assert "There is no filter to keep" in alice.send(
        "/settings/searches/save/", {"name": "x", "query": "a=b"}
    )
    for number in range(21):
        page = alice.send("/settings/searches/save/", {"name": f"{number}", "query": "kind=port"})
    assert "You keep 20 searches already" in page
    assert cast.alice.saved_filters.count() == 20


def test_the_interest_group_is_named_in_the_reader_s_language(make_task) -> None:
    task = make_task()
    Sig.objects.update_or_create(
        slug=task.sig, defaults={"title_en": "Kernel crew", "title_zh": "内核小组", "created_at": clock.now()}
    )
    for path in ("/tasks/", f"/tasks/{task.slug}/", "/"):
        assert "Kernel crew" in Visitor(None).get(path)
        assert "内核小组" in Visitor(None, "zh-hans").get(path)
