"""Recovery of parameters and coverage of intervals on simulated panels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq

TRUTH = {
    ("x", "x1"): 1.0,
    ("x", "x2"): -0.5,
    ("wx", "x1"): 0.3,
    ("wx", "x2"): 0.2,
    ("spatial", "rho"): 0.4,
}


def true_effects(w) -> pd.Series:
    """Direct and indirect effects of both regressors, from the matrix."""
    n = w.n_units
    dense = w.sparse.toarray()
    inverse = np.linalg.inv(np.eye(n) - TRUTH["spatial", "rho"] * dense)
    result = {}
    for name in ("x1", "x2"):
        s = inverse @ (TRUTH["x", name] * np.eye(n) + TRUTH["wx", name] * dense)
        result[name, "direct"] = np.trace(s) / n
        result[name, "indirect"] = s.sum() / n - np.trace(s) / n
    return pd.Series(result)


@pytest.mark.parametrize("logdet", ["exact", "factor", "lanczos"])
@pytest.mark.parametrize("effects", ["none", "unit", "period", "two-way"])
def test_recovery_in_a_large_sample(lattice, simulate, effects, logdet):
    """Every parameter within four standard errors, which are small."""
    w = lattice(20, 20)
    panel = simulate(w, 8, seed=5)
    model = "y ~ x1 + x2"
    if effects in ("none", "period"):
        # The simulated unit effects are correlated with x, so these models are told of them.
        centre = panel.frame.groupby(level="unit").transform("mean")
        panel = panel.assign(
            y=panel.frame["y"] - centre["y"],
            **{k: panel.frame[k] - centre[k] for k in ("x1", "x2")},
        )
    if effects in ("none", "unit"):
        centre = panel.frame.groupby(level="period").transform("mean")
        panel = panel.assign(
            y=panel.frame["y"] - centre["y"],
            **{k: panel.frame[k] - centre[k] for k in ("x1", "x2")},
        )
    res = nq.fit(model, panel, w, effects=effects, logdet=logdet)
    for key, value in TRUTH.items():
        assert abs(res.params[key] - value) < 4 * res.std_errors[key]
        assert res.std_errors[key] < 0.1


def coverage(w, simulate, replications, periods, **options):
    """Return estimates, and whether 95 % intervals of parameters and effects hold the truth."""
    truth, effects = pd.Series(TRUTH), true_effects(w)
    estimates, covered, effects_inside = [], [], []
    for seed in range(replications):
        panel = simulate(w, periods, seed=seed)
        res = nq.fit("y ~ x1 + x2", panel, w, effects="two-way", **options)
        estimates.append([*res.params[list(TRUTH)], res.sigma2])
        interval = res.conf_int().loc[list(TRUTH)].to_numpy()
        covered.append((interval[:, 0] < truth) & (truth < interval[:, 1]))
        frame = res.effects(draws=500, seed=seed).frame.set_index(["variable", "effect"])
        rows = frame.loc[list(effects.index)]
        effects_inside.append(
            (rows["conf_low"].to_numpy() < effects) & (effects < rows["conf_high"].to_numpy())
        )
    return (
        pd.DataFrame(estimates, columns=[*TRUTH, "sigma2"]),
        pd.DataFrame(covered).mean(),
        pd.DataFrame(effects_inside).mean(),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("correction", "covariance"),
    [
        ("transformation", "observed"),
        ("transformation", "expected"),
        ("transformation", "qml"),
        ("bias", "observed"),
    ],
)
def test_intervals_cover_and_estimates_centre(lattice, simulate, correction, covariance):
    w = lattice(8, 8)
    estimates, covered, effects_inside = coverage(
        w, simulate, 500, 5, correction=correction, covariance=covariance
    )
    # Maximum likelihood is biased to the order of 1 / N: a shift of 0.3 standard errors costs an
    # interval one point of its 95, and the shift must be less.
    shift = (estimates[list(TRUTH)].mean() - pd.Series(TRUTH)) / estimates[list(TRUTH)].std()
    assert (abs(shift) < 0.3).all(), shift
    # sigma2 divides by the degrees of freedom of the transformed data and takes off none for the
    # four slopes and rho.
    freedom = 63 * 4
    awaited, error = 1 - 5 / freedom, estimates["sigma2"].std() / np.sqrt(len(estimates))
    assert abs(estimates["sigma2"].mean() - awaited) < 3.5 * error
    # 0.95 +- 3.5 binomial standard errors.
    margin = 3.5 * np.sqrt(0.95 * 0.05 / len(estimates))
    assert (abs(covered - 0.95) < margin).all(), covered
    assert (abs(effects_inside - 0.95) < margin).all(), effects_inside


@pytest.mark.slow
def test_why_two_way_effects_need_a_correction(lattice, simulate):
    """Dummy-variable ML: sigma2 too small by (n - 1)(T - 1) / (n T), intervals too short."""
    w = lattice(8, 8)
    estimates, covered, _ = coverage(w, simulate, 300, 5, correction="none")
    assert estimates["sigma2"].mean() == pytest.approx(63 * 4 / (64 * 5), rel=0.03)
    assert covered["x", "x1"] < 0.93
