"""Tasks are found by words of English and of Chinese, on both databases alike."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hub.catalog.actions import publish
from hub.catalog.fulltext import cut, ranked
from hub.catalog.models import SearchText, Task
from tasks.spec import read_folder
from tests.hub.conftest import TASKS

SLUGS = ("vector-add", "row-softmax", "layer-norm-gelu")
FIRST = {
    "softmax": "row-softmax",
    "SoftMax row": "row-softmax",
    "softm": "row-softmax",
    "normalising": "layer-norm-gelu",
    "vectors": "vector-add",
    "加法": "vector-add",
    "量加": "vector-add",
    "融合算子": "layer-norm-gelu",
    "注意力": "row-softmax",
    "ＳＯＦＴＭＡＸ": "row-softmax",  # full-width letters, as a Chinese keyboard may send them
    "向量 add": "vector-add",
    "vector_add": "vector-add",
    "\0softmax" * 9000: "row-softmax",
}
NOTHING = ("", "   ", "?!()\"*:'", "softmax 向量加减", "zzz", "softmax zzz", "-", "softmax OR zzz")


@pytest.fixture
def found(make_task: Callable[..., Task]) -> Callable[[str], list[str]]:
    slugs = {make_task(slug).pk: slug for slug in SLUGS}
    return lambda text: [slugs[key] for key in ranked(text)]


def test_a_word_of_either_language_finds_its_task_first(found) -> None:
    assert {text: found(text)[:1] for text in FIRST} == {text: [slug] for text, slug in FIRST.items()}


def test_every_word_must_be_there(found) -> None:
    assert [text for text in NOTHING if found(text)] == []


def test_no_sign_of_a_query_means_anything_to_the_database(found) -> None:
    for text in ("expf' OR 1=1", 'expf" OR "vector', "expf) | (vector", "expf:* %s"):
        assert set(found(text)) <= {"row-softmax"}


def test_the_title_weighs_more_than_the_text(found) -> None:
    assert "row-softmax" in found("vector")
    assert found("vector")[0] == "vector-add"


def test_the_index_follows_a_new_revision_and_a_row_that_goes(found) -> None:
    files = read_folder(TASKS / "vector-add")
    toml = files["task.toml"].decode().replace("Vector addition: your first kernel", "Adding zebras")
    publish("vector-add", {**files, "task.toml": toml.encode()})
    assert found("zebra") == ["vector-add"]
    SearchText.objects.filter(task__slug="vector-add").delete()
    assert found("zebra") == []


def test_c_plus_plus_is_a_word(found) -> None:
    assert set(found("c++")) == {"row-softmax", "layer-norm-gelu"}


def test_chinese_is_cut_into_characters_and_pairs() -> None:
    assert cut("向量 add") == "u5411 u91cf u5411u91cf add"
