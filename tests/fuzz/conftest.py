"""The world of the fuzz test, and the counts of what came of its calls."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.fuzz.cases import KINDS
from tests.fuzz.world import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


def pytest_terminal_summary(terminalreporter) -> None:
    counts: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                counts.update(dict(report.user_properties).get("outcomes", {}))
    if counts:
        terminalreporter.write_sep("-", "hostile calls")
        words = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS)
        terminalreporter.write_line(f"{sum(counts.values())} calls: {words}")
