"""Whatever is thrown at a public function: a right answer, or an error that names what was wrong.

A sample in the gate, each function and each hostile value in it; all by `make fuzz`.
"""

from __future__ import annotations

import inspect
import os
from collections import Counter
from collections.abc import Iterator
from importlib import import_module

import pytest

import nqp_spatial as nq
from nqp_spatial.core.options import rules_of
from tests.fuzz.cases import FAULTS, cases, judge, sampled
from tests.fuzz.targets import TARGETS

FOLDERS = (
    *("weights", "esda", "inequality", "structure", "dynamics", "convergence", "composite"),
    *("datasets", "regression", "spillovers", "plots", "report"),
)


def _exported() -> Iterator[tuple[str, object]]:
    for name in (
        "SpatialPanel",
        "average_weights",
        "compare",
        "compare_groups",
        "diagnostics",
        "endogenous_weights",
        "fit",
        "gwr",
        "panel_threshold",
        "read_panel",
        "robustness",
    ):  # fmt: skip
        yield name, getattr(nq, name)
    for folder in FOLDERS:
        module = import_module(f"nqp_spatial.{folder}")
        for name in module.__all__:
            if getattr(nq, name, None) is not getattr(module, name):
                yield f"{folder}.{name}", getattr(module, name)


def _functions() -> dict[str, object]:
    """Every public function by its name, and every public method by its class and name."""
    every: dict[str, object] = {}
    for name, value in _exported():
        if inspect.isfunction(value):
            every[name] = value
        elif inspect.isclass(value):
            for method, function in inspect.getmembers(value, inspect.isfunction):
                # A method that is inherited is called once, by the class that defines it. Figures
                # have their options checked where they are drawn.
                ours = function.__module__.startswith("nqp_spatial")
                if ours and method[0] != "_" and method != "plot":
                    every[function.__qualname__] = function
    every["SpatialPanel"] = nq.SpatialPanel.__init__
    return every


def test_every_public_function_has_a_right_call():
    assert set(_functions()) == set(TARGETS)


@pytest.fixture(autouse=True)
def _elsewhere(world):
    before = os.getcwd()
    os.chdir(world.folder)
    yield
    os.chdir(before)


def _report(outcomes, record_property) -> None:
    record_property("outcomes", dict(Counter(outcome.kind for _, outcome in outcomes)))
    faults = [f"{case}: {o.kind}: {o.text}" for case, o in outcomes if o.kind in FAULTS]
    assert not faults, f"{len(faults)} of {len(outcomes)} calls:\n" + "\n".join(faults)


@pytest.mark.parametrize("name", TARGETS)
def test_hostile_calls(name, world, record_property):
    choose = cases if os.environ.get("NQP_FUZZ") == "all" else sampled
    chosen = choose(TARGETS[name], world)
    _report([(case, judge(case, world)) for case in chosen], record_property)


@pytest.mark.parametrize("name", sorted(_functions()))
def test_every_parameter_is_checked(name):
    function = _functions()[name]
    parameters = inspect.signature(function).parameters.values()
    takes = {p.name for p in parameters if p.kind is not p.VAR_KEYWORD} - {"self"}
    rules = rules_of(function) if {p.name for p in parameters} - {"self"} else {}
    if takes:
        assert takes <= set(rules)
        # What is no file of settings is a finding of `check`, not an error.
        anything = {parameter for parameter, rule in rules.items() if rule.wanted == "anything"}
        assert anything <= ({"config"} if name == "report.check" else set())
    # What is passed on to pandas is checked there, and columns by the panel.
    passed_on = [p.name for p in parameters if p.kind is p.VAR_KEYWORD]
    assert not passed_on or len(rules) > len(takes) or name in ("read_panel", "SpatialPanel.assign")
