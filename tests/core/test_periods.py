"""Periods: however they are written, the numbers and the refusals are those of whole years."""

from __future__ import annotations

import datetime

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

import nqp_spatial as nq
from nqp_spatial.core.period_readers import read_periods
from nqp_spatial.core.periods import (
    period_like,
    places_in_time,
    places_on_axis,
    require_even_steps,
)
from nqp_spatial.core.text import translate
from nqp_spatial.errors import DuplicateKeysError, MissingValuesError, OptionError, PanelError

WRITTEN = {
    "text": str,
    "2010年": lambda year: f"{year}年",
    "FY": lambda year: f"FY{year}",
    "full width": lambda year: f"{year}年".translate({48 + k: 0xFF10 + k for k in range(10)}),
    "decimal": float,
    "decimal text": lambda year: f"{year}.0",
    "datetime": lambda year: pd.Timestamp(year, 12, 31),
    "date": lambda year: datetime.date(year, 1, 1),
    "date as text": lambda year: f"{year}-12-31",
    "Period": lambda year: pd.Period(str(year), "Y"),
    "fiscal Period": lambda year: pd.Period(str(year), "Y-MAR"),
    "mixed": lambda year: f"{year}年" if year % 2 else str(year),
    "text and numbers": lambda year: f"{year}年" if year % 2 else year,
}


def frame_of(years, seed=0, side=5):
    rng = np.random.default_rng(seed)
    ids = [110000 + k for k in range(side * side)]
    keys = pd.MultiIndex.from_product([ids, years], names=["id", "year"])
    frame = pd.DataFrame({"x1": rng.normal(size=len(keys))}, index=keys).reset_index()
    frame["z"] = 10 + frame["x1"] + 0.1 * np.tile(np.arange(len(years)), len(ids))
    frame["y"] = 1 + frame["x1"] + rng.normal(size=len(keys))
    frame["half"] = np.where(frame["id"] < 110012, "south", "north")
    for k in range(3):
        frame[f"p{k}"] = np.exp(rng.normal(size=len(keys)))
    return frame


def shapes_of(frame, side=5):
    import geopandas as gpd

    boxes = [box(j, i, j + 1, i + 1) for i in range(side) for j in range(side)]
    return gpd.GeoDataFrame({"id": frame["id"].unique()}, geometry=boxes, crs="EPSG:4326")


def panel_of(frame, written=None):
    data = frame.copy()
    if written is not None:
        data["year"] = data["year"].map(written)
    return nq.SpatialPanel(data, unit="id", period="year", geometry=shapes_of(frame))


FULL = frame_of(range(2010, 2020))
GAP = FULL[~FULL["year"].isin([2014, 2015, 2016])]
WEIGHTS = nq.weights.contiguity(panel_of(FULL), kind="rook")


def dynamic_prediction(panel):
    model = nq.fit("y ~ x1", panel_of(FULL), WEIGHTS, time_lag=True, effects="unit")
    return model.predict(panel, WEIGHTS)


# What needs neighbours in time, and how to see its numbers.
IN_TIME = {
    "dynamic": lambda p: nq.fit("y ~ x1", p, WEIGHTS, time_lag=True).params,
    "space-time": lambda p: nq.fit("y ~ x1", p, WEIGHTS, space_time_lag=True).params,
    "driscoll-kraay": lambda p: nq.fit("y ~ x1", p, WEIGHTS, covariance="driscoll-kraay").cov,
    "driscoll-kraay of blocks": lambda p: nq.spillovers.partitioned(
        "y ~ x1", p, WEIGHTS, group="half", effects="unit", estimator="gs2sls",
        covariance="driscoll-kraay",
    ).model.cov,
    "prediction": dynamic_prediction,
    "log_t": lambda p: nq.convergence.log_t(p, "z", detrend=None).b,
    "clubs": lambda p: nq.convergence.clubs(p, "z", detrend=None).paths,
    "sigma": lambda p: nq.convergence.sigma(p, "z").trends.drop(columns="reading"),
    "beta": lambda p: nq.convergence.beta(p, "z", kind="panel", effects="none").frame,
    "markov": lambda p: nq.dynamics.markov(p, "z", states=3).probabilities,
    "spatial_markov": lambda p: nq.dynamics.spatial_markov(
        p, "z", WEIGHTS, states=3, lag_states=3
    ).counts,
    "lisa_markov": lambda p: nq.dynamics.lisa_markov(p, "z", WEIGHTS).chain.counts,
    "markov_by_group": lambda p: nq.dynamics.markov_by_group(
        p, "z", group="half", states=3, permutations=0
    ).pooled.counts,
    "spatial_markov_by_group": lambda p: nq.dynamics.spatial_markov_by_group(
        p, "z", WEIGHTS, group="half", states=2, lag_states=2, permutations=0
    ).chains["south"].counts,
    "time_homogeneity": lambda p: nq.dynamics.time_homogeneity(
        p, "z", states=2
    ).pooled.counts,
    "first_order": lambda p: nq.dynamics.first_order(p, "z", states=2).pooled.counts,
    "rank_mobility": lambda p: nq.dynamics.rank_mobility(p, "z", permutations=0).frame,
    "stochastic_kernel": lambda p: nq.dynamics.stochastic_kernel(p, "z").joint,
    "segmentation": lambda p: nq.structure.segmentation(
        p, ["p0", "p1", "p2"], WEIGHTS, prices="level"
    ),
}  # fmt: skip
# What takes each period by itself, or the years as numbers.
BY_PERIOD = {
    "beta over the whole": lambda p: nq.convergence.beta(p, "z", kind="cross-section").frame,
    "moran": lambda p: nq.esda.moran(p, "z", WEIGHTS, permutations=9, seed=0).frame,
    "density": lambda p: nq.dynamics.density(p, "z").frame,
    "indices": lambda p: nq.inequality.indices(p, "z", which=["gini", "cv"]),
    "centre_path": lambda p: nq.structure.centre_path(p, "z").frame,
    "static": lambda p: nq.fit("y ~ x1", p, WEIGHTS).params,
}


def numbers(result):
    return np.asarray(result, dtype=float)


@pytest.fixture(scope="module")
def expected():
    panel = panel_of(FULL)
    return {name: numbers(call(panel)) for name, call in (IN_TIME | BY_PERIOD).items()}


@pytest.mark.filterwarnings("ignore::nqp_spatial.errors.ShortPanelWarning")
class TestEveryFunction:
    @pytest.mark.parametrize("name", IN_TIME | BY_PERIOD)
    @pytest.mark.parametrize("written", ["2010年", "datetime", "Period"])
    def test_the_numbers_are_those_of_whole_years(self, expected, name, written):
        call = (IN_TIME | BY_PERIOD)[name]
        np.testing.assert_array_equal(
            numbers(call(panel_of(FULL, WRITTEN[written]))), expected[name]
        )

    @pytest.mark.parametrize("name", IN_TIME)
    @pytest.mark.parametrize("written", [None, "2010年", "datetime", "Period"])
    def test_a_step_over_a_missing_period_is_refused(self, name, written):
        panel = panel_of(GAP, written and WRITTEN[written])
        with pytest.raises(PanelError, match=r"equal steps, .* after 2013 the step is not 1"):
            IN_TIME[name](panel)

    @pytest.mark.parametrize("name", [*IN_TIME, "centre_path", "beta over the whole"])
    def test_an_order_that_is_not_known_is_refused(self, name):
        frame = FULL[FULL["year"] < 2018]
        words = dict(enumerate(["east", "west", "north", "south", "up", "down", "in", "out"], 2010))
        with pytest.raises(PanelError, match=r"order .* is not known; number the periods 1, 2"):
            (IN_TIME | BY_PERIOD)[name](panel_of(frame, words.get))

    @pytest.mark.parametrize("name", IN_TIME)
    def test_quarters_have_their_steps(self, expected, name):
        def quarter(year):
            return f"{2000 + (year - 2010) // 4}Q{(year - 2010) % 4 + 1}"

        np.testing.assert_array_equal(
            numbers(IN_TIME[name](panel_of(FULL, quarter))), expected[name]
        )
        with pytest.raises(PanelError, match="equal steps"):
            IN_TIME[name](panel_of(GAP, quarter))


@pytest.mark.parametrize("written", WRITTEN)
def test_years_are_read_as_years(written):
    panel = panel_of(FULL, WRITTEN[written])
    assert panel.periods.tolist() == list(range(2010, 2020))
    assert panel.periods.dtype == np.int64
    pd.testing.assert_frame_equal(panel.frame, panel_of(FULL).frame)
    if written == "decimal":
        assert panel.notes == ()
    else:
        assert panel.notes[0].startswith("read periods as years: '")
        assert translate(panel.notes[0], "zh").startswith("时期读作年份：")


@pytest.mark.parametrize(
    ("texts", "read"),
    [
        (["2010Q1", "2010Q4"], ["2010Q1", "2010Q4"]),
        (["2010q1", "2010 Q2"], ["2010Q1", "2010Q2"]),
        (["2010年第一季度", "2010年2季度"], ["2010Q1", "2010Q2"]),
        (["Q1 2010", "2Q2010"], ["2010Q1", "2010Q2"]),
        (["2010-03", "2010-12"], ["2010-03", "2010-12"]),
        (["2010年3月", "2010年12月"], ["2010-03", "2010-12"]),
        (["2010m3", "2010m12"], ["2010-03", "2010-12"]),
        (["201003", "201012"], ["2010-03", "2010-12"]),
        (["Mar 2010", "December 2010"], ["2010-03", "2010-12"]),
        (["2010.09", "2010.10"], ["2010-09", "2010-10"]),
        (pd.date_range("2010-03-31", periods=3, freq="QE"), ["2010Q1", "2010Q2", "2010Q3"]),
        (pd.date_range("2010-01-31", periods=2, freq="ME"), ["2010-01", "2010-02"]),
        (["2010-12-31", "2011-01-31"], ["2010-12", "2011-01"]),
        (pd.period_range("2010Q1", periods=2, freq="Q"), ["2010Q1", "2010Q2"]),
    ],
)
def test_quarters_and_months_become_periods_of_pandas(texts, read):
    periods = read_periods(pd.Series(texts))[0]
    assert isinstance(periods.dtype, pd.PeriodDtype)
    assert [str(period) for period in periods] == read


@pytest.mark.parametrize(
    ("texts", "read"),
    [
        (["1", "2", "10"], [1, 2, 10]),
        (["wave 1", "wave 2", "wave 10"], [1, 2, 10]),
        (["第一期", "第二期", "第十一期"], [1, 2, 11]),
        (["2010H1", "2010H2", "2011H1"], [2010.0, 2010.5, 2011.0]),
        (["2010上半年", "2010下半年"], [2010.0, 2010.5]),
        (["2010/11", "2011/12", "2012/13"], [2010, 2011, 2012]),
        (["2009-10", "2010-11"], [2009, 2010]),
        ([2010.0, 2010.5], [2010.0, 2010.5]),
        (["二〇一〇年", "2011"], [2010, 2011]),
        (["20101231", "20111231"], [2010, 2011]),
        ([True, False], [True, False]),
    ],
)
def test_other_periods_become_numbers(texts, read):
    assert read_periods(pd.Series(texts))[0].tolist() == read


@pytest.mark.parametrize(
    "texts",
    [
        ["before", "after"],
        ["before 2010", "after 2010"],
        ["2010-2012", "2013-2015"],
        ["十二五", "十三五"],
    ],
)
def test_other_text_stays_and_its_order_is_not_known(texts):
    column = pd.Series(texts)
    periods, note = read_periods(column)
    assert periods.tolist() == texts
    assert note == ""
    assert places_in_time(pd.Index(texts)) is None
    assert places_on_axis(pd.Index(texts)).tolist() == [0, 1]
    frame = pd.DataFrame({"id": [1, 1], "t": texts, "x": [1.0, 2.0]})
    panel = nq.SpatialPanel(frame, unit="id", period="t")
    assert panel.notes[0].startswith("the order of periods in time is not known")
    with pytest.raises(PanelError, match=r"order of .* is not known"):
        require_even_steps(panel.periods, "a trend")


def test_an_ordered_categorical_says_the_order():
    order = ["before", "during", "after"]
    frame = FULL[FULL["year"] < 2013]
    names = pd.Categorical(frame["year"].map(dict(zip([2010, 2011, 2012], order, strict=True))),
                           order, ordered=True)  # fmt: skip
    panel = nq.SpatialPanel(frame.assign(year=names), unit="id", period="year")
    assert panel.periods.tolist() == order
    assert panel.notes == ()
    assert require_even_steps(panel.periods, "a trend") == 1
    np.testing.assert_array_equal(
        nq.dynamics.markov(panel, "z", states=2).counts,
        nq.dynamics.markov(panel_of(frame), "z", states=2).counts,
    )
    growth = {"kind": "panel", "effects": "none"}
    np.testing.assert_allclose(
        nq.convergence.beta(panel, "z", **growth).frame,
        nq.convergence.beta(panel_of(frame), "z", **growth).frame,
    )


def test_ids_that_look_like_years_stay():
    frame = pd.DataFrame({"id": ["2010", "2011年"], "year": ["2010", "2010"], "x": [1.0, 2.0]})
    panel = nq.SpatialPanel(frame, unit="id", period="year")
    assert panel.units.tolist() == ["2010", "2011年"]
    assert panel.periods.tolist() == [2010]


def test_two_texts_of_one_year_are_shown():
    frame = pd.DataFrame({"id": [1, 1], "year": ["2010", "2010年"], "x": [1.0, 2.0]})
    with pytest.raises(DuplicateKeysError, match="'2010', '2010年' are all read as 2010"):
        nq.SpatialPanel(frame, unit="id", period="year")


@pytest.mark.parametrize(
    ("texts", "error", "words"),
    [
        ([2010, np.inf], PanelError, "infinite year, at row labels 1"),
        ([2010, np.nan], MissingValuesError, "row labels 1"),
        (["2010", " "], MissingValuesError, "row labels 1"),
        ([pd.NaT, pd.Timestamp("2010")], MissingValuesError, "row labels 0"),
        (pd.to_timedelta([1, 2]), PanelError, "timedelta64"),
        ([1j, 2j], PanelError, "complex"),
        ([[1], [2]], PanelError, "cannot be ids"),
        ([2010, "before"], PanelError, "several types"),
        ([pd.Period("2010", "Y"), pd.Period("2011Q1", "Q")], PanelError, "one frequency"),
    ],
)
def test_what_is_no_period_is_refused_at_the_door(texts, error, words):
    frame = pd.DataFrame({"id": [1, 1], "x": [1.0, 2.0]}).assign(year=texts)
    with pytest.raises(error, match=words):
        nq.SpatialPanel(frame, unit="id", period="year")


def test_steps():
    assert require_even_steps(pd.Index([5]), "a trend") == 1
    assert require_even_steps(pd.Index([1929, 1969, 2009]), "a trend") == 40
    assert require_even_steps(pd.Index([0.1, 0.2, 0.3]), "a trend") == pytest.approx(0.1)
    assert require_even_steps(pd.PeriodIndex(["2010Q4", "2011Q1"], freq="Q"), "a trend") == 1
    assert require_even_steps(pd.date_range("2010-01-04", periods=4, freq="W"), "a trend") == 7
    with pytest.raises(PanelError, match=r'after 201012 the step is not 1: .* "2010-03" is'):
        require_even_steps(pd.Index([201010, 201011, 201012, 201101, 201102]), "a trend")
    with pytest.raises(PanelError, match="counted in days"):
        require_even_steps(pd.DatetimeIndex(["2010-01-01", "2010-01-02", "2010-01-05"]), "a trend")


@pytest.mark.parametrize(
    ("value", "periods", "known"),
    [
        ("2010年", pd.Index([2010]), 2010),
        (pd.Timestamp("2010-12-31"), pd.Index([2010]), 2010),
        (pd.Period("2010", "Y"), pd.Index([2010]), 2010),
        (2010.0, pd.Index([2010]), 2010),
        ("2011", pd.Index([2010]), "2011"),
        ("2010-03", pd.PeriodIndex(["2010-03"], freq="M"), pd.Period("2010-03", "M")),
        (pd.Timestamp("2010-03-31"), pd.PeriodIndex(["2010Q1"], freq="Q"), pd.Period("2010Q1")),
        (2010, pd.PeriodIndex(["2010Q1"], freq="Q"), 2010),
        ("2010-01-05", pd.DatetimeIndex(["2010-01-05"]), pd.Timestamp("2010-01-05")),
        (None, pd.Index([2010]), None),
    ],
)
def test_periods_are_named_as_they_are_written(value, periods, known):
    assert period_like(value, periods) == known


@pytest.mark.parametrize("name", ["2012年", "2012", pd.Timestamp("2012-06-30"), 2012])
def test_every_choice_of_a_period_takes_any_form(name):
    panel = panel_of(FULL, WRITTEN["2010年"])
    assert panel.period(name) == 2012
    assert panel.at(name)["x1"].equals(panel.at(2012)["x1"])
    assert panel.select(periods=[name, 2013]).periods.tolist() == [2012, 2013]
    assert nq.esda.lisa(panel, "z", WEIGHTS, period=name, permutations=9, seed=0).period == 2012
    assert nq.dynamics.density(panel, "z", periods=[name]).frame.columns.tolist() == [2012]
    assert list(nq.dynamics.time_homogeneity(panel, "z", spans=[name], states=2).chains) == [
        "2010-2011", "2012-2018",
    ]  # fmt: skip
    assert nq.plots.choropleth(panel, "z", period=name) is not None
    figure = nq.plots.choropleth_periods(panel, "z", periods=[name])
    assert figure.axes[0].get_title(loc="left") == "2012"
    with pytest.raises(PanelError, match="no period '2030年'"):
        panel.at("2030年")
    with pytest.raises(OptionError, match="period must be a single value"):
        panel.at([2012])


@pytest.mark.parametrize("written", [None, *WRITTEN])
def test_gaps_are_filled_by_their_distance_in_time(written):
    years = [2010, 2011, 2015]
    frame = pd.DataFrame({"id": [1] * 3 + [2] * 3, "year": years * 2, "x": [0.0, 1, 5, 1, 2, 3]})
    data = frame.drop(index=1)
    if written is not None:
        data = data.assign(year=data["year"].map(WRITTEN[written]))
    panel = nq.SpatialPanel(data, unit="id", period="year", balanced=False)
    done = panel.balance(how="interpolate")
    assert done.values("x")[0].tolist() == [0.0, 1.0, 5.0]  # not 2.5, the middle of the row
    assert "linearly over year: (1, 2011)" in done.notes[-1]


def test_gaps_of_periods_without_order_cannot_be_filled():
    frame = pd.DataFrame({"id": [1, 1, 2], "t": ["up", "down", "up"], "x": [1.0, 2.0, 3.0]})
    panel = nq.SpatialPanel(frame, unit="id", period="t", balanced=False)
    with pytest.raises(PanelError, match="interpolation needs the order of periods"):
        panel.balance(how="interpolate")


@pytest.mark.parametrize(
    "written",
    [*WRITTEN.values(), lambda year: f"{2000 + (year - 2010) // 4}Q{(year - 2010) % 4 + 1}"],
)
def test_figures_over_time(written):
    panel = panel_of(FULL, written)
    ax = nq.plots.sigma_lines(nq.convergence.sigma(panel, "z"))
    steps = np.diff(ax.lines[0].get_xdata())
    assert steps.tolist() == [1.0] * 9
    mpl.pyplot.close("all")
