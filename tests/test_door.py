"""The door of a panel: what cannot be worked with later is refused when the panel is made."""

from __future__ import annotations

import copy
import pickle
import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import Point, box

import nqp_spatial as nq
from nqp_spatial import SpatialPanel
from nqp_spatial.core.groups import Groups
from nqp_spatial.core.ids import type_hint
from nqp_spatial.errors import (
    DuplicateKeysError,
    GeometryError,
    MissingValuesError,
    OptionError,
    PanelError,
    UnbalancedPanelError,
    UnknownColumnError,
    UnmatchedIdsError,
)

KEYS = {"unit": "id", "period": "year"}
FRAME = pd.DataFrame(
    {"id": ["a", "b"] * 2, "year": [2010, 2010, 2011, 2011], "x": [1.0, 2.0, 3.0, 4.0]}
)
SHAPES = gpd.GeoDataFrame({"id": ["a", "b"]}, geometry=[Point(0, 0), Point(1, 1)], crs=4326)
TOGETHER = SHAPES.merge(FRAME, on="id")


def panel_of(frame=FRAME, **options):
    return SpatialPanel(frame, **{**KEYS, **options})


# -- the frame -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "error", "words"),
    [
        (pd.concat([FRAME, FRAME[["x"]]], axis=1), PanelError, "several columns called 'x'"),
        (pd.concat([FRAME, FRAME[["id"]]], axis=1), PanelError, "several columns called 'id'"),
        (pd.concat([TOGETHER, TOGETHER[["id"]]], axis=1), PanelError, "several .* called 'id'"),
        (pd.concat({"A": FRAME}, axis=1), PanelError, "one level of names"),
        (FRAME.rename(columns={"x": 5}), PanelError, "named by text, these are not: 5; .*melt"),
        (FRAME.iloc[:0], PanelError, "no rows"),
        (pd.DataFrame(), UnknownColumnError, "no column 'id'"),
        (FRAME.assign(id=["a", 1] * 2), PanelError, r"several types \(int, str\)"),
        (FRAME.assign(id=["a", None] * 2), MissingValuesError, "no id .* row labels 1, 3"),
        (FRAME.assign(id=["a", " "] * 2), MissingValuesError, "no id .* row labels 1, 3"),
        (FRAME.assign(id=[1, np.inf] * 2), PanelError, "'id' is infinite at row labels 1, 3"),
        (FRAME.assign(id=[1j, 2] * 2), PanelError, "complex"),
        (FRAME.assign(id=[[1], [2]] * 2), PanelError, r"cannot be ids \(list\)"),
        ({"id": ["a"]}, PanelError, "frame must be a pandas DataFrame, got .* .dict."),
        (FRAME["x"], PanelError, "must be a pandas DataFrame, got Series"),
        (None, PanelError, "frame must be a pandas DataFrame, got None; read files with"),
    ],
)
def test_frames(frame, error, words):
    with pytest.raises(error, match=words):
        panel_of(frame)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"unit": 0}, "unit must be a string"),
        ({"unit": ["id"]}, "unit must be a string"),
        ({"period": ["year"]}, "period must be a string or None"),
        ({"period": "id"}, "unit and period must be two columns"),
        ({"labels": ["x"]}, "labels must be a mapping"),
        ({"labels": {"x": 3}}, "'x' has 3 .int.: a string"),
        ({"labels": {3: "x"}}, "the key 3 .int. is not a string"),
        ({"balanced": "no"}, "balanced must be True or False"),
        ({"geometry": SHAPES, "extra_shapes": True}, "extra_shapes must be"),
    ],
)
def test_options(options, words):
    with pytest.raises(OptionError, match=words):
        panel_of(**options)


@pytest.mark.parametrize("drop", [True, False])
@pytest.mark.parametrize("keys", [["id"], ["id", "year"]])
def test_keys_may_stand_in_the_index(drop, keys):
    panel = panel_of(FRAME.set_index(keys, drop=drop))
    pd.testing.assert_frame_equal(panel.frame, panel_of().frame)


def test_ids_written_in_two_ways_are_named_where_rows_are_absent():
    with pytest.raises(UnbalancedPanelError, match=r"written in two ways\? 'a', 'a ', 'b', 'Ｂ'"):
        panel_of(FRAME.assign(id=["a", "b", "a ", "Ｂ"]))


@pytest.mark.parametrize("kind", ["complex", "duration", "date"])
def test_columns_of_no_numbers_may_stay_until_they_are_used(kind):
    column = {
        "complex": [1j] * 4,
        "duration": pd.to_timedelta([1] * 4, unit="D"),
        "date": pd.to_datetime(["2010"] * 4),
    }[kind]
    panel = panel_of(FRAME.assign(z=column))
    assert panel.values("x").shape == (2, 2)
    with pytest.raises(PanelError, match=kind):
        panel.values("z")
    with pytest.raises(PanelError, match=kind):
        nq.convergence.beta(panel, "z")


# -- geometries ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("geometry", "error", "words"),
    [
        (
            pd.DataFrame(SHAPES),
            GeometryError,
            "must be a GeoDataFrame or GeoSeries, the name .* got DataFrame; read",
        ),
        ("map.shp", GeometryError, "got 'map.shp' .str.; .* pass the path to read_panel"),
        ([Point(0, 0)], GeometryError, "got .* .list.; read it with geopandas"),
        (gpd.GeoDataFrame({"id": ["a", "b"]}), GeometryError, "active column of geometries"),
        (
            SHAPES.assign(geometry=[Point(np.nan, 0), Point(1, 1)]),
            GeometryError,
            "missing or .*'a'",
        ),
        (SHAPES.assign(geometry=[Point(0, 0), Point(1, np.inf)]), GeometryError, "infinite.*'b'"),
        (
            SHAPES.set_geometry(gpd.points_from_xy([0, np.nan], [1, 2], crs=4326)),
            GeometryError,
            "missing or infinite: .*'b'",
        ),
        (SHAPES.assign(geometry=[Point(), Point(1, 1)]), GeometryError, "no geometry: 'a'"),
        (SHAPES.assign(geometry=[None, Point(1, 1)]), GeometryError, "no geometry: 'a'"),
        (pd.concat([SHAPES, SHAPES]), DuplicateKeysError, "more than one geometry: 'a', 'b'"),
        (pd.concat([SHAPES, SHAPES[["id"]]], axis=1), GeometryError, "several columns called 'id'"),
        (
            SHAPES.iloc[:1],
            UnmatchedIdsError,
            "1 of 2 only in frame .'b'.; correct the ids, or name them in aliases=$",
        ),
    ],
)
def test_geometries(geometry, error, words):
    with pytest.raises(error, match=words):
        panel_of(geometry=geometry)


def test_a_geoseries_by_unit_is_a_geometry():
    panel = panel_of(geometry=SHAPES.set_index("id").geometry)
    assert panel.geometry.geometry.x.tolist() == [0, 1]
    assert panel.geometry.crs == "EPSG:4326"


@pytest.mark.parametrize("name", ["geometry", "shape"])
def test_a_geodataframe_brings_its_active_geometry(name):
    frame = TOGETHER.rename_geometry(name) if name != "geometry" else TOGETHER
    for data in (frame, frame.set_index("id"), frame.sample(frac=1, random_state=0)):
        panel = panel_of(data)
        assert panel.frame.columns.tolist() == ["x"]
        assert type(panel.frame) is pd.DataFrame
        assert panel.geometry.geometry.x.tolist() == [0, 1]
        assert panel.geometry.crs == "EPSG:4326"
        assert panel.at(2011).geometry.x.tolist() == [0, 1]
    assert nq.weights.knn(panel, k=1).n_links == 2
    assert SpatialPanel(SHAPES, unit="id").geometry is not None


def test_other_geometry_columns_stay_data():
    frame = TOGETHER.assign(capital=TOGETHER.geometry)
    assert panel_of(frame).frame.columns.tolist() == ["x", "capital"]


def test_units_with_several_geometries_are_named():
    moved = [Point(0, 0), Point(0, 0), Point(1, 1), Point(2, 2)]
    with pytest.raises(GeometryError, match=r"1 units have different geometries .* 'b'"):
        panel_of(TOGETHER.assign(geometry=moved))
    # One that is missing in some rows is known from the others.
    some = [None, Point(0, 0), Point(1, 1), None]
    assert panel_of(TOGETHER.assign(geometry=some)).geometry.geometry.x.tolist() == [0, 1]
    with pytest.raises(GeometryError, match="no geometry: 'a'"):
        panel_of(TOGETHER.assign(geometry=[None, None, Point(1, 1), Point(1, 1)]))


def test_a_geometry_that_is_passed_goes_before_that_of_the_frame():
    panel = panel_of(TOGETHER, geometry=SHAPES.assign(geometry=[box(0, 0, 1, 1), box(1, 0, 2, 1)]))
    assert panel.geometry.geom_type.tolist() == ["Polygon"] * 2
    assert panel.frame.columns.tolist() == ["x"]
    assert panel.notes == ("the geometry of the frame was not used, because geometry= was passed",)


# -- ids of two sides ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        ([1001, 1003], ["01001", "01003"], "1001 would match '01001', .* zeros in front are lost"),
        (["1001"], ["01001"], r"zeros in front are lost; .* dtype={'id': str}"),
        ([110000.0], ["110000"], "110000.0 would match '110000': decimals were added"),
        (["110000.0"], ["110000"], "decimals were added"),
        ([1001.0], ["01001"], "zeros in front are lost"),
        (["a "], ["a"], "'a ' would match 'a': blanks at the ends"),
        (["\u3000北京"], ["北京"], "blanks at the ends"),
        (["\ufeffa"], ["a"], "blanks at the ends"),
        ([110000], ["110000"], "int on one side and str on the other: convert one side"),
        (["１１００００"], ["110000"], "full-width"),
        (["Anhui"], ["ANHUI"], "capitals"),
        (["±±¾©"], ["北京"], "encoding='gb18030'"),
    ],
)
def test_ids_that_nearly_match_are_named(ours, theirs, words):
    hint = type_hint(pd.Index(ours), pd.Index(theirs))
    assert pd.Series([hint]).str.contains(words).all(), hint
    shapes = gpd.GeoDataFrame(
        {"id": theirs}, geometry=[Point(k, k) for k in range(len(theirs))], crs=4326
    )
    frame = pd.DataFrame({"id": ours, "x": 1.0})
    with pytest.raises(UnmatchedIdsError, match=words):
        SpatialPanel(frame, unit="id", geometry=shapes)
    panel = SpatialPanel(frame, unit="id")
    with pytest.raises(UnmatchedIdsError, match=words):
        Groups.by_unit(panel, pd.Series("g", index=theirs))


def test_ids_that_differ_have_no_hint():
    assert type_hint(pd.Index(["a", "b"]), pd.Index(["c"])) == ""
    assert type_hint(pd.Index([1, 2]), pd.Index([1, 3])) == ""


def test_weights_of_nearly_the_same_ids_are_refused_with_the_reason():
    frame = pd.DataFrame({"id": [1001, 1003, 1005], "x": [1.0, 2.0, 4.0]})
    w = nq.weights.from_dense(np.ones((3, 3)) - np.eye(3), ["01001", "01003", "01005"])
    with pytest.raises(UnmatchedIdsError, match="zeros in front are lost"):
        nq.esda.moran(SpatialPanel(frame, unit="id"), "x", w, permutations=9)


@pytest.mark.parametrize(
    ("group", "error"),
    [
        (["g", "h"], OptionError),
        (3, OptionError),
        (pd.Series(["g", "h", "g"], index=["a", "b", "b"]), DuplicateKeysError),
        (pd.Series(["g", None], index=["a", "b"]), PanelError),
        (pd.Series(["g", "h"], index=["a", "c"]), UnmatchedIdsError),
        ("nothing", UnknownColumnError),
    ],
)
def test_groups(group, error):
    with pytest.raises(error):
        Groups.by_unit(panel_of(), group)


# -- methods ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda p: p.values(["x"]), OptionError, "column must be a string"),
        (lambda p: p.wide(5), OptionError, "column must be a string"),
        (lambda p: p.wide("q"), UnknownColumnError, "no column 'q'"),
        (lambda p: p.at("q"), PanelError, "no period 'q'"),
        (lambda p: p.at([2010]), OptionError, "period must be a single value, got"),
        (lambda p: p.select(periods="2010"), OptionError, r"a list of one is written \['2010'\]"),
        (
            lambda p: p.select(periods=2010),
            OptionError,
            "periods must be a list .* a list of one is written .2010.",
        ),
        (lambda p: p.select(periods=[[2010]]), OptionError, "element 0 is .2010. .list."),
        (lambda p: p.select(units="a"), OptionError, r"a list of one is written \['a'\]"),
        (lambda p: p.select(units=[["a"]]), OptionError, "element 0 is .'a'. .list."),
        (lambda p: p.select(units=["a "]), UnmatchedIdsError, "blanks at the ends"),
        (lambda p: p.select(units=[]), PanelError, "selection is empty"),
        (lambda p: p.balance(how=["drop-units"]), OptionError, "how must be"),
        (
            lambda p: p.balance(how="drop-units", columns="x"),
            OptionError,
            "columns must be a list",
        ),
        (lambda p: p.balance(how="drop-units", columns=[1]), OptionError, "element 0 is 1 .int."),
        (lambda p: p.assign(z=[1, 2]), PanelError, "2 values for 4 rows"),
        (lambda p: p.assign(z=np.ones((2, 2))), PanelError, r"\.ravel\(\)"),
        (lambda p: p.assign(z=p.frame), PanelError, "must be one column"),
        (lambda p: p.assign(z=pd.Series([1, 2], ["a", "b"])), PanelError, "one level of index"),
        (
            lambda p: p.assign(z=p.frame["x"].rename(index={"a": "c", "b": "d"})),
            PanelError,
            "must be indexed by the .* pairs of the panel",
        ),
        (lambda p: p.assign(z={"a": 1}), PanelError, "got dict"),
        (lambda p: p.assign(z={1, 2, 3, 4}), PanelError, "got set"),
        (lambda p: p.assign(z=lambda d: d["q"]), UnknownColumnError, "made from 'q'"),
        (lambda p: p.assign(labels=["z"], z=1), OptionError, "labels must be a mapping"),
    ],
)
def test_methods_refuse_what_they_cannot_take(call, error, words):
    with pytest.raises(error, match=words):
        call(panel_of())


def test_columns_that_fit_are_assigned():
    panel = panel_of().assign(
        one=1, zero=np.array(0), list=[1, 2, 3, 4], kind=pd.Categorical(list("ghgh")),
        twice=lambda d: 2 * d["x"], more=lambda d: d["twice"] + 1, text="word",
        series=panel_of().frame["x"].iloc[::-1],
    )  # fmt: skip
    assert panel.frame["list"].tolist() == [1, 2, 3, 4]
    assert panel.frame["more"].tolist() == (2 * panel.frame["x"] + 1).tolist()
    assert panel.frame["series"].tolist() == panel.frame["x"].tolist()
    assert panel.frame[["one", "zero"]].to_numpy().tolist() == [[1, 0]] * 4


# -- frozen ----------------------------------------------------------------------------------------


def test_nothing_can_be_written_into_a_panel():
    panel = panel_of(geometry=SHAPES, labels={"x": "Income"})
    before = panel.frame.copy(deep=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas says itself that this has no effect
        panel.frame.iloc[0, 0] = 777
        panel.frame["x"] = 0.0
        panel.geometry.loc["a", "geometry"] = Point(9, 9)
    frame = panel.frame
    frame.loc[:, "x"] = 5.0
    frame["new"] = 1
    frame.index.names = ["one", "other"]
    shapes = panel.require_geometry()
    shapes["new"] = 1
    pd.testing.assert_frame_equal(panel.frame, before)
    assert panel.geometry.geometry.x.tolist() == [0, 1]
    assert panel.geometry.columns.tolist() == ["geometry"]
    with pytest.raises(ValueError, match="read-only"):
        panel.values("x")[0, 0] = 1
    for change in (
        lambda: panel.labels.update(x="Other"),
        lambda: panel.labels.__setitem__("x", "Other"),
        lambda: panel.labels.clear(),
    ):
        with pytest.raises(TypeError, match="read only"):
            change()
    with pytest.raises(AttributeError):
        panel.frame = before
    assert panel.labels == {"x": "Income"}


def test_what_is_passed_is_neither_changed_nor_kept():
    frame, shapes = TOGETHER.copy(), SHAPES.copy()
    panel = panel_of(frame, geometry=shapes)
    pd.testing.assert_frame_equal(pd.DataFrame(frame), pd.DataFrame(TOGETHER))
    frame.loc[0, "x"] = 777.0
    shapes.loc[0, "geometry"] = Point(9, 9)
    assert panel.frame["x"].tolist() == [1.0, 3.0, 2.0, 4.0]
    assert panel.geometry.geometry.x.tolist() == [0, 1]


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))]
)
def test_panels_are_copied_and_pickled(again):
    panel = panel_of(TOGETHER, labels={"x": "Income"})
    made = again(panel)
    pd.testing.assert_frame_equal(made.frame, panel.frame)
    assert made.geometry.equals(panel.geometry)
    assert (made.labels, made.notes, made.unit_name) == (panel.labels, panel.notes, "id")
    with pytest.raises(TypeError):
        made.labels["x"] = "Other"


def test_what_balancing_would_leave_counts_missing_cells():
    frame = pd.DataFrame(
        {"id": list("aabbccd"), "year": [1, 2, 1, 2, 1, 2, 1], "x": [1, 2, np.nan, 4, 5, 6, 7.0]}
    )
    with pytest.raises(
        UnbalancedPanelError, match=r"leaves 2 of 4 units.*1 rows with missing"
    ) as e:
        panel_of(frame)
    assert "'drop-periods', which leaves 0 of 2 periods" in str(e.value)
    made = panel_of(frame, balanced=False)
    assert made.balance(how="drop-units").units.tolist() == ["a", "c"]
