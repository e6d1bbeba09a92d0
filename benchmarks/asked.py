"""The process that runs tests in one copy of the project, for `benchmarks.mutate`.

It imports what takes long once, and forks for each run; only the child imports the package.
Requests are lines of JSON on its input, answers lines of JSON on its output. When the input ends,
however that came about, the copy is deleted.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

SLOW_TO_IMPORT = (
    "numpy.testing",
    "pandas",
    "scipy.stats",
    "scipy.optimize",
    "scipy.sparse.linalg",
    "scipy.spatial",
    "geopandas",
    "numba",
    "statsmodels.api",
    "formulaic",
    "libpysal",
    "esda",
    "hypothesis",
    "jinja2",
    "openpyxl",
    "coverage",
)
MEMORY = 8 * 2**30


class Selection:
    """Keeps the tests that are wanted, in their order, each within its limit of processor time."""

    def __init__(self, limits: dict[str, float]) -> None:
        self.limits = limits
        self.place = {name: number for number, name in enumerate(limits)}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """End the process, by the signal of the timer, where a test takes too long."""
        signal.setitimer(signal.ITIMER_PROF, self.limits[item.nodeid])
        yield
        signal.setitimer(signal.ITIMER_PROF, 0)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Drop what is not wanted and order what is."""
        items[:] = sorted(
            (item for item in items if item.nodeid in self.place),
            key=lambda item: self.place[item.nodeid],
        )


class Recorder:
    """Which test runs which line, for how long, and whether it passes.

    Lines that a fixture of a module or session runs belong to every test that uses the fixture.
    """

    def __init__(self, coverage: Any) -> None:
        self.coverage = coverage
        self.context = ""
        self.seconds: dict[str, float] = {}
        self.fixtures: dict[str, list[str]] = {}
        self.passed: dict[str, bool] = {}

    def switch(self, context: str) -> str:
        """Ascribe the lines that follow to `context`; return what came before."""
        before, self.context = self.context, context
        self.coverage.switch_context(context)
        return before

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Ascribe lines and seconds to the test."""
        self.switch(item.nodeid)
        self.fixtures[item.nodeid] = list(getattr(item, "fixturenames", []))
        start = time.process_time()
        yield
        self.seconds[item.nodeid] = time.process_time() - start
        self.switch("")

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        """Ascribe the lines of a fixture that is made once to the fixture."""
        if fixturedef.scope == "function":
            yield
            return
        before = self.switch(f"fixture {fixturedef.argname}")
        yield
        self.switch(before)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what passed and what failed; what was skipped is neither."""
        if report.failed:
            self.passed[report.nodeid] = False
        elif report.when == "call" and report.passed:
            self.passed.setdefault(report.nodeid, True)

    def lines(self, tree: Path) -> dict[str, dict[str, list[str]]]:
        """Map file and line to the tests that run it."""
        users = defaultdict(list)
        for test, names in self.fixtures.items():
            for name in names:
                users[f"fixture {name}"].append(test)
        data = self.coverage.get_data()
        table: dict[str, dict[str, list[str]]] = {}
        for file in data.measured_files():
            rows = {}
            for line, contexts in data.contexts_by_lineno(file).items():
                tests = {t for c in contexts for t in users.get(c, [c])} & self.passed.keys()
                if tests:
                    rows[str(line)] = sorted(tests)
            table[Path(file).relative_to(tree).as_posix()] = rows
        return table


def record(tree: Path, arguments: list[str], answer: Path) -> int:
    """Run tests under coverage and write down who runs what."""
    import coverage

    cov = coverage.Coverage(
        data_file=str(answer) + ".coverage", source=[str(tree / "nqp_spatial")], config_file=False
    )
    recorder = Recorder(cov)
    cov.start()
    code = pytest.main(arguments, plugins=[recorder])
    cov.stop()
    passed = [test for test, right in recorder.passed.items() if right]
    data = cov.get_data()
    ran = [Path(file) for file in data.measured_files() if data.lines(file)]
    facts = {
        "code": {
            file.relative_to(tree).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in ran
        },
        "seconds": {test: recorder.seconds[test] for test in passed},
        "failed": [test for test, right in recorder.passed.items() if not right],
        "lines": recorder.lines(tree),
    }
    answer.write_text(json.dumps(facts))
    return int(code)


def run(tree: Path, request: dict[str, Any]) -> int:
    """Do what a request says, in the child."""
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    bound = int(request["limit"]) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (bound, bound + 5))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.path.insert(0, str(tree))
    options = ["-q", "-n", "0", "-p", "no:cacheprovider", "-m", "not slow"]
    if "answer" in request:
        return record(tree, [*options, *request["files"]], Path(request["answer"]))
    if request["compile"]:  # a kernel is changed: nothing compiled is taken over
        import numba

        numba.config.CACHE_DIR = tempfile.mkdtemp(dir=tree)
    return int(
        pytest.main(
            [*options, "-x", "--tb=line", *request["files"]], plugins=[Selection(request["limits"])]
        )
    )


def awaited(child: int, wall: float) -> int | None:
    """Return the exit code of a child, None if it was ended."""
    start = time.monotonic()
    while time.monotonic() - start < wall:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    return None


def main(tree: Path) -> None:
    """Answer requests until there are none."""
    for name in SLOW_TO_IMPORT:
        importlib.import_module(name)
    assert "nqp_spatial" not in sys.modules
    gc.freeze()
    child = 0

    def end(*_: object) -> None:
        if child:
            os.killpg(child, signal.SIGKILL)
        shutil.rmtree(tree, ignore_errors=True)
        os._exit(1)

    signal.signal(signal.SIGTERM, end)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 3
            try:
                code = run(tree, request)
            finally:
                os._exit(code)
        code = awaited(child, request["wall"])
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        if code is None:
            os.waitpid(child, 0)
        child = 0
        print(json.dumps({"code": code}), flush=True)
    shutil.rmtree(tree, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
