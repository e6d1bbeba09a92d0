"""Densities, kernels and modes against direct sums and other libraries."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import nqp_spatial as nq
from nqp_spatial.dynamics._kde import modes, robust_scale, sheather_jones, silverman
from nqp_spatial.dynamics.density import critical_bandwidth
from nqp_spatial.errors import DomainError, IslandError, OptionError, PanelError
from tests.parity import differ


def panel_of(values):
    values = np.asarray(values, dtype=float)
    n, t = values.shape
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), t),
            "t": np.tile(np.arange(t), n),
            "y": values.ravel(),
        }
    )
    return nq.SpatialPanel(frame, unit="id", period="t")


def direct(x, h, position):
    z = (np.asarray(position)[:, None] - x) / h
    return np.exp(-(z**2) / 2).sum(axis=1) / (len(x) * h * np.sqrt(2 * np.pi))


# -- densities ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 40, 3000])
def test_density_equals_direct_sums(n):
    values = np.random.default_rng(0).normal(size=(n, 3)) ** 3
    result = nq.dynamics.density(panel_of(values), "y", bandwidth="silverman-by-period")
    for t in range(3):
        h = result.bandwidths[t]
        assert h == pytest.approx(silverman(values[:, t]))
        exact = direct(values[:, t], h, result.frame.index)
        np.testing.assert_allclose(result.frame[t], exact, atol=1e-3 * exact.max())


@pytest.mark.parametrize(
    ("rule", "of"), [("silverman", silverman), ("sheather-jones", sheather_jones)]
)
def test_all_periods_have_one_bandwidth(rule, of):
    """Differences between densities of periods are not differences of bandwidths."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=(60, 4)) * [1.0, 1.3, 0.8, 1.1]
    result = nq.dynamics.density(panel_of(values), "y", bandwidth=rule)
    each = [of(column) for column in values.T]
    h = np.prod(each) ** (1 / 4)
    np.testing.assert_allclose(result.bandwidths, h)
    for t in range(4):
        exact = direct(values[:, t], h, result.frame.index)
        np.testing.assert_allclose(result.frame[t], exact, atol=1e-3 * exact.max())
    assert result.notes == ()
    by_period = nq.dynamics.density(panel_of(values), "y", bandwidth=f"{rule}-by-period")
    np.testing.assert_allclose(by_period.bandwidths, each)
    # Where the scale changes, one bandwidth is a poor choice: the result says so.
    growing = nq.dynamics.density(panel_of(values * [1, 2, 4, 8]), "y", bandwidth=rule)
    assert "all periods have one bandwidth" in growing.notes[0]
    assert len(set(growing.bandwidths)) == 1


def test_a_period_does_not_get_three_humps_from_its_bandwidth():
    """Incomes of 1972 have one hump, as those of the years around, with the bandwidth of all."""
    panel = nq.datasets.us_income()
    years = list(range(1966, 1979))
    by_period = nq.dynamics.density(
        panel, "relative_income", periods=years, bandwidth="sheather-jones-by-period"
    )
    common = nq.dynamics.density(panel, "relative_income", bandwidth="sheather-jones")
    assert by_period.modes.max() >= 3
    assert common.modes[years].max() == 1


@pytest.mark.parity
def test_bandwidths_equal_statsmodels():
    from statsmodels.nonparametric.bandwidths import bw_silverman

    x = np.random.default_rng(0).gamma(2, size=200)
    # They take 1.349 for the interquartile range of a normal distribution, Silverman's book 1.34.
    parallel = min(x.std(ddof=1), np.subtract(*np.quantile(x, [0.75, 0.25])) / 1.349)
    assert bw_silverman(x) == pytest.approx(0.9 * parallel * 200**-0.2)
    differ(
        "Density: Silverman's bandwidth", silverman(x), bw_silverman(x), program="statsmodels",
        data="200 gamma draws",
        reason="statsmodels divides the interquartile range by 1.349, Silverman's book by 1.34",
    )  # fmt: skip
    low, high = np.quantile(x, [0.25, 0.75])
    assert silverman(x) == pytest.approx(0.9 * min(x.std(ddof=1), (high - low) / 1.34) * 200**-0.2)


@pytest.mark.parametrize("n", [20, 150, 900])
def test_sheather_jones_equals_double_sums(n):
    """The equation of the paper with all pairs, solved on its own."""
    rng = np.random.default_rng(n)
    x = np.concatenate([rng.normal(size=n // 2), rng.normal(4, 0.5, n - n // 2)])
    gaps = x[:, None] - x

    def fourth(a):
        z = gaps / a
        return (stats.norm.pdf(z) * (z**4 - 6 * z**2 + 3)).sum() / (n * (n - 1) * a**5)

    def sixth(b):
        z = gaps / b
        return (stats.norm.pdf(z) * (z**6 - 15 * z**4 + 45 * z**2 - 15)).sum() / (
            n * (n - 1) * b**7
        )

    parallel = robust_scale(x)
    ratio = fourth(1.24 * parallel * n ** (-1 / 7)) / -sixth(1.23 * parallel * n ** (-1 / 9))

    def gap(h):
        g = 1.357 * ratio ** (1 / 7) * h ** (5 / 7)
        return (1 / (2 * np.sqrt(np.pi) * n * fourth(g))) ** 0.2 - h

    truth = optimize.brentq(gap, 0.01 * parallel, 2 * parallel)
    assert sheather_jones(x) == pytest.approx(truth, rel=2e-4)
    panel = panel_of(np.stack([x, 2 * x + 1], axis=1))
    result = nq.dynamics.density(panel, "y", bandwidth="sheather-jones-by-period")
    np.testing.assert_allclose(result.bandwidths, [truth, 2 * truth], rtol=2e-4)


def test_sheather_jones_of_a_normal_sample_is_near_the_best():
    x = np.random.default_rng(0).normal(size=20_000)
    assert sheather_jones(x) == pytest.approx((4 / 3 / 20_000) ** 0.2, rel=0.06)


def test_bounds_keep_the_mass_inside():
    values = np.random.default_rng(0).beta(1.2, 3, size=(300, 2))
    open_ = nq.dynamics.density(panel_of(values), "y")
    closed = nq.dynamics.density(panel_of(values), "y", bounds=(0, 1))
    for result in (open_, closed):
        x = result.frame.index.to_numpy()
        np.testing.assert_allclose(np.trapezoid(result.frame, x, axis=0), 1, atol=2e-3)
    assert closed.frame.index[0] == 0
    assert closed.frame.index[-1] == 1
    x = closed.frame.index.to_numpy()
    for t in range(2):
        h = closed.bandwidths[t]
        folded = sum(direct(values[:, t], h, position) for position in (x, -x, 2 - x))
        np.testing.assert_allclose(closed.frame[t], folded, atol=2e-3 * folded.max())
    with pytest.raises(DomainError, match="beyond the bounds"):
        nq.dynamics.density(panel_of(values), "y", bounds=(0.1, None))


def test_relative_values_and_periods():
    panel = nq.datasets.us_income()
    result = nq.dynamics.density(panel, "income", relative=True, periods=[2009, 1929], points=64)
    assert result.frame.columns.tolist() == [1929, 2009]
    assert result.values.mean().to_numpy() == pytest.approx(1)
    assert result.frame.shape == (64, 2)
    row = nq.dynamics.density(panel, "income", bandwidth=500.0)
    assert set(row.bandwidths) == {500.0}


# -- modes ----------------------------------------------------------------------------------------


def test_critical_bandwidths_and_p_values_by_direct_counts():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=15), rng.normal(5, 1, 12)])

    def count(of, h):
        position = np.linspace(of.min() - 3 * h, of.max() + 3 * h, 6000)
        return modes(direct(of, h, position)[None])[0]

    for k in (1, 2, 3):
        h = critical_bandwidth(x, k)
        assert count(x, h * 1.002) <= k
        assert count(x, h * 0.998) > k
    result = nq.dynamics.modality(panel_of(x[:, None]), "y", replications=1500, seed=1)
    loops = np.random.default_rng(9)
    for k in (1, 2):
        h = result.frame.loc[(0, k), "critical_bandwidth"]
        above = 0
        for _ in range(400):
            draws = x[loops.integers(0, 27, 27)] + h * loops.normal(size=27)
            shrunk = x.mean() + (draws - x.mean()) / np.sqrt(1 + h**2 / x.var())
            above += count(shrunk, h) > k
        p = result.frame.loc[(0, k), "p_value"]
        assert abs(p - above / 400) < 4 * np.sqrt(max(p * (1 - p), 0.01) / 400)
    assert result.modes[0] == 2
    assert result.frame.loc[(0, 1), "p_value"] < 0.05


@pytest.mark.slow
def test_the_test_of_modes_holds_its_level_and_has_power():
    rng = np.random.default_rng(0)
    row = np.stack([rng.normal(size=100) for _ in range(150)], axis=1)
    two = np.stack([rng.normal(size=100) + 4 * (rng.random(100) < 0.5) for _ in range(150)], axis=1)
    size, power = (
        (
            nq.dynamics.modality(panel_of(v), "y", max_modes=1, replications=199, seed=0)
            .frame["p_value"]
            .to_numpy()
            <= 0.05
        ).mean()
        for v in (row, two)
    )
    assert size < 0.05  # known to be conservative (Hall and York 2001)
    assert power > 0.8


# -- kernels --------------------------------------------------------------------------------------


def test_stochastic_kernel_equals_direct_sums(lattice):
    w = lattice(6, 5)
    values = np.exp(0.4 * np.random.default_rng(0).normal(size=(30, 8)).cumsum(axis=1))
    panel = panel_of(values)
    lag = w.sparse @ values
    cases = [
        (nq.dynamics.stochastic_kernel(panel, "y", step=3), values[:, :5], values[:, 3:]),
        (nq.dynamics.stochastic_kernel(panel, "y", step=2, weights=w), lag[:, :6], values[:, 2:]),
        (nq.dynamics.stochastic_kernel(panel, "y", step=0, weights=w), lag, values),
    ]
    for result, x, y in cases:
        x, y = x.ravel(), y.ravel()
        hx, hy = result.bandwidths
        assert hx == pytest.approx(robust_scale(x) * len(x) ** (-1 / 6))
        grid = result.conditional.index.to_numpy()
        kx = stats.norm.pdf((grid[:, None] - x) / hx) / hx
        ky = stats.norm.pdf((grid[:, None] - y) / hy) / hy
        joint = kx @ ky.T / len(x)
        np.testing.assert_allclose(result.joint, joint, atol=5e-3 * joint.max())
        supported = result.supported
        conditional = joint / np.maximum(kx.mean(axis=1), 1e-300)[:, None]
        np.testing.assert_allclose(
            result.conditional[supported],
            conditional[supported],
            atol=0.02 * conditional[supported].max(),
        )
        step = grid[1] - grid[0]
        known = result.conditional.notna().all(axis=1)
        assert known[supported].all()
        np.testing.assert_allclose(result.conditional[known].sum(axis=1) * step, 1, rtol=1e-9)
        np.testing.assert_array_equal(result.pairs["x"], x)
        np.testing.assert_array_equal(result.pairs["y"], y)
    assert cases[1][0].ergodic.isna().all()
    assert cases[1][0].spec.condition == "neighbours"


def test_rows_with_hardly_any_data_are_not_inside():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(100, 6))
    values[0] += 30  # one unit far away
    result = nq.dynamics.stochastic_kernel(panel_of(values), "y")
    x = result.conditional.index.to_numpy()[result.supported]
    assert x[0] < -1.5
    assert 1.5 < x[-1] < 6
    assert len(result.expected) == result.supported.sum()
    hx = result.bandwidths["x"]
    weight = [
        np.exp(-(((result.pairs["x"] - position) / hx) ** 2) / 2).sum()
        * np.sqrt(2)
        / len(result.pairs)
        for position in x
    ]
    assert min(weight) >= 0.0049


def test_the_ergodic_density_of_a_known_process():
    """y' = 0.8 y + 0.3 e tends to a normal distribution with standard deviation 0.5.

    Smoothing in x and y spreads the kernel, by amounts that are known: the variance becomes
    (s2 + h_y^2) / (1 - b2), with b the slope that smoothing leaves.
    """
    rng = np.random.default_rng(0)
    y = [rng.normal(size=4000) * 1.5]
    for _ in range(9):
        y.append(0.8 * y[-1] + 0.3 * rng.normal(size=4000))
    result = nq.dynamics.stochastic_kernel(panel_of(np.stack(y, axis=1)), "y")
    x = result.ergodic.index.to_numpy()
    step = x[1] - x[0]
    assert result.ergodic.sum() * step == pytest.approx(1)
    mean = (result.ergodic * x).sum() * step
    sd = np.sqrt((result.ergodic * (x - mean) ** 2).sum() * step)
    assert mean == pytest.approx(0, abs=0.03)
    assert sd == pytest.approx(0.5, rel=0.1)
    moved = result.conditional.to_numpy().T @ result.ergodic.to_numpy() * step
    np.testing.assert_allclose(moved, result.ergodic, atol=1e-6)
    slope = np.polyfit(result.expected.index, result.expected, 1)[0]
    assert slope == pytest.approx(0.8, abs=0.05)


def test_a_kernel_of_two_worlds_has_no_ergodic_density():
    rng = np.random.default_rng(0)
    level = np.repeat([0.0, 100.0], 50)[:, None]
    result = nq.dynamics.stochastic_kernel(panel_of(level + rng.normal(size=(100, 5))), "y")
    # The spread of all is no measure of that within the two.
    result = nq.dynamics.stochastic_kernel(
        panel_of(level + rng.normal(size=(100, 5))), "y", bandwidth=(0.3, 0.3)
    )
    assert result.ergodic.isna().all()
    assert "2 closed classes" in " ".join(result.notes)


# -- errors ---------------------------------------------------------------------------------------


def test_errors(lattice):
    w = lattice(4, 5)
    good = np.random.default_rng(0).normal(size=(20, 4)) + 9
    panel = panel_of(good)
    flat = good.copy()
    flat[:, 2] = 5
    with pytest.raises(DomainError, match="constant in 2"):
        nq.dynamics.density(panel_of(flat), "y")
    with pytest.raises(PanelError, match="at least 3 units"):
        nq.dynamics.density(panel_of(good[:2]), "y")
    with pytest.raises(
        OptionError, match=r"one of 'silverman', 'sheather-jones', .*, or a number above 0"
    ):
        nq.dynamics.density(panel, "y", bandwidth="scott")
    with pytest.raises(OptionError, match=r"a number above 0, got -1.0"):
        nq.dynamics.density(panel, "y", bandwidth=-1.0)
    with pytest.raises(OptionError, match="points"):
        nq.dynamics.density(panel, "y", points=3)
    with pytest.raises(PanelError, match="77"):
        nq.dynamics.density(panel, "y", periods=[77])
    tied = np.repeat([1.0, 2.0, 3.0], [5000, 1, 1])[:, None]
    with pytest.raises(DomainError, match="values are equal"):
        nq.dynamics.density(panel_of(tied), "y", bandwidth="sheather-jones")
    with pytest.raises(OptionError, match="replications"):
        nq.dynamics.modality(panel, "y", replications=0)
    with pytest.raises(OptionError, match="with weights it may be 0"):
        nq.dynamics.stochastic_kernel(panel, "y", step=0)
    with pytest.raises(PanelError, match="needs at least 5 periods"):
        nq.dynamics.stochastic_kernel(panel, "y", step=4)
    with pytest.raises(DomainError, match="constant as x"):
        nq.dynamics.stochastic_kernel(panel_of(np.ones((5, 4))), "y")
    with pytest.raises(OptionError, match=r"2 values \(each a number above 0\)"):
        nq.dynamics.stochastic_kernel(panel, "y", bandwidth=(1, 0))
    with pytest.raises(OptionError, match="points"):
        nq.dynamics.stochastic_kernel(panel, "y", points=5)
    states = nq.datasets.us_income()
    alone = nq.weights.distance_band(states, cutoff_km=200, islands="keep")
    with pytest.raises(IslandError, match="no neighbours"):
        nq.dynamics.stochastic_kernel(states, "income", weights=alone)
    assert w.n_units == 20


def test_a_cell_far_from_the_rest_is_named_before_a_grid_is_made():
    """Yuan where 10 000 yuan were meant: the grid would take hundreds of GiB."""
    values = np.random.default_rng(0).normal(5, 1, (25, 8))
    values[3, 2] *= 10_000
    with pytest.raises(DomainError, match=r"'y' extends over .* unit 3, period 2 has \d+"):
        nq.dynamics.stochastic_kernel(panel_of(values), "y")
    values[3, 2] *= 10_000
    with pytest.raises(DomainError, match=r"unit 3, period 2 has .* far from the median 5\.\d+"):
        nq.dynamics.density(panel_of(values), "y")
    with pytest.raises(DomainError, match="unit 3, period 2"):
        nq.dynamics.density(panel_of(values), "y", periods=[1, 2], bandwidth=0.01)
    # A wide grid that can still be worked with is.
    values[3, 2] = 300.0
    result = nq.dynamics.density(panel_of(values), "y")
    grid = result.frame.index
    assert (result.frame.sum() * (grid[1] - grid[0])).between(0.5, 1.5).all()


def test_a_kernel_on_a_grid_as_wide_as_it_may_be():
    """At the bound of the grid, a joint density that still adds to one over all points."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=(60, 6))
    low, high = np.ptp(values) / 590, np.ptp(values) / 610
    nq.dynamics.stochastic_kernel(panel_of(values), "y", bandwidth=(low, low))
    with pytest.raises(DomainError, match=r"bandwidths of .* or pass points="):
        nq.dynamics.stochastic_kernel(panel_of(values), "y", bandwidth=(high, high))
    result = nq.dynamics.stochastic_kernel(panel_of(values), "y", points=400, bandwidth=(low, low))
    step = result.joint.index[1] - result.joint.index[0]
    assert result.joint.to_numpy().sum() * step**2 == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("factor", [1e-200, 1e-310, 1e200])
def test_magnitudes_whose_powers_overflow_are_refused_by_cell(factor):
    values = factor * np.random.default_rng(0).uniform(1, 2, (6, 4))
    for call in (nq.dynamics.density, nq.dynamics.modality, nq.dynamics.stochastic_kernel):
        with pytest.raises(DomainError, match=r"column 'y' has .* change its unit"):
            call(panel_of(values), "y")


@pytest.mark.parametrize("factor", [1e-12, 1e12])
def test_units_of_measurement_do_not_matter(factor):
    values = np.random.default_rng(0).uniform(1, 2, (9, 4))
    row, other = (
        nq.dynamics.stochastic_kernel(panel_of(of), "y", points=40)
        for of in (values, factor * values)
    )
    np.testing.assert_allclose(other.conditional * factor, row.conditional, rtol=1e-9)
