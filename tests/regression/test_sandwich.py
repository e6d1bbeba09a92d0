"""Clustered and Driscoll-Kraay covariances: other programs, definitions, and simulated truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import OptionError
from nqp_spatial.regression import sandwich


@pytest.mark.parametrize("effects", ["unit", "two-way"])
@pytest.mark.parametrize("kind", ["cluster", "driscoll-kraay"])
def test_least_squares_is_linearmodels(states, effects, kind):
    """Up to their factor for the effects taken out, and our n / (n - 1)."""
    from linearmodels.panel import PanelOLS

    panel, _ = states
    frame = panel.frame[["lgsp", "lpc", "lemp"]]
    model = PanelOLS(
        frame["lgsp"],
        frame[["lpc", "lemp"]],
        entity_effects=True,
        time_effects=effects == "two-way",
    )
    if kind == "cluster":
        theirs = model.fit(cov_type="clustered", cluster_entity=True, debiased=False)
    else:
        theirs = model.fit(cov_type="kernel", kernel="bartlett", bandwidth=2, debiased=False)
    ours = nq.fit("lgsp ~ lpc + lemp", panel, model="ols", effects=effects, covariance=kind)
    # Unit effects nested in the clusters are not counted by them.
    taken = 0 if (kind, effects) == ("cluster", "unit") else 48 + 16 * (effects == "two-way")
    factor = 816 / (816 - taken) / (48 / 47 if kind == "cluster" else 1.0)
    np.testing.assert_allclose(
        ours.std_errors**2 * factor, theirs.std_errors.to_numpy() ** 2, rtol=1e-6
    )


def serially_dependent(w, n_periods, rho, seed, common=0.0):
    """A lag model whose errors, and whose regressor, follow AR(1) in each unit."""
    rng = np.random.default_rng(seed)
    n = w.n_units

    def series():
        found = rng.normal(size=(n, n_periods + 20)) + common * rng.normal(size=n_periods + 20)
        for t in range(1, n_periods + 20):
            found[:, t] += 0.7 * found[:, t - 1]
        return found[:, 20:]

    x, e = series(), series()
    y = np.linalg.solve(np.eye(n) - rho * w.sparse.toarray(), x + e)
    frame = pd.DataFrame({"y": y.ravel(), "x": x.ravel()})
    frame["id"], frame["t"] = np.repeat(np.arange(n), n_periods), np.tile(range(n_periods), n)
    return nq.SpatialPanel(frame, unit="id", period="t")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["sar", "sac"])
def test_clusters_cover_where_errors_are_serially_dependent(lattice, model):
    """Standard errors against the spread of 400 estimates; the usual ones are far too small."""
    w = lattice(12, 12)
    estimates, clustered, usual = [], [], []
    for seed in range(400):
        panel = serially_dependent(w, 6, 0.4, seed)
        res = nq.fit("y ~ x", panel, w, model=model, effects="none", covariance="cluster")
        estimates.append(res.params)
        clustered.append(res.std_errors)
        usual.append(nq.fit("y ~ x", panel, w, model=model, effects="none").std_errors)
    spread = pd.DataFrame(estimates).std()
    ratio = pd.DataFrame(clustered).mean() / spread
    assert ((ratio > 0.88) & (ratio < 1.12)).all(), ratio
    assert (pd.DataFrame(usual).mean() / spread)["x", "x"] < 0.75


@pytest.mark.slow
def test_driscoll_kraay_covers_where_errors_share_shocks(lattice):
    """Common shocks in x and e: the usual standard errors are too small by far."""
    w = lattice(6, 6)
    estimates, kraay, usual = [], [], []
    for seed in range(300):
        panel = serially_dependent(w, 120, 0.0, seed, common=1.0)
        res = nq.fit("y ~ x", panel, model="ols", effects="none", covariance="driscoll-kraay")
        estimates.append(res.params["x", "x"])
        kraay.append(res.std_errors["x", "x"])
        fit = nq.fit("y ~ x", panel, model="ols", effects="none")
        usual.append(fit.std_errors["x", "x"])
    assert 0.7 < np.mean(kraay) / np.std(estimates) < 1.1
    assert np.mean(usual) / np.std(estimates) < 0.4


@pytest.mark.parametrize("model", ["sdm", "sem", "sac"])
def test_without_dependence_all_covariances_agree(lattice, simulate, model):
    w = lattice(18, 18)
    panel = simulate(w, 12, theta=(0.0, 0.0))
    fits = {
        kind: nq.fit("y ~ x1 + x2", panel, w, model=model, covariance=kind).std_errors
        for kind in ("observed", "robust", "cluster")
    }
    np.testing.assert_allclose(fits["robust"], fits["observed"], rtol=0.1)
    np.testing.assert_allclose(fits["cluster"], fits["observed"], rtol=0.2)


def test_the_terms_of_a_quadratic_form_add_up_to_it():
    """sum_i e_i (F_ii e_i + sum_(j<i) (F_ij + F_ji) e_j) = e'F e, for any F."""
    rng = np.random.default_rng(0)
    full, e = rng.normal(size=(8, 8)), rng.normal(size=8)
    below = np.tril(full + full.T, -1)
    assert (e * (below @ e) + np.diag(full) * e**2).sum() == pytest.approx(e @ full @ e)


def test_large_matrices_are_refused(lattice, simulate, monkeypatch):
    monkeypatch.setattr(sandwich, "DENSE_UP_TO", 10)
    w = lattice(5, 5)
    with pytest.raises(OptionError, match="offered up to 10 units; with 25, use"):
        nq.fit("y ~ x1", simulate(w, 5), w, covariance="cluster")
