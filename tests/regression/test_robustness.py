"""`robustness`: every row is a fit made by hand, and says what it did to the sample."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import NqpWarning, OptionError, UnknownColumnError, UnmatchedIdsError

FORMULA = "y ~ x1 + x2"
NUMBERS = ["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(3)
    n, periods = 36, range(2010, 2017)
    side = int(np.sqrt(n))
    places = [(k // side, k % side) for k in range(n)]
    links = [
        (f"u{i:02d}", f"u{j:02d}", 1.0)
        for i, a in enumerate(places)
        for j, b in enumerate(places)
        if abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1
    ]
    edges = pd.DataFrame(links, columns=["focal", "neighbor", "weight"])
    w = nq.weights.from_edges(edges, weight="weight").standardize("row")
    other = edges.assign(weight=rng.uniform(0.2, 2, len(edges)))
    w2 = nq.weights.from_edges(other, weight="weight").standardize("row")
    index = pd.MultiIndex.from_product([w.units, periods], names=["unit", "period"])
    frame = pd.DataFrame(rng.normal(size=(len(index), 4)), index, ["x1", "x2", "x3", "z"])
    frame["x1"] += 0.6 * frame["z"]
    matrix = np.linalg.inv(np.eye(n) - 0.4 * w.sparse.toarray())
    mean = frame["x1"] + 0.5 * frame["x2"] + rng.standard_t(4, len(index))
    frame["y"] = (matrix @ mean.to_numpy().reshape(n, -1)).ravel()
    frame["pos"] = np.exp(frame["x3"])
    frame["city"] = [name in ("u03", "u17") for name, _ in index]
    frame["zone"] = np.where(index.get_level_values(0) < "u18", "北", "南")
    frame["flag"] = rng.integers(0, 2, len(index))
    panel = nq.SpatialPanel(frame.reset_index(), unit="unit", period="period")
    return panel, w, w2


def rows_of(result, change):
    """The rows of a change, by quantity."""
    rows = result.frame[result.frame["change"] == change]
    return rows.set_index(["quantity", "variable", "term"])[NUMBERS]


def require_equal(result, change, model, *, effects=True):
    """The coefficients and effects of a row are those of a model."""
    rows = rows_of(result, change)
    expected = model.frame.reorder_levels(["variable", "block"])
    np.testing.assert_allclose(
        rows.loc["coefficient"].to_numpy(), expected[NUMBERS].to_numpy(), rtol=0, atol=1e-12
    )
    assert [tuple(key) for key in rows.loc["coefficient"].index] == list(expected.index)
    if effects:
        table = model.effects(seed=0).frame.set_index(["variable", "effect"])
        np.testing.assert_allclose(
            rows.loc["effect"].to_numpy(), table[NUMBERS].to_numpy(), rtol=0, atol=1e-12
        )


# -- by hand ---------------------------------------------------------------------------------------


def clipped(panel, names, low, high):
    columns = {}
    for name in names:
        values = panel.frame[name].to_numpy()
        ordered = np.sort(values)
        # The definition of a quantile by linear interpolation, written out.
        ends = []
        for share in (low, high):
            place = share * (len(ordered) - 1)
            down = int(np.floor(place))
            up = min(down + 1, len(ordered) - 1)
            ends.append(ordered[down] + (place - down) * (ordered[up] - ordered[down]))
        columns[name] = np.minimum(np.maximum(values, ends[0]), ends[1])
    return panel.assign(**columns)


def lagged(panel, names, steps):
    frame = panel.frame.reset_index()
    columns = {}
    for name in names:
        wide = frame.pivot(index="unit", columns="period", values=name)
        past = wide.shift(steps, axis=1).stack(future_stack=True)
        columns[name] = past
    later = panel.assign(**columns)
    return later.select(periods=list(panel.periods[steps:]))


def by_hand(panel, w, w2):
    """The changes and, by name, the fits that they stand for."""
    rest = [unit for unit in panel.units if unit not in ("u03", "u17")]
    north = [unit for unit in panel.units if unit < "u18"]
    late = panel.select(periods=range(2012, 2017))
    without = panel.select(units=rest)
    fit = nq.fit
    changes = {
        "other W": {"weights": w2},
        "W by term": {"weights": {"y": w2, "x": w}},
        "winsorised": 0.02,
        "quantiles": {"winsorised": (0.05, 0.9)},
        "y alone": {"winsorised": {"share": 0.01, "columns": "y"}},
        "cities": {"without": ["u03", "u17"]},
        "cities by column": {"without": "city"},
        "north": {"only": {"zone": "北"}},
        "late": {"periods": {"from": 2012}},
        "early left out": {"without periods": [2010, 2011]},
        "lagged regressors": 2,
        "x1 lagged": {"lagged regressors": {"columns": ["x1"]}},
        "outcome": "log(pos)",
        "control": {"added controls": ["x3"]},
        "fewer": {"dropped controls": "x2"},
        "formula": "y ~ x1 + x1:x2",
        "SAR": {"model": "sar"},
        "OLS": {"model": "ols", "covariance": "robust"},
        "unit effects": {"effects": "unit"},
        "clustered": {"covariance": "cluster"},
        "GS2SLS": {
            "model": "sar",
            "estimator": "gs2sls",
            "endogenous": "x1",
            "instruments": "z",
        },
        "dynamic": {"time_lag": True, "correction": "bias"},
        "two": {"winsorised": 0.01, "without": ["u00"]},
        "function": lambda s: s.with_options(model="sem"),
    }
    fits = {
        "baseline": fit(FORMULA, panel, w),
        "other W": fit(FORMULA, panel, w2),
        "W by term": fit(FORMULA, panel, {"y": w2, "x": w}),
        "winsorised": fit(FORMULA, clipped(panel, ["y", "x1", "x2"], 0.02, 0.98), w),
        "quantiles": fit(FORMULA, clipped(panel, ["y", "x1", "x2"], 0.05, 0.9), w),
        "y alone": fit(FORMULA, clipped(panel, ["y"], 0.01, 0.99), w),
        "cities": fit(FORMULA, without, w.subset(rest)),
        "cities by column": fit(FORMULA, without, w.subset(rest)),
        "north": fit(FORMULA, panel.select(units=north), w.subset(north)),
        "late": fit(FORMULA, late, w),
        "early left out": fit(FORMULA, late, w),
        "lagged regressors": fit(FORMULA, lagged(panel, ["x1", "x2"], 2), w),
        "x1 lagged": fit(FORMULA, lagged(panel, ["x1"], 1), w),
        "outcome": fit("log(pos) ~ x1 + x2", panel, w),
        "control": fit("y ~ x1 + x2 + x3", panel, w),
        "fewer": fit("y ~ x1", panel, w),
        "formula": fit("y ~ x1 + x1:x2", panel, w),
        "SAR": fit(FORMULA, panel, w, model="sar"),
        "OLS": fit(FORMULA, panel, model="ols", covariance="robust"),
        "unit effects": fit(FORMULA, panel, w, effects="unit"),
        "clustered": fit(FORMULA, panel, w, covariance="cluster"),
        "GS2SLS": fit(
            FORMULA, panel, w, model="sar", estimator="gs2sls", endogenous="x1", instruments="z"
        ),
        "dynamic": fit(FORMULA, panel, w, time_lag=True, correction="bias"),
        "two": fit(
            FORMULA,
            clipped(panel, ["y", "x1", "x2"], 0.01, 0.99).select(units=panel.units[1:]),
            w.subset(panel.units[1:]),
        ),
        "function": fit(FORMULA, panel, w, model="sem"),
    }
    return changes, fits


@pytest.fixture(scope="module")
def hand(world):
    panel, w, w2 = world
    changes, fits = by_hand(panel, w, w2)
    return nq.robustness(FORMULA, panel, w, changes=changes), changes, fits


def test_every_row_is_a_fit_made_by_hand(hand):
    result, changes, fits = hand
    assert list(result.models) == ["baseline", *changes]
    for change, model in fits.items():
        has_draws = change not in ("formula", "dynamic")
        require_equal(result, change, model, effects=has_draws)
        again = result.specifications[change].fit()
        np.testing.assert_array_equal(again.params, result.models[change].params)


def test_the_short_and_the_long_run_of_a_row(hand):
    result, _, fits = hand
    rows = result.frame[
        (result.frame["change"] == "dynamic") & (result.frame["quantity"] == "effect")
    ]
    table = fits["dynamic"].effects(seed=0).frame
    assert rows["horizon"].tolist() == table["horizon"].tolist()
    np.testing.assert_allclose(rows["estimate"], table["estimate"], rtol=0, atol=1e-12)


def test_the_numbers_do_not_depend_on_the_workers(world, hand):
    panel, w, _ = world
    result, changes, _ = hand
    few = {name: changes[name] for name in ("other W", "winsorised", "cities", "function")}
    several = nq.robustness(FORMULA, panel, w, changes=few, n_jobs=2)
    for name in few:
        pd.testing.assert_frame_equal(
            rows_of(several, name), rows_of(result, name), check_exact=True
        )


def test_the_options_of_the_baseline_hold_in_every_row(world):
    panel, w, _ = world
    result = nq.robustness(
        FORMULA, panel, w, changes={"SAR": {"model": "sar"}, "late": {"periods": {"from": 2013}}},
        durbin="x1", effects="unit", covariance="cluster", level=0.9, draws=50, seed=4,
    )  # fmt: skip
    options = {"effects": "unit", "covariance": "cluster", "seed": 4}
    late = nq.fit(FORMULA, panel.select(periods=range(2013, 2017)), w, durbin="x1", **options)
    sar = nq.fit(FORMULA, panel, w, model="sar", **options)
    for name, model in {"late": late, "SAR": sar}.items():
        rows = rows_of(result, name)
        bounds = model.conf_int(0.9)
        np.testing.assert_allclose(rows.loc["coefficient"]["conf_low"], bounds["conf_low"])
        table = model.effects(50, seed=4, level=0.9).frame
        np.testing.assert_allclose(rows.loc["effect"]["conf_high"], table["conf_high"])
    assert "SAR: durbin= has no use here and is left out" in result.notes


# -- what a change does to the sample --------------------------------------------------------------


def test_notes_say_what_a_change_does_to_the_sample(hand):
    result, _, _ = hand
    notes = "\n".join(result.notes)
    assert (
        "cities: units left out (2): u03, u17; spatial weights among the remaining units, "
        "standardised again"
    ) in notes
    assert "north: units kept (18 of 36): u00, u01, u02, u03, u04 and 13 more" in notes
    assert "late: periods kept (5 of 7): 2012 to 2016" in notes
    assert "the first 2 of 7 periods are not in the sample" in notes
    # 252 values, 2 % at each end: places 5.02 and 245.98, so six values on each side.
    assert "winsorised: values beyond the quantiles 0.02 and 0.98" in notes
    assert "y 12 of 252; x1 12 of 252; x2 12 of 252" in notes
    sizes = result.changes[["observations", "units", "periods"]]
    assert sizes.loc["baseline"].tolist() == [252, 36, 7]
    assert sizes.loc["cities"].tolist() == [238, 34, 7]
    assert sizes.loc["lagged regressors"].tolist() == [180, 36, 5]
    assert result.changes.loc["two", "kinds"] == "winsorised, without"


def test_units_that_lose_their_last_neighbour_are_named(world):
    panel, w, _ = world
    # The neighbours of the corner u00.
    result = nq.robustness(
        FORMULA, panel, w, changes={"corner": {"without": ["u01", "u06"]}}, effects="unit",
        quantity="coefficients",
    )  # fmt: skip
    assert "units left without neighbours (1): u00" in result.notes[0]


def test_few_winsorised_values_are_named(world):
    panel, w, _ = world
    frame = panel.frame.copy()
    frame.loc[("u05", 2011), "x1"] = 99.0
    frame.loc[("u07", 2012), "x1"] = -99.0
    wild = panel.assign(x1=frame["x1"])
    result = nq.robustness(
        FORMULA, wild, w, quantity="coefficients",
        changes={"clipped": {"winsorised": {"share": 0.003, "columns": ["x1"]}}},
    )  # fmt: skip
    assert "x1 2 of 252 ((u05, 2011), (u07, 2012))" in result.notes[0]


def test_winsorising_leaves_two_valued_variables_and_the_panel_alone(world):
    panel, w, _ = world
    before = panel.frame.copy()
    result = nq.robustness("y ~ x1 + flag", panel, w, changes=["winsorised"])
    pd.testing.assert_frame_equal(panel.frame, before)
    assert "flag" not in result.notes[0]
    changed = result.specifications["winsorised"].panel.frame
    assert changed["flag"].equals(before["flag"])
    assert changed["x1"].max() < before["x1"].max()


# -- failures --------------------------------------------------------------------------------------


def test_a_change_that_fails_keeps_its_row_and_says_why(world):
    panel, w, _ = world
    changes = {
        "no such": {"added controls": "nope"},
        "fine": {"model": "sar"},
        "collinear": {"added controls": "I(2 * x1)"},
        "cities": {"without": ["u99"]},
    }
    with pytest.warns(NqpWarning, match="3 changes could not be fitted: 'no such', "):
        result = nq.robustness(FORMULA, panel, w, changes=changes)
    assert result.changes["fitted"].tolist() == [True, False, True, False, False]
    assert "the panel has no column 'nope'" in result.changes.loc["no such", "reason"]
    assert "u99" in result.changes.loc["cities", "reason"]
    assert any("no such could not be fitted: the panel has no" in note for note in result.notes)
    rows = rows_of(result, "collinear")
    assert len(rows) == len(rows_of(result, "baseline"))
    assert rows["estimate"].isna().all()
    assert list(result.curve().index).count("collinear") == 0
    with pytest.raises(UnknownColumnError, match="nope"):
        nq.robustness(FORMULA, panel, w, changes=changes, errors="raise")
    with pytest.raises(UnmatchedIdsError):
        nq.robustness(FORMULA, panel, w, changes={"c": {"without": ["u99"]}}, errors="raise")


def test_the_baseline_must_be_fitted(world):
    panel, w, _ = world
    with pytest.raises(UnknownColumnError, match="nope"):
        nq.robustness("y ~ nope", panel, w, changes={"SAR": {"model": "sar"}})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "must name at least one change"),
        ([], "must name at least one change"),
        (["winsorised", "winsorised"], "twice"),
        (["model"], "model must be one of 'ols'"),
        (["without"], "needs a value"),
        (["winsorized"], "known are weights"),
        ({"a": 3}, "has no meaning by itself"),
        ({"a": {"wins": 0.1}}, "unknown change 'wins'"),
        ({"a": {"model": "sdx"}}, "model must be one of"),
        ({"baseline": {"model": "sar"}}, "'baseline' is the row without a change"),
    ],
)
def test_what_is_no_change_is_refused_at_once(world, changes, words):
    panel, w, _ = world
    with pytest.raises(OptionError, match=words):
        nq.robustness(FORMULA, panel, w, changes=changes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"winsorised": 0.6}, "below 0.5"),
        ({"winsorised": (1, 99)}, "between 0 and 1"),
        ({"winsorised": "x1"}, "a share or two quantiles"),
        ({"winsorised": {"sharp": 0.1}}, "'share' and 'columns'"),
        ({"without": {"zone": "西"}}, "no unit has '西' in 'zone'"),
        ({"without": []}, "at least one unit"),
        ({"without": {"zone": ["北", "南"]}}, "leaves 0 units"),
        ({"periods": {"since": 2012}}, "'from' and 'to'"),
        ({"periods": []}, "at least one period"),
        ({"lagged regressors": 9}, "need more than 9 periods"),
        ({"lagged regressors": 0}, "whole number of periods"),
        ({"lagged regressors": {"columns": "x3"}}, "not on the right side"),
        ({"outcome": 3}, "name of a column"),
        ({"dropped controls": "x3"}, "does not have"),
        ({"formula": 1}, "formula must be text"),
        ({"function": lambda s: 3}, ""),
    ],
)
def test_values_that_a_change_cannot_take(world, change, words):
    panel, w, _ = world
    if "function" in change:
        change, words = change["function"], "must return a Specification"
    with pytest.raises((OptionError, UnknownColumnError), match=words):
        nq.robustness(FORMULA, panel, w, changes={"row": change}, errors="raise")


# -- the registry ----------------------------------------------------------------------------------


def test_users_add_named_changes(world):
    panel, w, _ = world

    @nq.regression.register_change("tests: squared", has_default=True, replace=True)
    def squared(specification, column):
        name = column or "x1"
        return specification.replaced(formula=f"{specification.formula} + I({name} ** 2)")

    assert "tests: squared" in nq.regression.change_names()
    changes = {"tests: squared": True, "of x2": {"tests: squared": "x2", "model": "sar"}}
    result = nq.robustness(FORMULA, panel, w, changes=changes, n_jobs=2)
    require_equal(
        result, "tests: squared", nq.fit("y ~ x1 + x2 + I(x1 ** 2)", panel, w), effects=False
    )
    expected = nq.fit("y ~ x1 + x2 + I(x2 ** 2)", panel, w, model="sar")
    require_equal(result, "of x2", expected, effects=False)
    with pytest.raises(OptionError, match="registered already"):
        nq.regression.register_change("tests: squared")
    for taken in ("winsorised", "model"):
        with pytest.raises(OptionError, match="change of the package"):
            nq.regression.register_change(taken)


# -- all of them together --------------------------------------------------------------------------


def test_combinations_are_those_of_different_kinds(world):
    panel, w, w2 = world
    changes = {
        "cities": {"without": ["u03", "u17"]},
        "other W": {"weights": w2},
        "transposed W": {"weights": nq.weights.from_dense(
            w2.sparse.toarray().T, w2.units, standardize="row"
        )},
        "SAR": {"model": "sar"},
    }  # fmt: skip
    result = nq.robustness(FORMULA, panel, w, changes=changes, combine=True, quantity="effects")
    assert len(result.models) == 2 * 3 * 2
    assert "cities + other W + SAR" in result.models
    assert "other W + transposed W" not in result.models
    rest = [unit for unit in panel.units if unit not in ("u03", "u17")]
    model = nq.fit(FORMULA, panel.select(units=rest), w2.subset(rest), model="sar")
    rows = rows_of(result, "cities + other W + SAR")
    np.testing.assert_allclose(
        rows["estimate"], model.effects(seed=0).frame["estimate"], rtol=0, atol=1e-12
    )
    curve = result.curve("x1", "indirect")
    assert curve["estimate"].is_monotonic_increasing
    assert curve.loc["cities + other W + SAR", list(changes)].tolist() == [True, True, False, True]
    assert not curve.loc["baseline", list(changes)].any()


def test_too_many_combinations_are_refused(world):
    panel, w, _ = world
    changes = {f"f{k}": (lambda s: s) for k in range(12)}
    with pytest.raises(OptionError, match="more than 2,000 combinations"):
        nq.robustness(FORMULA, panel, w, changes=changes, combine=True)


def test_shares_count_signs_and_significance(hand):
    result, _, _ = hand
    rows = result.quantity("x1", "direct").set_index("change")
    others = rows.drop("baseline").dropna(subset="estimate")
    row = result.shares.loc[("effect", "x1", "direct", "static")]
    same = others["estimate"] * rows.loc["baseline", "estimate"] > 0
    static = others[others["horizon"] == "static"]
    assert row["count"] == len(static)
    assert row["same_sign"] == pytest.approx(same[static.index].mean())
    assert row["significant"] == pytest.approx(
        (same & (others["p_value"] < 0.05))[static.index].mean()
    )
    assert row["max"] == static["estimate"].max()
    assert result.tests.frame.empty


def test_a_cross_section_and_a_model_without_weights(world):
    panel, w, _ = world
    one = panel.select(periods=[2012])
    result = nq.robustness(
        FORMULA, one, changes={"winsorised": 0.03, "SAR": {"weights": w, "model": "sar"}},
        model="ols", effects="none",
    )  # fmt: skip
    require_equal(result, "baseline", nq.fit(FORMULA, one, model="ols", effects="none"))
    require_equal(result, "SAR", nq.fit(FORMULA, one, w, model="sar", effects="none"))
    assert "x1 4 of 36 (u" in result.notes[0]
