"""The panel: what it checks, what it promises, what it says."""

from __future__ import annotations

import importlib
import inspect

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, Polygon

import nqp_spatial as nq
from nqp_spatial.core.options import rules_of
from nqp_spatial.errors import (
    DomainError,
    DuplicateKeysError,
    GeometryError,
    MissingValuesError,
    OptionError,
    PanelError,
    UnbalancedPanelError,
    UnknownColumnError,
    UnmatchedIdsError,
)


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "city": ["c", "a", "b"] * 3,
            "year": [2020] * 3 + [2018] * 3 + [2019] * 3,
            "x": [9.0, 7.0, 8.0, 3.0, 1.0, 2.0, 6.0, 4.0, 5.0],
            "name": list("CAB") * 3,
        }
    )


@pytest.fixture
def shapes():
    return gpd.GeoDataFrame(
        {"city": ["b", "a", "c"]},
        geometry=[Point(2, 2), Point(1, 1), Point(3, 3)],
        crs="EPSG:4326",
    )


def panel_of(frame, **options):
    return nq.SpatialPanel(frame, unit="city", period="year", **options)


# -- what it holds ---------------------------------------------------------------------------------


def test_it_is_sorted_and_labelled(frame, shapes):
    panel = panel_of(frame, geometry=shapes, labels={"x": "Income"})
    assert panel.units.tolist() == ["a", "b", "c"]
    assert panel.periods.tolist() == [2018, 2019, 2020]
    assert (panel.n_units, panel.n_periods, panel.is_balanced) == (3, 3, True)
    assert panel.frame["x"].tolist() == [1, 4, 7, 2, 5, 8, 3, 6, 9]
    assert panel.wide("x").loc["b"].tolist() == [2, 5, 8]
    np.testing.assert_array_equal(panel.values("x"), [[1, 4, 7], [2, 5, 8], [3, 6, 9]])
    assert panel.geometry.geometry.x.tolist() == [1, 2, 3]
    assert panel.label("x") == "Income"
    assert panel.label("name") == "name"
    assert "3 units x 3 periods (2018 to 2020), 2 columns, geometry in WGS 84" in repr(panel)


def test_at_joins_the_geometry(frame, shapes):
    result = panel_of(frame, geometry=shapes).at(2019)
    assert isinstance(result, gpd.GeoDataFrame)
    assert result["x"].tolist() == [4, 5, 6]
    assert result.geometry.x.tolist() == [1, 2, 3]
    assert result.crs == "EPSG:4326"
    assert not isinstance(panel_of(frame).at(2019), gpd.GeoDataFrame)


def test_a_cross_section_is_a_panel_of_one_period(frame):
    first = nq.SpatialPanel(frame[frame["year"] == 2020], unit="city")
    assert first.n_periods == 1
    assert first.at(0)["x"].tolist() == [7, 8, 9]


def test_ids_may_be_in_the_index(frame):
    panel = panel_of(frame.set_index(["city", "year"]))
    pd.testing.assert_frame_equal(panel.frame, panel_of(frame).frame)


@pytest.mark.parametrize(
    "ids",
    [
        [3, 1, 2],
        ["三", "一", "二"],
        [110000.5, 0.5, 7.25],
        pd.to_datetime(["2003", "2001", "2002"]),
    ],
)
def test_ids_of_any_type(ids):
    panel = nq.SpatialPanel(pd.DataFrame({"id": ids, "x": [3.0, 1.0, 2.0]}), unit="id")
    assert panel.units.tolist() == sorted(ids)
    assert panel.wide("x").index.tolist() == sorted(ids)


@settings(max_examples=30)
@given(st.permutations(range(12)))
def test_order_of_rows_does_not_matter(order):
    frame = pd.DataFrame(
        {"id": np.repeat(list("wxyz"), 3), "t": np.tile([1, 2, 3], 4), "x": np.arange(12.0)}
    )
    first = nq.SpatialPanel(frame, unit="id", period="t")
    other = nq.SpatialPanel(frame.iloc[list(order)], unit="id", period="t")
    pd.testing.assert_frame_equal(first.frame, other.frame)


def test_nothing_given_is_changed_and_nothing_taken_reaches_back(frame, shapes):
    before, before_shapes = frame.copy(deep=True), shapes.copy(deep=True)
    panel = panel_of(frame, geometry=shapes)
    retained = panel.frame.copy(deep=True)
    panel.assign(x=0.0, z=1.0)
    panel.select(periods=[2019])
    taken, wide = panel.at(2020), panel.wide("x")
    taken.loc["a", "x"] = -1
    wide.loc["a"] = -1
    frame.loc[0, "x"] = -1
    pd.testing.assert_frame_equal(panel.frame, retained)
    frame.loc[0, "x"] = 9.0
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_frame_equal(shapes, before_shapes)
    with pytest.raises(AttributeError):
        panel.notes = ()


# -- new panels ------------------------------------------------------------------------------------


def test_assign_and_labels(frame):
    panel = panel_of(frame).assign(
        lnx=lambda d: np.log(d["x"]), labels={"lnx": "Log of x"}
    )  # fmt: skip
    np.testing.assert_allclose(panel.values("lnx"), np.log(panel.values("x")))
    assert panel.label("lnx") == "Log of x"
    backwards = panel.frame["x"].iloc[::-1]
    assert panel.assign(y=backwards).values("y").tolist() == panel.values("x").tolist()


def test_assign_names_the_cells_where_a_logarithm_is_undefined(frame):
    bad = frame.assign(x=frame["x"].replace({4.0: 0.0, 8.0: -1.0}))
    with pytest.raises(DomainError, match="'lnx'") as raised:
        panel_of(bad).assign(lnx=lambda d: np.log(d["x"]))
    assert "('a', 2019)" in str(raised.value)
    assert "('b', 2020)" in str(raised.value)


def test_select(frame, shapes):
    panel = panel_of(frame, geometry=shapes)
    subset = panel.select(periods=[2020, 2018], units=["c", "a"])
    assert subset.units.tolist() == ["a", "c"]
    assert subset.periods.tolist() == [2018, 2020]
    assert subset.geometry.index.tolist() == ["a", "c"]
    assert subset.notes == ("selected 2 of 3 periods and 2 of 3 units",)
    with pytest.raises(PanelError, match="no period 1999; its periods are 2018, 2019, 2020"):
        panel.select(periods=[1999])
    with pytest.raises(UnmatchedIdsError, match="no unit 'z'; its units are like 'a', 'b', 'c'"):
        panel.select(units=["z"])
    with pytest.raises(PanelError, match="selection is empty"):
        panel.select(units=[])


# -- gaps ------------------------------------------------------------------------------------------


def test_absent_pairs_are_an_error_that_names_them(frame):
    with pytest.raises(UnbalancedPanelError) as raised:
        panel_of(frame.drop(index=[3, 8]))
    message = str(raised.value)
    assert "2 of 9 (unit, period) pairs are absent" in message
    assert "('b', 2019)" in message
    assert "('c', 2018)" in message
    assert "balance(how=" in message


def test_balance_by_dropping(frame):
    gappy = panel_of(frame.drop(index=[3]), balanced=False)
    assert "UNBALANCED" in repr(gappy)
    by_unit = gappy.balance(how="drop-units")
    assert by_unit.units.tolist() == ["a", "b"]
    assert by_unit.notes == ("balanced by dropping 1 of 3 units: c",)
    by_period = gappy.balance(how="drop-periods")
    assert by_period.periods.tolist() == [2019, 2020]
    assert by_period.is_balanced
    assert by_period.notes == ("balanced by dropping 1 of 3 periods: 2018",)
    full = panel_of(frame)
    assert full.balance(how="drop-units") is full


def test_balance_judges_the_columns_named(frame):
    frame = frame.assign(z=np.where(frame.index == 0, np.nan, 1.0))
    panel = panel_of(frame)
    assert panel.balance(how="drop-units", columns=["x"]).n_units == 3
    assert panel.balance(how="drop-units", columns=["z"]).units.tolist() == ["a", "b"]


def test_balance_by_interpolation():
    frame = pd.DataFrame(
        {"city": [1] * 3 + [2] * 3, "year": [2000, 2001, 2004] * 2, "x": [1.0, np.nan, 5, 2, 3, 6]}
    )
    panel = panel_of(frame).balance(how="interpolate")
    assert panel.values("x").tolist() == [[1, 2, 5], [2, 3, 6]]  # by years, not by places
    assert "interpolated 1 cells of x linearly over year" in panel.notes[0]
    ends = frame.assign(x=[np.nan, 2, 5, 2, 3, 6])
    with pytest.raises(UnbalancedPanelError, match=r"gaps at the ends .* \(1, 2000\)"):
        panel_of(ends).balance(how="interpolate")
    words = frame.assign(name=["a", None, "c", "d", "e", "f"])
    with pytest.raises(UnbalancedPanelError, match="'name' are not numeric"):
        panel_of(words).balance(how="interpolate")


def test_balance_that_leaves_nothing(frame):
    hopeless = panel_of(frame.assign(x=np.nan))
    with pytest.raises(UnbalancedPanelError, match="every unit has a gap in 'x', 'name'"):
        hopeless.balance(how="drop-units")
    with pytest.raises(OptionError, match="how must be"):
        hopeless.balance(how="fill")


def test_missing_values_are_named_when_they_matter(frame):
    panel = panel_of(frame.assign(x=frame["x"].where(frame["x"] != 5)))
    with pytest.raises(MissingValuesError, match="'x' for unit 'b', period 2019"):
        panel.values("x")
    with pytest.raises(DomainError, match="infinite for unit 'b', period 2019"):
        panel_of(frame.assign(x=frame["x"].replace(5, np.inf))).values("x")
    with pytest.raises(PanelError, match="'name' must be numeric"):
        panel_of(frame).values("name")


# -- keys ------------------------------------------------------------------------------------------


def test_keys(frame):
    with pytest.raises(PanelError, match=r"frame must be a pandas DataFrame, got .*dict"):
        panel_of({"city": [1]})
    with pytest.raises(UnknownColumnError, match="no column 'town'; its columns are 'city'"):
        nq.SpatialPanel(frame, unit="town")
    with pytest.raises(PanelError, match="no rows"):
        panel_of(frame.iloc[:0])
    with pytest.raises(MissingValuesError, match="1 rows have no city or year, at row labels 4"):
        panel_of(frame.assign(city=frame["city"].where(frame.index != 4)))
    with pytest.raises(DuplicateKeysError, match=r"occur more than once: \('a', 2018\)"):
        panel_of(pd.concat([frame, frame.iloc[[4]]]))
    with pytest.raises(PanelError, match=r"'city' has values of several types \(int, str\)"):
        panel_of(frame.assign(city=frame["city"].replace({"a": 1})))
    with pytest.raises(UnknownColumnError, match="no column 'y'"):
        panel_of(frame).wide("y")
    with pytest.raises(PanelError, match="no period 1999"):
        panel_of(frame).at(1999)


# -- geometry --------------------------------------------------------------------------------------


def test_geometry_errors(frame, shapes):
    with pytest.raises(UnmatchedIdsError) as raised:
        panel_of(frame, geometry=shapes.assign(city=["b", "a", "z"]))
    message = str(raised.value)
    assert "1 of 3 only in frame ('c')" in message
    assert "1 of 3 only in geometry ('z')" in message
    with pytest.raises(DuplicateKeysError, match="more than one geometry: 'a'"):
        panel_of(frame, geometry=shapes.assign(city=["a", "a", "c"]))
    empty = shapes.copy()
    empty.geometry = [Point(1, 1), Polygon(), Point(3, 3)]
    with pytest.raises(GeometryError, match="1 units have no geometry: 'a'"):
        panel_of(frame, geometry=empty)
    with pytest.raises(
        GeometryError,
        match="geometry must be a GeoDataFrame or GeoSeries, the name of a map of the package, or "
        "None, got DataFrame",
    ):
        panel_of(frame, geometry=pd.DataFrame(shapes.drop(columns="geometry")))
    with pytest.raises(GeometryError, match="pass geometry="):
        panel_of(frame).require_geometry()
    with pytest.raises(OptionError, match="extra_shapes must be"):
        panel_of(frame, geometry=shapes, extra_shapes="ignore")


def test_complete_words_do_not_hinder_interpolation():
    frame = pd.DataFrame(
        {"id": [1] * 3 + [2] * 3, "t": [1, 2, 3] * 2, "x": [1.0, None, 3.0, 1.0, 1.0, 1.0],
         "side": ["w"] * 3 + ["e"] * 3}
    )  # fmt: skip
    panel = nq.SpatialPanel(frame, unit="id", period="t")
    filled = panel.balance(how="interpolate", columns=["x", "side"])
    assert filled.wide("x").loc[1].tolist() == [1, 2, 3]
    with pytest.raises(UnbalancedPanelError, match="'side' are not numeric"):
        nq.SpatialPanel(frame.drop(index=1), unit="id", period="t", balanced=False).balance(
            how="interpolate"
        )


def test_whole_numbers_stay_whole_when_units_are_dropped():
    frame = pd.DataFrame({"id": [1, 1, 2, 3, 3], "t": [1, 2, 1, 1, 2], "centre": [0, 0, 1, 1, 1]})
    panel = nq.SpatialPanel(frame, unit="id", period="t", balanced=False)
    for how in ("drop-units", "drop-periods"):
        assert panel.balance(how=how).frame["centre"].dtype.kind == "i"
    assert panel.balance(how="drop-units").frame["centre"].tolist() == [0, 0, 1, 1]


def test_geometries_without_data_go_only_if_asked_and_noted(frame, shapes):
    more = pd.concat([shapes, shapes.iloc[[0]].assign(city="z")])
    with pytest.raises(UnmatchedIdsError, match="extra_shapes='drop'"):
        panel_of(frame, geometry=more)
    panel = panel_of(frame, geometry=more, extra_shapes="drop")
    assert panel.notes == ("left out 1 geometries without data: z",)


def test_codes_as_text_on_one_side_are_pointed_out():
    frame = pd.DataFrame({"city": [110000, 120000], "x": [1.0, 2.0]})
    shapes = gpd.GeoDataFrame({"city": ["110000", "120000"]}, geometry=[Point(0, 0), Point(1, 1)])
    with pytest.raises(UnmatchedIdsError, match="ids are int on one side and str on the other"):
        nq.SpatialPanel(frame, unit="city", geometry=shapes)


# -- the package -----------------------------------------------------------------------------------


def test_every_public_name_is_there():
    for name in nq.__all__:
        assert getattr(nq, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'regress'"):
        _ = nq.regress


def _functions_of_panels():
    for folder in ("", ".weights", ".esda", ".dynamics", ".convergence", ".inequality",
                   ".composite", ".spillovers", ".plots", ".report", ".regression"):  # fmt: skip
        module = importlib.import_module(f"nqp_spatial{folder}")
        for name in module.__all__:
            first = getattr(module, name)
            if inspect.isfunction(first):
                panel = inspect.signature(first).parameters.get("panel")
                if panel is not None and "SpatialPanel" in str(panel.annotation):
                    yield pytest.param(first, id=f"{folder[1:]}.{name}".strip("."))


@pytest.mark.parametrize("function", list(_functions_of_panels()))
def test_what_is_no_panel_is_refused_everywhere(function):
    """A table, or arguments in another order, must not end in an AttributeError."""
    rule = rules_of(function)["panel"]
    frame = pd.DataFrame({"unit": ["a"], "year": [2000], "x": [1.0]})
    with pytest.raises(PanelError, match=r"got DataFrame; make one with SpatialPanel\(frame"):
        rule.require("panel", frame)
    with pytest.raises(PanelError, match=r"got 'y ~ x' \(str\); was it meant for another argument"):
        rule.require("panel", "y ~ x")


def test_notes_are_read_in_chinese():
    from nqp_spatial.core.text import translate

    frame = pd.DataFrame(
        {
            "level": [*"abcdefghijkl"] * 4,
            "units": np.repeat(["2010年", "2011年", "2012年", "2013年"], 12),
            "x": np.arange(48.0),
        }
    )
    panel = nq.SpatialPanel(frame.drop(index=range(12, 23)), unit="level", period="units",
                            balanced=False)  # fmt: skip
    assert translate(panel.notes[0], "zh") == "时期读作年份：'2010年' 即 2010"
    notes = {
        "units": panel.balance(how="drop-units").notes[-1],
        "periods": panel.balance(how="drop-periods").notes[-1],
        "interpolated": panel.balance(how="interpolate").notes[-1],
        "selected periods": panel.select(periods=[2010]).notes[-1],
        "selected units": panel.select(units=["a"]).notes[-1],
        "selected": panel.select(periods=[2010], units=["a"]).notes[-1],
    }
    assert {name: translate(note, "zh") for name, note in notes.items()} == {
        "units": "为使面板平衡，删去 12 个地区中的 11 个："
        "a、b、c、d、e、f、g、h、i、j 等（另有 1 个）",
        "periods": "为使面板平衡，删去 4 期中的 1 期：2011",
        "interpolated": "沿 units 对 x 线性插值 11 个单元格：(a, 2011)、(b, 2011)、(c, 2011)、"
        "(d, 2011)、(e, 2011)、(f, 2011)、(g, 2011)、(h, 2011)、(i, 2011)、"
        "(j, 2011) 等（另有 1 个）",
        "selected periods": "选取 4 期中的 1 期",
        "selected units": "选取 12 个地区中的 1 个",
        "selected": "选取 4 期中的 1 期、12 个地区中的 1 个",
    }
    words = frame.assign(units=np.repeat(["late", "early", "now", "then"], 12))
    unordered = nq.SpatialPanel(words, unit="level", period="units")
    assert translate(unordered.notes[0], "zh") == (
        "时期的先后顺序未知，按字母顺序排列：early、late、now、then"
    )


@pytest.mark.parametrize(
    ("texts", "word"),
    [
        (["2010Q1", "2010Q2"], "季度"),
        (["2010-03", "2010-04"], "月份"),
        (["2010.05", "2010.12"], "月份"),
        (["2010上半年", "2010下半年"], "半年"),
        (["2010/11", "2011/12"], "起始年份"),
        (["1", "2"], "数字"),
        (["wave 1", "wave 2"], "其中的数字"),
        (["2010-03-01", "2010-03-02"], None),
    ],
)
def test_what_periods_are_read_as_in_chinese(texts, word):
    from nqp_spatial.core.text import translate

    frame = pd.DataFrame({"id": 1, "when": texts, "x": [1.0, 2.0]})
    notes = nq.SpatialPanel(frame, unit="id", period="when").notes
    expected = () if word is None else (f"时期读作{word}：'{texts[0]}' 即 ",)
    assert len(notes) == len(expected)
    for note, beginning in zip(notes, expected, strict=True):
        assert translate(note, "zh").startswith(beginning)
