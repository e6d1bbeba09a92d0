"""One face for all results and one rule for all arguments: whatever is exported is walked.

Results are made by the right calls of `tests.fuzz.targets`, one for each public function.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import warnings
from collections.abc import Mapping
from importlib import import_module
from unicodedata import east_asian_width

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import nqp_spatial as nq
from nqp_spatial.core.display import Displayed, _has_row_numbers, _text
from nqp_spatial.core.inference import CoefficientTable, HypothesisTest, NotApplicable, TestSet
from nqp_spatial.core.text import Message
from tests.fuzz.targets import TARGETS
from tests.fuzz.world import World

FOLDERS = [name for name in nq.__all__ if hasattr(getattr(nq, name), "__path__")]
# Data, specifications and parts of results: no results with a main table of their own.
NO_RESULTS = {
    "SpatialWeights",
    "WeightsSpec",
    "RegressionSpec",
    "LogDet",
    "CityTruth",
    "Planted",
    "SimulatedCities",
    "Specification",
    "Finding",
    "SecondThreshold",
    "BorderDecay",
    # What came of a run, not of a computation.
    "Findings",
    "StudiesResult",
    "StudyResult",
    # Text for a paper, made from results.
    "JournalTable",
}
ESTIMATORS = {
    "BarrierResult",
    "BetaResult",
    "ClubLogitResult",
    "InteractiveEffectsResult",
    "PanelThresholdResult",
    "PartitionedResult",
    "ReachResult",
    "RegressionResult",
    "ThresholdResult",
}
# Names that say the same as one of the table, or say something else on a sister class.
FORMER = {"table", "tests_table", "tests_frame", "test", "note", "weights_spec", "to_frame"}


def exported_classes():
    for folder in FOLDERS:
        module = import_module(f"nqp_spatial.{folder}")
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) and name not in NO_RESULTS:
                yield name, value


def exported_functions():
    for name in ("compare", "compare_groups", "diagnostics", "fit", "read_panel", "robustness"):
        yield name, getattr(nq, name)
    for folder in FOLDERS:
        module = import_module(f"nqp_spatial.{folder}")
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value):
                yield f"{folder}.{name}", value
            elif inspect.isclass(value):
                for method, function in vars(value).items():
                    if not method.startswith("_") and inspect.isfunction(function):
                        yield f"{folder}.{name}.{method}", function


CLASSES = dict(exported_classes())
FUNCTIONS = dict(exported_functions())


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """One result of each class, from the right calls."""
    world = World(tmp_path_factory.mktemp("face"))
    made: dict[str, object] = {}
    waiting = set(CLASSES)
    for target in TARGETS.values():
        if target.name.startswith(("plots.", "report.", "datasets.")) or not waiting:
            continue
        args, kwargs = target.base(world)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", nq.errors.NqpWarning)  # of few periods
            value = target.function(world)(*args, **kwargs)
        values = value.values() if isinstance(value, Mapping) else [value]
        for result in values:
            name = type(result).__name__
            if name in waiting:
                waiting.discard(name)
                made[name] = (result, world)
    return made


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_result_has_the_face(name):
    result = CLASSES[name]
    assert issubclass(result, Displayed)
    assert dataclasses.is_dataclass(result)
    assert result.__dataclass_params__.frozen
    assert not result.__dataclass_params__.repr
    names = {field.name for field in dataclasses.fields(result)} | set(dir(result))
    assert {"frame", "notes", "tests", "spec", "plot"} <= names
    assert not names & FORMER
    assert result._figure in nq.plots.__all__ or "plot" in vars(result.__mro__[1])
    assert "__repr__" not in vars(result)
    assert "_repr_html_" not in vars(result)


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_an_estimator_has_its_table(name):
    result = CLASSES[name]
    assert issubclass(result, CoefficientTable) or "model" in {
        field.name for field in dataclasses.fields(result)
    }
    names = {field.name for field in dataclasses.fields(result)} | set(dir(result))
    assert {"params", "cov", "std_errors", "statistics", "pvalues", "conf_int"} <= names
    for method in ("std_errors", "statistics", "pvalues", "conf_int"):
        if issubclass(result, CoefficientTable):
            assert method not in vars(result), "written once, in CoefficientTable"


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_what_the_face_holds(name, results):
    result, _ = results[name]
    assert isinstance(result.frame, pd.DataFrame)
    columns = result.frame.columns
    for level in range(columns.nlevels):
        for column in columns.get_level_values(level):
            assert str(column)
    assert isinstance(result.notes, tuple)
    assert all(isinstance(note, Message) for note in result.notes)
    assert isinstance(result.tests, TestSet)
    for key, test in result.tests.items():
        assert isinstance(key, str)
        assert isinstance(test, HypothesisTest | NotApplicable)
        assert isinstance(test.name, Message)
        assert isinstance(test.null, Message)
    assert list(result.tests.frame.columns)[:2] == ["name", "null"]
    assert isinstance(result.spec, Mapping) or dataclasses.is_dataclass(result.spec)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_result_prints_and_shows_itself(name, results):
    result, _ = results[name]
    lines = repr(result).splitlines()
    assert lines
    assert max(map(len, lines)) <= 80
    html = result._repr_html_()
    assert html.startswith("<p><b>")
    assert "<p>" not in re.sub(r"</?(p|b|table|thead|tbody|tr|th|td|div)\b[^>]*>", "", html)


def test_html_of_a_formula_is_escaped():
    panel = nq.datasets.us_public_capital()
    model = nq.fit(
        "lgsp ~ I(lpc < 10)", panel, nq.weights.contiguity(panel), model="sar", effects="none"
    )
    assert "I(lpc &lt; 10)" in model._repr_html_()
    assert "I(lpc < 10)" not in model._repr_html_()


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_result_draws_its_figure(name, results):
    result, world = results[name]
    figure = getattr(nq.plots, result._figure or "transitions")
    takes_panel = "panel" in inspect.signature(figure).parameters
    with mpl.rc_context({"backend": "Agg"}):
        drawn = result.plot(**({"panel": world.panel} if takes_panel else {}))
    assert isinstance(drawn, Axes | Figure)
    plt.close("all")


def test_estimates_and_intervals_agree(results):
    for name in sorted(ESTIMATORS & set(results)):
        result = results[name][0]
        bounds = result.conf_int(0.9)
        assert list(bounds.columns) == ["conf_low", "conf_high"]
        assert bounds.index.equals(result.params.index), name
        middle = bounds.mean(axis=1)
        np.testing.assert_allclose(middle, result.params, rtol=1e-9, atol=1e-12, err_msg=name)
        known = result.std_errors.notna()
        assert (result.pvalues[known].between(0, 1)).all(), name
        np.testing.assert_allclose(
            np.sqrt(np.diag(result.cov)), result.std_errors, equal_nan=True, err_msg=name
        )


# -- arguments -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_one_rule_for_arguments(name):
    parameters = inspect.signature(FUNCTIONS[name]).parameters
    names = [p for p in parameters if p != "self"]
    assert not {"w", "zone", "by", "given", "single", "groups"} & set(names)
    assert "base" not in names or name == "weights.directed_economic"  # links of it are weighted
    order = [p for p in names if p in ("formula", "panel", "weights")]
    if not name.startswith("plots."):
        assert order == sorted(order, key=("formula", "panel", "weights").index)
    if "formula" in names:
        assert names[0] == "formula"
    if "seed" in names:
        assert parameters["seed"].default == 0
    if "weights" in names and not name.startswith("plots."):
        annotation = str(parameters["weights"].annotation)
        assert "WeightsLike" in annotation or "Mapping" in annotation or "Sequence" in annotation


@pytest.mark.parametrize("name", sorted(n for n in FUNCTIONS if n.startswith("plots.")))
def test_figures_return_axes_or_a_figure(name):
    function = FUNCTIONS[name]
    returned = str(inspect.signature(function).return_annotation)
    parameters = inspect.signature(function).parameters
    if name in ("plots.save", "plots.explore", "plots.theme"):  # files, pages, settings
        return
    assert returned in ("Axes", "Figure", "Axes | Figure")
    if returned == "Figure":
        assert "ax" not in parameters
    else:
        assert {"ax", "options"} & set(parameters)  # the options of maps have ax


# -- terminals and notebooks -----------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_names_that_complete_are_public_and_there(name, results):
    result, _ = results[name]
    for value in (result, result.spec, result.tests):
        names = dir(value)
        assert not [each for each in names if each.startswith("_")]
        for each in names:
            getattr(value, each)
    assert {"frame", "notes", "plot", "spec", "tests"} <= set(dir(result))
    assert set(result.tests._ipython_key_completions_()) == set(result.tests)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_wide_tables_keep_the_labels_of_their_rows(name, results):
    """Each part of a table that is wider than 80 columns begins with what names its rows."""
    result, _ = results[name]
    for block in result._blocks():
        if not isinstance(block, pd.DataFrame) or not len(block):
            continue
        parts = [part.splitlines() for part in _text(block).split("\n\n")]
        assert not any("\\" in line or len(line) > 80 for part in parts for line in part)
        if len(parts) == 1:
            continue
        heading = 1 + (block.index.name is not None or None not in block.index.names)
        label = str(block.iloc[0, 0] if _has_row_numbers(block) else block.index[0])
        for part in parts:
            assert len(part) == len(parts[0])
        first = label if not isinstance(block.index, pd.MultiIndex) else str(block.index[0][0])
        assert all(first in "".join(part[heading - 1 : heading + 2]) for part in parts)


def test_html_of_tests_is_a_table(results):
    result, _ = next(results[name] for name in results if len(results[name][0].tests))
    html = result.tests._repr_html_()
    assert "<th>statistic</th>" in html and html.count("<tr") == len(result.tests) + 1


def test_what_has_no_figure_says_so(results):
    result, _ = results["MarkovResult"]
    for value in (result.tests, result.spec):
        assert "plot" not in dir(value)
        with pytest.raises(nq.errors.OptionError, match="has no figure of its own"):
            value.plot()


def test_a_panel_shows_its_first_rows_in_a_notebook():
    html = nq.datasets.us_income()._repr_html_()
    assert html.startswith("<p><b>SpatialPanel: 48 units")
    assert "The first 5 of 3,888 rows:" in html and html.count("<tr") == 7


@pytest.mark.parametrize("folder", FOLDERS)
def test_names_of_folders_that_complete_are_public(folder):
    module = import_module(f"nqp_spatial.{folder}")
    assert set(dir(module)) == set(module.__all__)
    assert set(dir(nq)) == {*nq.__all__, "__version__"}


def test_chinese_names_stay_in_their_columns():
    table = pd.DataFrame({"value": [1.5, 2.5]}, index=pd.Index(["广州市", "喀什地区"], name="city"))
    widths = {
        sum(2 if east_asian_width(sign) in "WF" else 1 for sign in line)
        for line in _text(table).splitlines()[2:]
    }
    assert len(widths) == 1
