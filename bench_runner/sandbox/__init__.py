"""The cage for strangers' code; see README.md of this folder for the layers and what they cost.

with Sandbox.open().start(["/usr/bin/true"], mounts=[], limits=limits) as guest:
    end = guest.wait()
"""

from bench_runner.errors import BadOutput, SandboxUnavailable
from bench_runner.sandbox.command import python_executable, python_runtime
from bench_runner.sandbox.process import Guest
from bench_runner.sandbox.records import End, Limits, Mount
from bench_runner.sandbox.slots import Sandbox

__all__ = [
    "BadOutput", "End", "Guest", "Limits", "Mount", "Sandbox", "SandboxUnavailable", "python_executable",
    "python_runtime",
]  # fmt: skip
