"""docker-compose.yml and the Dockerfile, read and compared with the code: no container engine is needed."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.architecture.tree import ROOT, parsed

GETTERS = {"os.environ.get", "given.get", "self.given.get"}
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{2,}")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()


def stages(dockerfile: str) -> set[str]:
    return set(re.findall(r"(?m)^FROM \S+ AS (\S+)$", dockerfile))


def variables_read(module: Path) -> set[str]:
    """Environment variables that a module reads: named to GETTERS or to a reader function of its own."""
    names = set()
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.Call):
            reads = isinstance(node.func, ast.Name) or ast.unparse(node.func) in GETTERS
            names |= {a.value for a in node.args[:1] if reads and isinstance(a, ast.Constant)}
        elif isinstance(node, ast.Subscript) and "environ" in ast.unparse(node.value):
            names |= {node.slice.value} if isinstance(node.slice, ast.Constant) else set()
    return {name for name in names if isinstance(name, str) and VARIABLE.fullmatch(name)}


def test_every_part_of_an_outgrown_hub_has_its_service(compose) -> None:
    assert {"site", "jobs", "worker", "redis", "postgres"} <= set(compose["services"])


def test_every_build_target_is_a_stage_of_the_dockerfile(compose, dockerfile) -> None:
    targets = {service["build"]["target"] for service in compose["services"].values() if "build" in service}
    assert targets == {"site", "worker", "gpu-worker"}
    assert targets <= stages(dockerfile)


def test_every_stage_is_copied_from_one_that_exists(dockerfile) -> None:
    assert set(re.findall(r"--from=(\S+)", dockerfile)) <= stages(dockerfile)


def test_everything_the_images_copy_is_in_the_repository(dockerfile) -> None:
    copied = re.findall(r"(?m)^COPY (?!--from)(\S+) ", dockerfile)
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_redis_keeps_what_it_is_given(compose) -> None:
    command = compose["services"]["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
    assert options["--save"] == ""
    assert "redis:/data" in compose["services"]["redis"]["volumes"]


@pytest.mark.parametrize("name", ["prepare", "site", "jobs"])
def test_every_variable_of_the_site_is_one_that_settings_reads(compose, name) -> None:
    assert set(compose["services"][name]["environment"]) <= variables_read(ROOT / "hub" / "settings.py")


@pytest.mark.parametrize("name", ["worker", "gpu-worker"])
def test_every_variable_of_a_worker_is_one_that_it_reads(compose, name) -> None:
    of_the_toolkit = {each for each in compose["services"][name]["environment"] if each.startswith("NVIDIA_")}
    read = variables_read(ROOT / "bench_runner" / "config.py")
    assert set(compose["services"][name]["environment"]) <= read | of_the_toolkit


def test_the_worker_on_a_card_starts_only_when_asked_for_and_gets_every_card(compose) -> None:
    service = compose["services"]["gpu-worker"]
    assert service["profiles"] == ["gpu"]
    [devices] = service["deploy"]["resources"]["reservations"]["devices"]
    assert devices == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    assert service["environment"]["WORKER_CARD"] == "${WORKER_CARD:-}"
    assert compose["services"]["worker"]["environment"]["WORKER_CARD"] == "none"


def test_the_image_for_a_card_builds_on_the_worker_s_and_holds_what_baselines_call(dockerfile) -> None:
    worker, for_cards = dockerfile.split(" AS worker")[1].split("FROM worker AS gpu-worker")
    assert {"COPY kernels kernels", "COPY framework framework"} <= set(worker.splitlines())
    assert "[gpu]" in for_cards


@pytest.mark.parametrize("name", ["worker", "gpu-worker"])
def test_a_worker_holds_no_key_to_the_database_or_the_site(compose, name) -> None:
    assert not {"DATABASE_URL", "SECRET_KEY", "POSTGRES_PASSWORD"} & set(
        compose["services"][name]["environment"]
    )


def test_the_worker_image_holds_no_code_of_the_site(dockerfile) -> None:
    stage = dockerfile.split(" AS worker")[1]
    assert "COPY hub" not in stage
    assert "COPY bench_runner" in stage


def test_only_workers_are_privileged(compose) -> None:
    privileged = [name for name, service in compose["services"].items() if service.get("privileged")]
    assert privileged == ["worker", "gpu-worker"]


def test_only_one_service_holds_the_clock(compose) -> None:
    assert [
        name for name, service in compose["services"].items() if "--beat" in service.get("command", [])
    ] == ["jobs"]


def test_every_volume_that_is_used_is_declared(compose) -> None:
    used = {
        mount.split(":")[0]
        for service in compose["services"].values()
        for mount in service.get("volumes", [])
    }
    assert used == set(compose["volumes"])


def test_every_service_waits_for_services_that_exist(compose) -> None:
    services = compose["services"]
    waits = {(name, other) for name, service in services.items() for other in service.get("depends_on", {})}
    assert all(other in services for _, other in waits)
    healthy = {
        other
        for service in services.values()
        for other, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_healthy"
    }
    assert all("healthcheck" in services[name] for name in healthy)


def test_the_images_install_from_the_lock_by_hash(dockerfile) -> None:
    assert "--require-hashes -r requirements.lock" in dockerfile
