"""What the door of a public function admits, and what its messages say."""

from __future__ import annotations

import inspect
import math
import pickle
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict, Unpack

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.core.options import (
    Count,
    Jobs,
    Level,
    Positive,
    Range,
    Seed,
    checked,
    rule_of,
    rules_of,
)
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import OptionError, PanelError, UnknownArgumentError

if TYPE_CHECKING:
    import geopandas as gpd
    from libpysal.graph import Graph
    from libpysal.weights import W
    from matplotlib.axes import Axes

    from nqp_spatial.esda import LisaResult
    from nqp_spatial.weights import SpatialWeights

NAN, INF = math.nan, math.inf

ADMITTED = {
    str: ["", "x", np.str_("x")],
    bool: [True, np.True_],
    int: [0, -3, np.int64(2), np.uint8(2)],
    float: [0, 1.5, np.float32(1), np.int64(3), Fraction(1, 3)],
    Path: [Path("a")],
    str | Path: ["a", Path("a")],
    Hashable: ["a", 3, (1, "a"), None, pd.Timestamp("2020")],
    Callable[[float], float]: [len, lambda x: x],
    Any: [None, []],
    Literal["a", "b"] | None: ["a", None],
    Sequence[str]: [["a"], ("a", "b"), pd.Index(["a"]), pd.Series(["a"]), np.array(["a"]), []],
    Sequence[float]: [np.arange(3), [1, 2.5], range(3), {1: 2}.values()],
    Iterable[str]: [{"a"}, iter("ab"), {"a": 1}.keys(), {"a": 1}],
    str | Sequence[str]: ["a", ["a"]],
    Mapping[str, float]: [{}, {"a": 1}],
    Mapping[str, Any] | None: [None, {"a": []}],
    tuple[float, float]: [(1, 2), [1.0, 2], np.array([1.0, 2.0])],
    tuple[float | None, float | None]: [(None, None), (0, None)],
    pd.Series: [pd.Series([1.0])],
    pd.DataFrame: [pd.DataFrame()],
    np.ndarray | pd.DataFrame: [np.eye(2), pd.DataFrame()],
    Level: [0.95, np.float64(0.5)],
    Count: [0, 10],
    Positive: [1e-9, 3],
    Seed: [None, 0, 2**40, np.int64(3)],
    Jobs: [-1, 1, 8],
    Annotated[float, Range(0, infinite=True)]: [INF, 0],
}
REFUSED = {
    str: [b"x", 3, None, ["x"]],
    bool: [1, 0, "yes", None, np.array([True])],
    int: [True, np.True_, 3.0, "3", NAN, None, [3]],
    float: [True, np.True_, NAN, INF, -INF, "1", None, 1j, Decimal(1), pd.NA, np.array(1.0), [1]],
    Path: ["a", b"a"],
    str | Path: [3, b"a", None],
    Hashable: [["a"], {}, (1, [])],
    Callable[[float], float]: ["len", None],
    Literal["a", "b"] | None: ["ab", "c", "", " ", 3, ["a"], np.array(["a"])],
    Sequence[str]: ["ab", ["a", 3], {"a"}, {"a": 1}, iter("a"), 3, None, np.array([["a"]])],
    Sequence[float]: [[1, "a"], [NAN], pd.DataFrame({"a": [1.0]}), 3],
    Iterable[str]: ["ab", 3, [1], {1}],
    str | Sequence[str]: [3, [3], None],
    Mapping[str, float]: [[("a", 1)], {1: 1}, {"a": "b"}, pd.Series({"a": 1.0}), None],
    Mapping[str, Any] | None: ["abc", {3: 1}],
    tuple[float, float]: [(1,), (1, 2, 3), (1, "a"), 3, "ab"],
    pd.Series: [[1.0], pd.DataFrame()],
    np.ndarray | pd.DataFrame: [[[1.0]], pd.Series([1.0])],
    Level: [95, 0, 1, 1.0, True, NAN, "0.95"],
    Count: [-1, 2.0],
    Positive: [0, -1, INF],
    Seed: [-1, 1.5, "a", True, NAN],
    Jobs: [1.0, 0, None, 10**6],
    Annotated[int, Range(2, 50)]: [1, 51, 10**6],
    Annotated[float, Range(0, infinite=True)]: [-INF, NAN],
}


@pytest.mark.parametrize("annotation", ADMITTED, ids=[str(k) for k in range(len(ADMITTED))])
def test_rules_admit(annotation):
    rule = rule_of(annotation)
    for value in ADMITTED[annotation]:
        rule.require("option", value)


@pytest.mark.parametrize("annotation", REFUSED, ids=[str(k) for k in range(len(REFUSED))])
def test_rules_refuse_and_name_the_argument(annotation):
    rule = rule_of(annotation)
    for value in REFUSED[annotation]:
        with pytest.raises(OptionError, match=r"^option must be "):
            rule.require("option", value)


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (
            Literal["row", "none"],
            "rows",
            "one of 'row', 'none', got 'rows' (str); did you mean 'row'?",
        ),
        (Literal["two-way", "unit"], "Two-Ways", "did you mean 'two-way'?"),
        (Literal["two-way", "unit"], "fe", "did you mean 'unit' or 'two-way'?"),
        (Literal["sar", "sdm"] | float, "SDMM", "did you mean 'sdm'?"),
        (Sequence[Literal["sar", "sdm"]], ["SDM", "sam"], "element 1 is 'sam' (str)"),
        (Level, 95, "a number between 0 and 1, got 95 (int); 95 % is written 0.95"),
        (Level, "a", "a number between 0 and 1, got 'a' (str)"),
        (
            Sequence[str],
            "x",
            "a list (each element a string), got 'x' (str); a list of one is written ['x']",
        ),
        (Sequence[str], ["x", 2], "element 1 is 2 (int)"),
        (Mapping[str, float], {"x": "a"}, "'x' has 'a' (str): a finite number"),
        (Mapping[str, float], pd.Series({"a": 1.0}), "pass series.to_dict()"),
        (Annotated[int, Range(2, 50)], 10**6, "a whole number from 2 to 50, got 1000000 (int)"),
        (Annotated[float, Range(0, 1, "low")], 0, "a number above 0 to 1"),
        (Annotated[float, Range(high=1, without="high")], 1, "a number below 1"),
        (float, np.float64(NAN), "a finite number, got nan (float64)"),
        (str, None, "a string, got None"),
        (str, "x" * 3, ""),
        (int, "9" * 200, "..."),
        (pd.Series, np.zeros((900, 900)), "a pandas Series, got ndarray"),
    ],
)
def test_messages_say_what_was_wanted_what_came_and_what_to_do(annotation, value, message):
    rule = rule_of(annotation)
    if not message:
        return rule.require("option", value)
    with pytest.raises(OptionError) as caught:
        rule.require("option", value)
    assert message in str(caught.value) and len(str(caught.value)) < 300


class Look(TypedDict, total=False):
    title: str | None
    width: Positive


@checked
def drawn(
    result: LisaResult,
    panel: SpatialPanel | None = None,
    weights: SpatialWeights | Graph | W | None = None,
    *,
    shapes: gpd.GeoDataFrame | None = None,
    ax: Axes | None = None,
    **look: Unpack[Look],
) -> int:
    """A function with names that are imported for annotations only."""
    return len(look)


@pytest.fixture(scope="module")
def lisa(lattice):
    w = lattice(4, 4)
    frame = pd.DataFrame({"id": w.units, "x": np.arange(16) % 5.0})
    panel = nq.SpatialPanel(frame, unit="id")
    return nq.esda.lisa(panel, "x", w, permutations=9, seed=0), panel, w


def test_classes_imported_for_annotations_only(lisa):
    result, panel, w = lisa
    assert drawn(result, panel, w, title=None, width=3) == 2
    assert drawn(result, weights=w.graph) == drawn(result, None, w.to_W()) == 0
    with pytest.raises(
        OptionError, match=r"result must be a LisaResult, as nqp_spatial.esda.lisa re"
    ):
        drawn(panel)
    with pytest.raises(
        PanelError, match=r"panel must be a SpatialPanel or None, got DataFrame; make"
    ):
        drawn(result, panel.frame)
    with pytest.raises(
        OptionError, match=r"weights must be SpatialWeights, libpysal.graph.Graph or "
    ):
        drawn(result, panel, w.sparse)
    with pytest.raises(
        OptionError, match=r"shapes must be a geopandas GeoDataFrame or None, got Data"
    ):
        drawn(result, shapes=panel.frame)
    with pytest.raises(OptionError, match=r"ax must be matplotlib Axes or None, got 3"):
        drawn(result, ax=3)


def test_keywords_of_a_typed_dict(lisa):
    with pytest.raises(
        OptionError, match=r"no option 'titel'; did you mean 'title'. known are result"
    ):
        drawn(lisa[0], titel="x")
    with pytest.raises(OptionError, match=r"width must be a number above 0, got 0"):
        drawn(lisa[0], width=0)


def test_python_speaks_of_missing_arguments():
    with pytest.raises(TypeError, match=r"missing 1 required positional argument"):
        drawn()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p: nq.esda.moran(p, "x", levle=3), "moran has no option 'levle'; known are panel"),
        (lambda p: nq.esda.moran(p, "x", permuations=9), "did you mean 'permutations'?"),
        (lambda p: nq.esda.moran(p, "x", W=3), "no option 'W'; did you mean 'weights'?"),
        (lambda p: nq.plots.choropleth(p, "x", figure_width=3), "did you mean 'width'?"),
        (lambda p: nq.fit("y ~ x", p, w=3), "fit has no option 'w'; did you mean 'weights'?"),
        (
            lambda p: nq.fit("y ~ x", p, None, "sdm"),
            "1 more; pass the others by name, as in mo",
        ),
        (lambda p: p.select(period=[2000]), "SpatialPanel.select has no option 'period'; did you"),
        (lambda p: nq.SpatialPanel(p.frame, id="x"), "SpatialPanel has no option 'id'; did you"),
        (lambda p: nq.datasets.us_income(1), "us_income takes nothing by position, got 1 more"),
        (lambda p: nq.datasets.us_income(a=1), "us_income has no options, got 'a'"),
    ],
)
def test_arguments_that_a_function_does_not_have(call, words):
    with pytest.raises(UnknownArgumentError) as caught:
        call(nq.datasets.us_income())
    assert words in str(caught.value)
    assert isinstance(caught.value, TypeError) and isinstance(caught.value, OptionError)


@pytest.mark.parametrize(
    ("annotation", "value", "spelled"),
    [
        (Literal["sar", "sdm"], "SDM", "sdm"),
        (Literal["two-way", "unit"] | None, "Two Way", "two-way"),
        (Literal["two-way", "unit"], "twoway", "two-way"),
        (Literal["T", "L"], "t", "T"),
        (Literal["sar", "SAR"], "Sar", None),  # which of them is not known
        (Literal["sar"] | float, " SAR ", "sar"),
        (str | Literal["sar"], "SAR", "SAR"),  # a string may be anything
        (Sequence[Literal["sar", "sdm"]], ("SAR", "sdm"), ["sar", "sdm"]),
        (Mapping[str, Literal["x", "none"]], {"a": "None"}, {"a": "none"}),
        (tuple[Literal["x"], float], ("X", 1.0), ("x", 1.0)),
    ],
)
def test_choices_are_taken_in_any_case(annotation, value, spelled):
    rule = rule_of(annotation)
    if spelled is None:
        with pytest.raises(OptionError):
            rule.require("option", value)
    else:
        assert rule.require("option", value) == spelled


def test_functions_are_given_the_choice_as_it_is_written_in_their_annotations():
    class Kinds(TypedDict, total=False):
        side: Literal["own", "sent"]

    @checked
    def kinds(
        first: Literal["a", "b"], *, models: Sequence[Literal["sar"]] = (), **more: Unpack[Kinds]
    ) -> object:
        return first, models, more

    assert kinds("A", models=["SAR"]) == ("a", ["sar"], {})


def test_a_checked_function_looks_like_itself():
    @checked
    def plain(x: float, *more: int, level: Level = 0.95) -> float:
        """Double."""
        return 2 * x

    assert str(inspect.signature(plain)) == (
        "(x: 'float', *more: 'int', level: 'Level' = 0.95) -> 'float'"
    )
    assert plain.__doc__ == "Double." and plain.__name__ == "plain"
    assert pickle.loads(pickle.dumps(drawn)) is drawn
    assert set(rules_of(drawn)) == {*inspect.signature(drawn).parameters, *Look.__annotations__} - {
        "look"
    }


def test_an_annotation_without_a_rule_is_an_error_of_ours():
    with pytest.raises(NotImplementedError, match=r"no rule"):
        rule_of(frozenset[str])


def test_values_of_one_kind_are_described_once():
    with pytest.raises(OptionError, match=r"4 values \(each a finite number\), 'main', or None"):
        nq.plots.choropleth(nq.datasets.us_income(), "income", period=2009, extent="europe")
