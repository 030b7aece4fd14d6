"""A task folder is read whole, and every mistake in it is a sentence with file, key, value and cure."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench_runner.contract import Outcome
from tasks import spec
from tasks.model import VERDICTS
from tests.tasks.folders import copy_of, edit

MISTAKES = [
    ("format = 1", "format = 2", "format: 2 is not an integer from 1 to 1; this version reads format 1"),
    (
        'id = "6b510253-',
        'id = "zz510253-',
        "is not a UUID; make one with `python3 -m uuid` and never change it",
    ),
    ('kind = "operator"', 'kind = "game"', "kind: 'game' is not accepted; use one of operator | port | perf"),
    ("level = 2", "level = 6", "level: 6 is not an integer from 1 to 5; give the difficulty from 1 to 5"),
    ("level = 2", 'level = "2"', "level: '2' is not an integer from 1 to 5"),
    ("level = 2", "level = true", "level: True is not an integer from 1 to 5"),
    ("points = 20", "points = -20", "points: -20 is not an integer from 1 to 1000; give the points on merge"),
    ("points = 20", "pionts = 20", "pionts: unknown key; known are background, case, claim, dims, entry"),
    ("points = 20", "pionts = 20", "points, read, requires, sig, speed"),
    (
        'mentors = ["mentor"]',
        "mentors = []",
        "mentors: [] is not a list of one or more strings; name at least",
    ),
    ('mentors = ["mentor"]', 'mentors = ["The Mentor"]', "mentors[0]: 'The Mentor' is not accepted"),
    ('mentors = ["mentor"]', 'mentors = ["m1", "m1"]', "mentors[1]: 'm1' is there twice; delete one of them"),
    (
        'zh = "逐行 softmax：能向量化的指数函数"',
        'zh = "Softmax"',
        "title.zh: 'Softmax' is not accepted; write it in Ch",
    ),
    ("https://arxiv.org/abs/1805.02867", "arxiv", "read[3].url: 'arxiv' is not accepted; give the whole"),
    (
        'policy = "exclusive"',
        'policy = "fcfs"',
        "claim.policy: 'fcfs' is not accepted; use one of open | exclus",
    ),
    (
        "slots = 2",
        "slots = 0",
        "claim.slots: 0 is not an integer from 1 to 100; give how many may hold it at once",
    ),
    (
        'symbol = "row_softmax"',
        'symbol = "row softmax"',
        "entry.symbol: 'row softmax' is not accepted; name the",
    ),
    (
        'languages = ["c", "cpp"',
        'languages = ["c", "rust"',
        "entry.languages[1]: 'rust' is not accepted; use of c,",
    ),
    (
        '{username}/*"]',
        'everybody/*"]',
        "paths.allowed[0]: 'solutions/everybody/*' has no {username} or leaves",
    ),
    ("max_files = 20", "max_files = 20.5", "paths.max_files: 20.5 is not an integer from 1 to 1000"),
    (
        "{ rows = 17, cols = 10007 }",
        "{ rows = -1, cols = 1 }",
        "case[7].dims.rows: -1 is not zero or a positive",
    ),
    (
        "{ rows = 1024, cols = 512 }",
        "{ rows = 0, cols = 512 }",
        "case[8].dims.rows: 0 is not a positive integer; ",
    ),
    (
        "{ rows = 37, cols = 129 }",
        "{ rows = 37 }",
        "case[5].dims.cols: missing; give the size of the dimension",
    ),
    (
        "{ rows = 37, cols = 129 }",
        "{ rows = 1, cols = 1, k = 1 }",
        "case[5].dims.k: unknown key; known are cols,",
    ),
    ('id = "odd"', 'id = "one-row"', "case[5].id: 'one-row' is there twice; give every case its own id"),
    (
        'id = "odd"',
        'id = "Odd one"',
        "case[5].id: 'Odd one' is not accepted; use lower-case letters, digits and",
    ),
    ('order = ["rows", "cols"]', 'order = "rows"', "dims.order: 'rows' is not a list of one or more strings"),
    (
        'rule = "reduction"',
        'rule = "loose"',
        "tolerance.rule: 'loose' is not accepted; use one of elementwise |",
    ),
    (
        'rule = "reduction"',
        "float32 = { rtol = 0.9 }",
        "tolerance.float32.rtol: 0.9 is not a number from 0 to 0.5",
    ),
    (
        "build_seconds = 30",
        "build_seconds = nan",
        "limits.build_seconds: nan is not a number from 0.1 to 3600",
    ),
    ("log_kb = 64", "log_mb = 64", "limits.log_mb: unknown key; known are build_seconds, call_seconds"),
    (
        '"8*rows*cols"',
        '"8*rows*colums"',
        "work.bytes: '8*rows*colums': 'colums' is not a dim; dims are rows, cols",
    ),
    (
        '"8*rows*cols"',
        "\"__import__('os')\"",
        "is not allowed here; use numbers, dims, + - * / // and parenthe",
    ),
    (
        'classes = ["cpu", "gpu"]',
        'classes = ["CPU 1"]',
        "hardware.classes[0]: 'CPU 1' is not accepted; give prefixes",
    ),
    ("case_floor = 0.90", "case_floor = 1.90", "speed.case_floor: 1.9 is above target 1.1; lower it"),
    ("assembly = true", 'assembly = "yes"', "entry.assembly: 'yes' is neither true nor false; say whether"),
    (
        'languages = ["c", "cpp", "python", "cuda", "cupy"]',
        'languages = ["python", "cuda", "cupy"]',
        "entry.assembly: none of the languages becomes machine code of a processor; add one of c, cpp",
    ),
    (
        "case_floor = 0.90",
        'case_floor = 0.90\ncache = "hot"',
        "speed.cache: 'hot' is not accepted; use one of warm | cold",
    ),
]


@pytest.mark.parametrize(("old", "new", "sentence"), MISTAKES, ids=lambda value: str(value)[:40])
def test_a_mistake_in_task_toml_is_named_with_its_cure(
    old: str, new: str, sentence: str, tmp_path: Path
) -> None:
    folder = copy_of("row-softmax", tmp_path)
    edit(folder, "task.toml", old, new)
    with pytest.raises(spec.TaskError, match=r"row-softmax/task\.toml: ") as caught:
        spec.load_folder(folder)
    assert any(sentence in problem for problem in caught.value.problems), caught.value.problems


def test_all_mistakes_are_found_in_one_go(tmp_path: Path) -> None:
    folder = copy_of("row-softmax", tmp_path)
    edit(folder, "task.toml", "level = 2", "level = 9")
    edit(folder, "task.toml", "slots = 2", "slots = 0")
    (folder / "reference.py").unlink()
    shutil.rmtree(folder / "starter" / "cpp")
    with pytest.raises(spec.TaskError, match=r"level: 9 ") as caught:
        spec.load_folder(folder)
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "reference.py",
            "tasks/row-softmax/reference.py: missing; write `reference(inputs)`, the float64 oracle",
        ),
        (
            "inputs.py",
            "tasks/row-softmax/inputs.py: missing; write `make(dims, rng)`, fresh inputs of a case",
        ),
        ("statement.zh.md", "tasks/row-softmax/statement.zh.md: missing; write what to make, in Chinese"),
        (
            "baseline/solution.c",
            "tasks/row-softmax/baseline/solution.c: missing; write it, or correct [entry]",
        ),
        ("starter/python/solution.py", "tasks/row-softmax/starter/python/solution.py: missing; write it, or"),
        (
            "examples/accept-numpy/expect.toml",
            "accept-numpy/expect.toml: missing; every task and example needs it",
        ),
        (
            "examples/accept-numpy/solution.py",
            "examples/accept-numpy: 0 entry files; have exactly one of solution.c",
        ),
    ],
)
def test_a_missing_file_is_named(name: str, sentence: str, tmp_path: Path) -> None:
    folder = copy_of("row-softmax", tmp_path)
    (folder / name).unlink()
    with pytest.raises(spec.TaskError, match=r"missing|0 entry files") as caught:
        spec.load_folder(folder)
    assert sentence in "\n".join(caught.value.problems)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("accept", "examples: no accept-* folder; add a solution that passes, with expect.toml"),
        ("reject", "examples: no reject-* folder; add a known-wrong one that fails, with expect.toml"),
    ],
)
def test_a_task_needs_a_right_and_a_wrong_example(kind: str, sentence: str, tmp_path: Path) -> None:
    folder = copy_of("vector-add", tmp_path)
    for example in (folder / "examples").glob(f"{kind}-*"):
        shutil.rmtree(example)
    with pytest.raises(spec.TaskError, match="examples: no") as caught:
        spec.load_folder(folder)
    assert caught.value.problems == [f"tasks/vector-add/{sentence}"]


def test_the_name_of_an_example_must_agree_with_its_verdict(tmp_path: Path) -> None:
    folder = copy_of("vector-add", tmp_path)
    edit(folder, "examples/accept-simd/expect.toml", '"passed"', '"wrong_answer"')
    with pytest.raises(
        spec.TaskError, match=r"accept-simd/expect.toml: verdict: 'wrong_answer' in 'accept-simd'"
    ):
        spec.load_folder(folder)


def test_both_kinds_of_case_are_needed(tmp_path: Path) -> None:
    folder = copy_of("vector-add", tmp_path)
    text = (folder / "task.toml").read_text("utf-8").replace('use = "rank"', 'use = "check"')
    (folder / "task.toml").write_text(text, "utf-8")
    with pytest.raises(spec.TaskError, match=r"case: none has use = 'rank'; add one: speed is measured"):
        spec.load_folder(folder)


def test_inputs_come_before_outputs(tmp_path: Path) -> None:
    folder = copy_of("vector-add", tmp_path)
    edit(folder, "task.toml", 'name = "a"\nrole = "input"', 'name = "a"\nrole = "output"')
    with pytest.raises(
        spec.TaskError, match=r"tensor\[1\]\.role: 'input' comes after an output; put all inputs"
    ):
        spec.load_folder(folder)


def test_a_shape_names_known_dims(tmp_path: Path) -> None:
    folder = copy_of("vector-add", tmp_path)
    edit(folder, "task.toml", 'name = "a"\nrole = "input"\ndtype = "float32"\nshape = ["n"]', 'name = "a"\n'
         'role = "input"\ndtype = "float32"\nshape = ["m"]')  # fmt: skip
    with pytest.raises(
        spec.TaskError, match=r"tensor\[0\]\.shape\[0\]: 'm' is neither a dim nor a size; use a dim"
    ):
        spec.load_folder(folder)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"format = 1\nlevel = = 2\n", r"task\.toml: not TOML: .* \(at line 2, column 9\); correct the line"),
        (b"format = 1 # \xff\n", r"task\.toml: byte 13: not UTF-8; save the file as UTF-8"),
        (b"", r"task\.toml: format: missing; this version reads format 1"),
        (b"case = 3\n", r"task\.toml: case: 3 is not a list of tables; give \[\[case\]\] tables"),
        (b"claim = 3\n", r"task\.toml: claim: 3 is not a table; give policy = "),
    ],
)
def test_a_file_that_is_no_task_is_refused(content: bytes, sentence: str, tmp_path: Path) -> None:
    folder = copy_of("vector-add", tmp_path)
    (folder / "task.toml").write_bytes(content)
    with pytest.raises(spec.TaskError, match=sentence):
        spec.load_folder(folder)


def test_a_folder_without_task_toml_is_no_task(tmp_path: Path) -> None:
    with pytest.raises(
        spec.TaskError, match=r"no task\.toml; a task is a folder with one, see tasks/README\.md"
    ):
        spec.load_folder(tmp_path)


def test_a_statement_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    folder = copy_of("vector-add", tmp_path)
    (folder / "statement.zh.md").write_bytes("向量".encode("gb18030"))
    with pytest.raises(spec.TaskError, match=r"statement\.zh\.md: byte 0: not UTF-8; save the file as UTF-8"):
        spec.load_folder(folder)


def test_points_and_tolerance_have_defaults(tmp_path: Path) -> None:
    folder = copy_of("row-softmax", tmp_path)
    edit(folder, "task.toml", "points = 20\n", "")
    edit(folder, "task.toml", 'rule = "reduction"', "")
    task = spec.load_folder(folder)
    assert task.points == 20
    assert task.tolerance == {"float32": spec.Tolerance(rtol=1e-4, atol=1e-5)}


def test_a_task_knows_its_parts() -> None:
    task = spec.load_folder(spec.ROOT / "layer-norm-gelu")
    assert [tensor.name for tensor in task.inputs] == ["x", "gamma", "beta"]
    assert [tensor.shape_of({"rows": 2, "cols": 3}) for tensor in task.tensors] == [
        (2, 3),
        (3,),
        (3,),
        (2, 3),
    ]
    assert task.outputs[0].bytes_of({"rows": 2, "cols": 3}) == 24
    case = task.cases_for("rank")[0]
    assert task.work.bytes_of(case) == 8 * 320 * 768 + 8 * 768
    assert task.runs_on("cpu-x86-avx512")
    assert not task.runs_on("fpga-1")
    assert task.paths.allowed_for("li") == ("solutions/li/*",)
    assert task.title.get("zh-hans") == task.title.zh
    assert task.title.get("en") == task.title.en


def test_a_task_says_what_to_read_first() -> None:
    task = spec.load_folder(spec.ROOT / "row-softmax")
    assert len(task.readings) == 4
    assert task.readings[3].url == "https://arxiv.org/abs/1805.02867"
    assert "区间归约" in task.readings[1].text.get("zh-hans")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('gpu_baseline = "cupy"\n', "", "entry.gpu_baseline: missing; name the language of baseline/"),
        (
            'gpu_baseline = "cupy"',
            'gpu_baseline = "c"',
            "entry.gpu_baseline: 'c' is not accepted; use one of cuda",
        ),
        (
            '"cuda", "cupy"]\nbase',
            '"rust"]\nbase',
            "entry.languages: none computes on a gpu; add one of cuda, cupy, triton",
        ),
        (
            '["cpu", "gpu"]',
            '["cpu"]',
            "case 'card-attention': no class asks for a gpu; add \"gpu\" to [hardware]",
        ),
        ('["cpu", "gpu"]', '["gpu"]', 'entry.baseline: no class asks for a cpu; add "cpu" to [hardware]'),
        ("gpu_case_floor = 0.80", "gpu_case_floor = 2", "gpu_case_floor: 2 is above gpu_target 1; lower it"),
    ],
)
def test_what_is_for_cards_must_be_whole_and_asked_for(
    old: str, new: str, sentence: str, tmp_path: Path
) -> None:
    folder = copy_of("row-softmax", tmp_path)
    edit(folder, "task.toml", old, new)
    with pytest.raises(spec.TaskError) as caught:
        spec.load_folder(folder)
    assert sentence in str(caught.value)


def test_a_machine_sees_the_cases_languages_and_baseline_that_hold_there() -> None:
    task = spec.load_folder(spec.ROOT / "row-softmax")
    card, processor = task.on("gpu-h100"), task.on("cpu-x86-avx2")
    assert (card.entry.languages, card.entry.baseline) == (("cuda", "cupy"), "cupy")
    assert (processor.entry.languages, processor.entry.baseline) == (("c", "cpp", "python"), "c")
    assert {case.id for case in card.cases} & {case.id for case in processor.cases} == {
        case.id for case in task.cases_for("check")
    }
    assert all(case.id.startswith("card-") for case in card.cases_for("rank"))
    assert (card.limits.memory_mb, card.limits.call_seconds) == (4096, 20)
    assert (processor.limits.memory_mb, processor.limits.call_seconds) == (512, 2)
    assert (card.entry.libraries, processor.entry.libraries) == (("framework", "kernels"), ())
    assert (card.digest, processor.digest) == (task.digest, task.digest)
    assert task.on("fpga-1").cases == ()


def test_a_submission_is_taken_where_it_has_an_entry_file() -> None:
    task = spec.load_folder(spec.ROOT / "row-softmax")
    assert task.takes(["solution.cu"], "gpu-a100")
    assert not task.takes(["solution.cu"], "cpu-x86")
    assert not task.takes(["solution.py"], "gpu-a100")


def test_an_example_gives_what_a_contributor_would_have_pushed() -> None:
    files = spec.read_folder(spec.ROOT / "row-softmax")
    task = spec.load_files("row-softmax", files)
    example = next(example for example in task.examples if example.name == "accept-simd-exp")
    assert example.language == "c"
    assert sorted(example.files_of(files)) == ["solution.c", "vector_exp.h"]


def test_the_digest_is_of_names_and_contents() -> None:
    files = spec.read_folder(spec.ROOT / "vector-add")
    assert spec.load_files("vector-add", files).digest == spec.digest(files)
    assert spec.digest({"a": b"bc"}) != spec.digest({"ab": b"c"})
    assert spec.digest({"a": b"1", "b": b""}) == spec.digest({"b": b"", "a": b"1"})


def test_two_revisions_of_a_module_do_not_share_it_and_leave_nothing_behind(tmp_path: Path) -> None:
    for name, value in (("one", 1), ("two", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "inputs.py").write_text(f"value = {value}\n")
    modules = [spec.load_module(tmp_path / name, "inputs") for name in ("one", "two")]
    assert [module.value for module in modules] == [1, 2]
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["inputs.py"]


def test_the_verdicts_of_examples_are_those_of_the_judge() -> None:
    assert sorted(VERDICTS) == sorted(outcome.value for outcome in Outcome)
