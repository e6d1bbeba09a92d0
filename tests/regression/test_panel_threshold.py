"""Panel thresholds equal a regression at every value, and find what was planted."""

from __future__ import annotations

import joblib
import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.core.resampling import spawned_seeds
from nqp_spatial.errors import AbsorbedRegressorError, MissingValuesError, OptionError, PanelError
from nqp_spatial.regression._threshold_regions import critical_lr

TERMS = ("x1", "x2")


def panel_of(rng, n=20, periods=6, gammas=(0.0,), slopes=(1.0, 2.0), noise=1.0):
    mu = rng.normal(size=(n, 1))
    x1, x2, z, q = rng.normal(size=(4, n, periods)) + mu * np.array([1, 0, 0, 1])[:, None, None]
    regime = np.searchsorted(gammas, q, side="left")
    year = rng.normal(size=periods)
    y = mu + np.take(slopes, regime) * x1 + 0.5 * x2 - z + year + noise * rng.normal(size=q.shape)
    units, times = np.indices(q.shape)
    columns = {"y": y, "x1": x1, "x2": x2, "z": z, "q": q, "unit": units, "year": times}
    frame = pd.DataFrame({name: values.ravel() for name, values in columns.items()})
    return nq.SpatialPanel(frame, unit="unit", period="year")


def within(columns, shape, effects):
    array = np.asarray(columns, dtype=float).reshape(*shape, -1)
    array = array - array.mean(axis=1, keepdims=True)
    if effects == "two-way":
        array = array - array.mean(axis=0, keepdims=True)
    return array.reshape(shape[0] * shape[1], -1)


class ByHand:
    """A regression with dummies taken out at each value."""

    def __init__(self, panel, terms, effects, least):
        self.frame, self.terms, self.effects = panel.frame, terms, effects
        self.shape = panel.n_units, panel.n_periods
        self.q = self.frame["q"].to_numpy()
        values = np.unique(self.q)
        below = np.array([(self.q <= value).sum() for value in values])
        inside = (below >= least) & (len(self.q) - below >= least)
        self.values, self.below, self.least = values[inside], below[inside], least
        self.y = within(self.frame["y"], self.shape, effects)

    def squares(self, gammas, y=None):
        regime = np.searchsorted(np.sort(gammas), self.q, side="left")
        columns = [self.frame[name] for name in ("x1", "x2", "z") if name not in self.terms]
        columns += [
            self.frame[name] * (regime == number)
            for name in self.terms
            for number in range(len(gammas) + 1)
        ]
        x = within(np.column_stack(columns), self.shape, self.effects)
        outcome = self.y if y is None else y
        return float(((outcome - x @ np.linalg.lstsq(x, outcome, rcond=None)[0]) ** 2).sum())

    def best(self, known, y=None):
        apart = np.full(len(self.values), fill_value=True)
        for gamma in known:
            apart &= np.abs(self.below - (self.q <= gamma).sum()) >= self.least
        heights = [
            self.squares([*known, value], y) if ok else np.inf
            for value, ok in zip(self.values, apart, strict=True)
        ]
        return float(self.values[np.argmin(heights)]), min(heights)

    def stages(self, count, y=None):
        known, before, steps = [], self.squares([], y), []
        for _ in range(count):
            gamma, after = self.best(known, y)
            known = [*known, gamma]
            statistic = (before - after) / after
            moved = len(known) > 1
            while moved:
                moved = False
                for place in range(len(known)):
                    others = known[:place] + known[place + 1 :]
                    gamma, squares = self.best(others, y)
                    if squares < after * (1 - 1e-12):
                        known[place], after, moved = gamma, squares, True
            before = after
            steps.append((sorted(known), after, statistic))
        return steps


@pytest.mark.parametrize("effects", ["unit", "two-way"])
@pytest.mark.parametrize("terms", [("x1",), TERMS])
def test_each_value_by_a_regression(effects, terms):
    planted = {"gammas": (-0.5, 0.7), "slopes": (1.0, 2.0, 0.5)}
    panel = panel_of(np.random.default_rng(3), n=16, periods=5, **planted)
    result = nq.panel_threshold(
        "y ~ x1 + x2 + z", panel, threshold="q", regime=terms, thresholds=3, effects=effects,
        trim=0.1, replications=0,
    )  # fmt: skip
    hand = ByHand(panel, terms, effects, least=8)
    freedom = (16 if effects == "unit" else 15) * 4
    steps = hand.stages(3)
    for number, (_, squares, statistic) in enumerate(steps, start=1):
        row = result.search.loc[number]
        assert row["squares"] == pytest.approx(squares, rel=1e-10)
        assert row["statistic"] == pytest.approx(statistic * freedom, rel=1e-9)
    gammas = steps[-1][0]
    np.testing.assert_array_equal(result.thresholds["gamma"], gammas)
    for number, gamma in enumerate(gammas, start=1):
        others = [other for other in gammas if other != gamma]
        profile = result.profile.loc[number]
        expected = [hand.squares([*others, value]) for value in profile.index]
        np.testing.assert_allclose(profile["squares"], expected, rtol=1e-10)
        lr = (np.array(expected) - squares) / (squares / freedom)
        np.testing.assert_allclose(profile["lr"], lr, atol=1e-8)
        accepted = np.flatnonzero(lr <= 7.35227)
        low, high = max(accepted[0] - 1, 0), min(accepted[-1] + 1, len(lr) - 1)
        ends = result.thresholds.loc[number, ["conf_low", "conf_high"]]
        assert ends.tolist() == [profile.index[low], profile.index[high]]


def test_the_model_is_the_fit_of_its_formula():
    panel = panel_of(np.random.default_rng(4), n=40)
    result = nq.panel_threshold(
        "y ~ x1 + x2 + z", panel, threshold="q", regime="x1", replications=0
    )
    gamma = result.thresholds.loc[1, "gamma"]
    low = panel.frame["q"] <= gamma
    by_hand = panel.assign(low=panel.frame["x1"] * low, high=panel.frame["x1"] * ~low)
    model = nq.fit(
        "y ~ x2 + z + low + high", by_hand, model="ols", effects="unit", covariance="cluster"
    )
    np.testing.assert_allclose(result.params, model.params, rtol=1e-12)
    np.testing.assert_allclose(result.std_errors, model.std_errors, rtol=1e-12)
    assert result.params.index.tolist() == [
        ("x", "x2", "all"), ("x", "z", "all"), ("x", "x1", "regime 1"), ("x", "x1", "regime 2"),
    ]  # fmt: skip
    np.testing.assert_array_equal(result.regimes == 1, low)
    assert float((result.model.resid**2).sum()) == pytest.approx(result.search.loc[1, "squares"])
    contrast = np.array([0, 0, -1.0, 1.0])
    wald = (contrast @ model.params) ** 2 / (contrast @ model.cov.to_numpy() @ contrast)
    assert result.tests["equal in all regimes: x1"].statistic == pytest.approx(wald)
    robust = nq.panel_threshold(
        "y ~ x1 + x2 + z", panel, threshold="q", regime="x1", replications=0, covariance="robust"
    )
    assert robust.model.spec.covariance == "robust"
    assert not np.allclose(robust.std_errors, result.std_errors)


@pytest.mark.parametrize("number", [1, 2])
def test_bootstrap_samples_by_hand(number):
    """Series of residuals of units, added to the model of the hypothesis, searched again."""
    panel = panel_of(np.random.default_rng(5), n=12, periods=5)
    result = nq.panel_threshold(
        "y ~ x1 + x2 + z", panel, threshold="q", regime="x1", thresholds=number, trim=0.15,
        replications=7, seed=11,
    )  # fmt: skip
    hand = ByHand(panel, ("x1",), "unit", least=9)
    gammas = nq.panel_threshold(
        "y ~ x1 + x2 + z", panel, threshold="q", regime="x1", trim=0.15, replications=0
    )
    residuals = result.model.resid.to_numpy().reshape(12, 5)
    [seed] = spawned_seeds(11, 1)
    draws = np.random.default_rng(seed).integers(0, 12, (7, 12))
    null = 0.0
    if number == 2:
        null = gammas.model.fitted.to_numpy().reshape(12, 5)
    samples = []
    for draw in draws:
        y = within(null + residuals[draw], (12, 5), "unit")
        samples.append(hand.stages(number, y)[-1][2] * 12 * 4)
    row = result.search.loc[number]
    p = (1 + (np.array(samples) >= row["statistic"]).sum()) / 8
    assert row["p_value"] == p
    assert result.tests[f"threshold {number}"].p_value == p
    for level in (10, 5, 1):
        expected = np.quantile(samples, 1 - level / 100)
        assert row[f"critical_{level}"] == pytest.approx(expected, rel=1e-9)


def test_workers_do_not_change_the_bootstrap():
    panel = panel_of(np.random.default_rng(6))
    with joblib.parallel_config(backend="threading"):
        one, two = (
            nq.panel_threshold(
                "y ~ x1 + z", panel, threshold="q", regime="x1", replications=120, n_jobs=jobs
            ).search
            for jobs in (1, 2)
        )
    pd.testing.assert_frame_equal(one, two)


def test_planted_thresholds_are_found():
    rng = np.random.default_rng(7)
    panel = panel_of(rng, n=400, periods=8, gammas=(-0.5, 1.0), slopes=(1.0, 2.0, 3.0))
    result = nq.panel_threshold(
        "y ~ x1 + x2 + z", panel, threshold="q", regime="x1", thresholds=3, replications=99,
        effects="two-way",
    )  # fmt: skip
    p_values = result.search["p_value"]
    assert p_values[1] == p_values[2] == 0.01
    assert p_values[3] > 0.05
    assert any("support 2 of the 3" in note for note in result.notes)
    two = nq.panel_threshold(
        "y ~ x1 + x2 + z", panel, threshold="q", regime="x1", thresholds=2, replications=0,
        effects="two-way",
    )  # fmt: skip
    np.testing.assert_allclose(two.thresholds["gamma"], [-0.5, 1.0], atol=0.03)
    ends = two.thresholds[["conf_low", "conf_high"]].to_numpy()
    assert (ends[:, 0] <= [-0.5, 1.0]).all()
    assert (ends[:, 1] >= [-0.5, 1.0]).all()
    planted = np.array([0.5, -1.0, 1.0, 2.0, 3.0])
    assert (np.abs(two.params - planted) < 3.5 * two.std_errors).all()


def test_the_critical_value_is_that_of_the_paper():
    """Hansen (2000), table 1; the 6.53 at 10 % in Hansen (1999) is not its own formula."""
    values = [critical_lr(level) for level in (0.90, 0.95, 0.99)]
    np.testing.assert_allclose(values, [5.94, 7.35, 10.59], atol=5.1e-3)


def test_given_values():
    panel = panel_of(np.random.default_rng(8))
    result = nq.panel_threshold(
        "y ~ x1 + z", panel, threshold="q", regime="x1", grid=[0.25, -0.25, 0.0], replications=0
    )
    assert result.profile.loc[1].index.tolist() == [-0.25, 0.0, 0.25]
    few = nq.panel_threshold(
        "y ~ x1 + z", panel, threshold="q", regime="x1", grid=9, replications=0
    )
    assert len(few.profile.loc[1]) == 9
    assert any("9 of 109 different values" in note for note in few.notes)
    with pytest.raises(PanelError, match=r"outside are 9\.0"):
        nq.panel_threshold("y ~ x1 + z", panel, threshold="q", regime="x1", grid=[0.0, 9.0])


def test_a_term_of_a_function_may_change():
    panel = panel_of(np.random.default_rng(9)).assign(size=lambda d: np.exp(d["x1"]))
    logs = nq.panel_threshold(
        "y ~ log(size) + z", panel, threshold="q", regime="log(size)", replications=0
    )
    plain = nq.panel_threshold("y ~ x1 + z", panel, threshold="q", regime="x1", replications=0)
    np.testing.assert_allclose(logs.params, plain.params, rtol=1e-9)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"regime": "x3"}, OptionError, r"regime='x3'.*'x1', 'x2', 'z'"),
        ({"regime": ()}, OptionError, "at least one term"),
        ({"threshold": "y"}, OptionError, "is the outcome"),
        ({"threshold": "two"}, PanelError, "takes? fewer thresholds="),
        ({"threshold": "constant"}, PanelError, "no value that leaves"),
        ({"threshold": "gap"}, MissingValuesError, "gap"),
        ({"formula": "y ~ x1 + fixed"}, AbsorbedRegressorError, "fixed"),
        ({"formula": "y ~ x1 + C(band)", "regime": "C(band)"}, OptionError, "one numeric column"),
    ],
)
def test_what_cannot_be_estimated(options, error, message):
    panel = panel_of(np.random.default_rng(10)).assign(
        two=lambda d: (d["q"] > 0).astype(float), constant=1.0, fixed=lambda d: d.index.codes[0],
        gap=lambda d: d["q"].where(d["q"] < 1), band=lambda d: np.round(d["z"]).clip(-1, 1),
    )  # fmt: skip
    call = {"formula": "y ~ x1 + x2 + z", "threshold": "q", "regime": "x1", "thresholds": 2}
    with pytest.raises(error, match=message):
        nq.panel_threshold(panel=panel, replications=0, **(call | options))


@pytest.mark.slow
def test_size_and_coverage():
    """Without a threshold the test rejects 5 %; with one, the interval covers it."""
    rejected, covered = [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        null = panel_of(rng, n=60, periods=5, slopes=(1.0, 1.0))
        result = nq.panel_threshold(
            "y ~ x1 + x2 + z", null, threshold="q", regime="x1", replications=99, grid=50
        )
        rejected.append(result.search.loc[1, "p_value"] <= 0.05)
        planted = panel_of(rng, n=100, periods=5)
        row = nq.panel_threshold(
            "y ~ x1 + x2 + z", planted, threshold="q", regime="x1", replications=0
        ).thresholds.loc[1]
        covered.append(row["conf_low"] <= 0 <= row["conf_high"])
    assert 0.02 <= np.mean(rejected) <= 0.08
    assert np.mean(covered) >= 0.93
