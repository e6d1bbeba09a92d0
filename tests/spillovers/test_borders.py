"""Borders: nested cases, Fieller's interval, the profile of kappa, effects by border, recovery."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import nqp_spatial as nq
from nqp_spatial.errors import OptionError, UnknownColumnError, WeightsError
from nqp_spatial.regression._term_weights import matrices_by_name
from nqp_spatial.spillovers import barrier, partitioned
from nqp_spatial.spillovers.borders import fieller

REGIONS = {
    "Northeast": "CT ME MA NH RI VT NJ NY PA",
    "Midwest": "IL IN MI OH WI IA KS MN MO NE ND SD",
    "South": "DE FL GA MD NC SC VA WV AL KY MS TN AR LA OK TX",
    "West": "AZ CO ID MT NV NM UT WY CA OR WA",
}


@pytest.fixture(scope="module")
def regions(states):
    panel, _ = states
    of = {state: name for name, members in REGIONS.items() for state in members.split()}
    return pd.Series([of[u] for u in panel.units], panel.units, name="region")


def test_one_border_is_a_tied_partition(states, regions):
    panel, w = states
    mine = barrier("lgsp ~ lpc + lemp", panel, w, group=regions, effects="unit")
    tied = partitioned(
        "lgsp ~ lpc + lemp", panel, w, group=regions, effects="unit",
        rho="within-across", theta="within-across", beta="none",
    )  # fmt: skip
    np.testing.assert_allclose(mine.params, tied.params, rtol=1e-9)
    np.testing.assert_allclose(mine.std_errors, tied.std_errors, rtol=1e-9)
    rho = mine.params["spatial", "rho"].to_numpy()
    assert mine.share.loc["across region"] == pytest.approx(1 - rho[1] / rho[0])
    assert "share_lost" in repr(mine)


def test_fieller_by_its_definition():
    """A ratio is in the interval where top - ratio x bottom is not different from zero."""
    grid = np.linspace(-6, 6, 4001)
    cases = [
        (0.2, 0.5, [[0.01, 0.002], [0.002, 0.005]], "bounded"),
        (0.1, 0.05, [[0.01, 0.0], [0.0, 0.005]], "everything"),
        (0.5, 0.1, [[0.01, 0.0], [0.0, 0.005]], "outside"),
    ]
    for top, bottom, cov, awaited in cases:
        cov = np.array(cov)
        low, high, kind = fieller(top, bottom, cov)
        assert kind == awaited
        gap = (top - grid * bottom) ** 2
        spread = cov[0, 0] - 2 * grid * cov[0, 1] + grid**2 * cov[1, 1]
        inside = gap <= stats.norm.ppf(0.975) ** 2 * spread
        between = (grid >= low) & (grid <= high)
        assert ((~between if kind == "outside" else between) == inside).mean() > 0.999


def test_decay_is_a_profile(states, regions):
    panel, w = states
    res = barrier("lgsp ~ lpc + lemp", panel, w, group=regions, effects="unit")
    found = res.decay()
    plain = nq.fit("lgsp ~ lpc + lemp", panel, w, effects="unit")
    dense = w.sparse.toarray()
    same = regions.to_numpy()[:, None] == regions.to_numpy()[None, :]

    def loglik(left):
        matrix = nq.weights.from_dense(np.where(same, dense, left * dense), panel.units)
        return nq.fit("lgsp ~ lpc + lemp", panel, matrix, effects="unit").loglik

    assert next(iter(found.tests.values())).statistic == pytest.approx(
        2 * (found.loglik - plain.loglik), abs=1e-6
    )
    assert loglik(found.retained) == pytest.approx(found.loglik, abs=1e-6)
    assert found.loglik >= max(loglik(left) for left in (0.0, 0.4, 0.8, 1.0, 1.4)) - 1e-9
    assert found.retained == pytest.approx(np.exp(-found.kappa))
    cut = found.loglik - stats.chi2.ppf(0.95, 1) / 2
    for edge in (found.retained_low, found.retained_high):
        if edge > 0:
            assert loglik(edge) == pytest.approx(cut, abs=0.01)
        else:
            assert loglik(1e-9) > cut


def test_effects_by_border_are_derivatives(states, regions):
    panel, w = states
    half = pd.Series(np.where(panel.units < "MO", "first", "second"), panel.units, name="half")
    both = regions + " " + half
    both.name = "small"
    w = nq.weights.knn(panel, k=8)
    res = barrier("lgsp ~ lpc", panel, w, group=[both, regions], effects="unit")
    assert res.parts == [
        "within small", "across small, within region", "across region",
    ]  # fmt: skip
    table = res.effects_by_border("lpc")
    n, params = panel.n_units, res.params
    system, m = np.eye(n), params["x", "lpc", "all"] * np.eye(n)
    for part, matrix in matrices_by_name(res.model.terms.y).items():
        system = system - params["spatial", "rho", part] * matrix.toarray()
        m = m + params["wx", "lpc", part] * matrix.toarray()
    e = np.linalg.solve(system, m)
    same = regions.to_numpy()[:, None] == regions.to_numpy()[None, :]
    off = ~np.eye(n, dtype=bool)
    awaited = {
        "direct": np.trace(e) / n,
        "indirect within region": e[same & off].sum() / n,
        "indirect across region": e[~same].sum() / n,
        "total": e.sum() / n,
    }
    for name, value in awaited.items():
        assert table.loc[name, "estimate"] == pytest.approx(value, rel=1e-9)
    parts = table.loc[["indirect within small", "indirect across small"], "estimate"]
    assert parts.sum() == pytest.approx(table.loc["indirect", "estimate"])
    whole = sum(matrix for matrix in matrices_by_name(res.model.terms.y).values())
    assert abs(whole - w.sparse).max() == 0


def test_errors_of_effects_by_border_from_differences(states, regions):
    """Standard errors, p-values and intervals from numerical derivatives of dense inverses."""
    from math import erfc, sqrt

    panel, w = states
    res = barrier("lgsp ~ lpc", panel, w, group=regions, effects="unit")
    n, index = panel.n_units, res.params.index
    same = regions.to_numpy()[:, None] == regions.to_numpy()[None, :]
    off = ~np.eye(n, dtype=bool)
    parts = {name: matrix.toarray() for name, matrix in matrices_by_name(res.model.terms.y).items()}

    def effects(values):
        params = pd.Series(values, index)
        system, m = np.eye(n), params["x", "lpc", "all"] * np.eye(n)
        for part, matrix in parts.items():
            system = system - params["spatial", "rho", part] * matrix
            m = m + params["wx", "lpc", part] * matrix
        e = np.linalg.solve(system, m)
        return np.array(
            [np.trace(e), e[same & off].sum(), e[~same].sum(), e[off].sum(), e.sum()]
        ) / n  # fmt: skip

    at = res.params.to_numpy()
    steps = 1e-6 * np.eye(len(at))
    slopes = np.array([(effects(at + step) - effects(at - step)) / 2e-6 for step in steps])
    errors = np.sqrt(np.diag(slopes.T @ res.cov.to_numpy() @ slopes))
    names = ["direct", "indirect within region", "indirect across region", "indirect", "total"]
    table = res.effects_by_border("lpc", level=0.90).loc[names]
    np.testing.assert_allclose(table["estimate"], effects(at), rtol=1e-9)
    np.testing.assert_allclose(table["std_error"], errors, rtol=1e-5)
    p = [erfc(abs(t) / sqrt(2)) for t in effects(at) / errors]
    np.testing.assert_allclose(table["p_value"], p, rtol=1e-3)
    reach = 1.6448536269514722 * table["std_error"]
    np.testing.assert_allclose(table["conf_low"], table["estimate"] - reach, rtol=1e-9)
    np.testing.assert_allclose(table["conf_high"], table["estimate"] + reach, rtol=1e-9)


def test_errors(states, regions):
    panel, w = states
    half = pd.Series(np.where(panel.units < "MO", "first", "second"), panel.units, name="half")
    with pytest.raises(
        OptionError, match="groups must be nested, the smallest first: half 'first'"
    ):
        barrier("lgsp ~ lpc", panel, w, group=[half, regions])
    with pytest.raises(WeightsError, match="no links across region"):
        inside = nq.weights.within(w, regions)
        barrier("lgsp ~ lpc", panel, inside, group=regions)
    res = barrier("lgsp ~ lpc", panel, w, group=regions, effects="unit")
    with pytest.raises(UnknownColumnError):
        res.effects_by_border("lemp")


@pytest.mark.slow
def test_a_planted_loss_is_covered(lattice):
    """Half of the spillover is lost at each border of a 4 x 4 map of zones."""
    w = lattice(16, 16)
    n, t = 256, 6
    zone = pd.Series(
        (4 * (np.arange(256) // 64) + np.arange(256) % 16 // 4).astype(str), w.units, name="zone"
    )
    dense = w.sparse.toarray()
    same = zone.to_numpy()[:, None] == zone.to_numpy()[None, :]
    matrix = np.where(same, 0.6, 0.3) * dense
    spill = np.where(same, 0.4, 0.2) * dense
    inverse = np.linalg.inv(np.eye(n) - matrix)
    share, kappa, rejected = [], [], []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        x, mu = rng.normal(size=(n, t)), rng.normal(size=(n, 1))
        y = inverse @ (x + spill @ x + mu + rng.normal(size=(n, t)))
        panel = nq.SpatialPanel(
            pd.DataFrame(
                {
                    "id": np.repeat(np.arange(n), t),
                    "t": np.tile(np.arange(t), n),
                    "y": y.ravel(),
                    "x": x.ravel(),
                }
            ),
            unit="id",
            period="t",
        )
        res = barrier("y ~ x", panel, w, group=zone, effects="unit")
        low, high, kind = res.share_interval().iloc[0]
        assert kind == "bounded"
        share.append(low < 0.5 < high)
        rejected.append(res.tests["no loss across zone: rho and theta"].p_value < 0.05)
        if seed < 60:
            found = res.decay()
            kappa.append(found.conf_low < np.log(2) < found.conf_high)
    assert abs(np.mean(share) - 0.95) < 3.5 * np.sqrt(0.95 * 0.05 / 120)
    assert abs(np.mean(kappa) - 0.95) < 3.5 * np.sqrt(0.95 * 0.05 / 60)
    assert np.mean(rejected) > 0.9


@pytest.mark.parametrize("zone", [3, None, np.arange(48) % 2, [3]])
def test_zones_that_are_no_columns(states, zone):
    panel, w = states
    with pytest.raises(OptionError, match="group must be a string, a pandas Series, or a list"):
        barrier("lgsp ~ lpc", panel, w, group=zone)
