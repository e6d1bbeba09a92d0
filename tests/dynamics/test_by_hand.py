"""Densities, kernels, chains and their tests beside loops, at the edges of options as well."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import nqp_spatial as nq
from nqp_spatial.core.inference import NotApplicable
from nqp_spatial.dynamics import _kde as smoothing
from nqp_spatial.dynamics import _long_run as long_run
from nqp_spatial.dynamics import _transitions as chains
from nqp_spatial.dynamics._bootstrap import interval_frame
from nqp_spatial.dynamics._group_state import mean_of_members
from nqp_spatial.dynamics._grouped_chains import GroupMoves, reassignment_tests
from nqp_spatial.dynamics._homogeneity import (
    homogeneity_tests,
    stratified_tests,
    visited_freedom,
)
from nqp_spatial.errors import DomainError, OptionError, PanelError
from tests.parity import agree

# The package names functions as these modules.
density_module = import_module("nqp_spatial.dynamics.density")
kernels_module = import_module("nqp_spatial.dynamics.stochastic_kernel")


def panel_of(values, **columns):
    values = np.asarray(values, dtype=float)
    n, t = values.shape
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), t),
            "t": np.tile(np.arange(t), n),
            "y": values.ravel(),
            **{name: np.repeat(of, t) for name, of in columns.items()},
        }
    )
    return nq.SpatialPanel(frame, unit="id", period="t")


def ring(n, reach=1):
    matrix = sum(np.roll(np.eye(n), step, axis=1) for step in range(1, reach + 1))
    return nq.weights.from_dense(matrix, range(n), standardize="row")


def normal(x, h, position):
    """Mean of normal densities around the points x."""
    return stats.norm.pdf((np.asarray(position)[:, None] - x) / h).mean(axis=1) / h


# -- smoothing ------------------------------------------------------------------------------------


def test_rules_of_thumb_where_quartiles_fall_together():
    """The standard deviation alone, where the middle half is one value."""
    x = np.array([1.0] * 8 + [2, 5])
    sd = x.std(ddof=1)
    assert smoothing.silverman(x) == pytest.approx(0.9 * sd * 10**-0.2)
    assert smoothing.robust_scale(x) == pytest.approx(sd)
    y = np.array([0.0, 1, 2, 3, 40])
    low, high = np.quantile(y, [0.25, 0.75])
    assert smoothing.robust_scale(y) == pytest.approx((high - low) / 1.349)
    assert smoothing.silverman(y) == pytest.approx(0.9 * (high - low) / 1.34 * 5**-0.2)
    z = np.array([0.0, 0, 0, 1, 1, 1])  # quartiles are wider apart than the deviation
    assert smoothing.robust_scale(z) == pytest.approx(z.std(ddof=1))
    assert smoothing.silverman(z) == pytest.approx(0.9 * z.std(ddof=1) * 6**-0.2)


def test_binning_shares_a_value_between_two_points():
    """Counts and means are kept; the last point takes what lies on it."""
    x = np.array([[0.0, 0.25, 2.5, 3.0], [1.0, 1.0, 1.75, 0.1]])
    result = smoothing.binned(x, 0.0, 1.0, 4)
    np.testing.assert_allclose(result[0], [1.75, 0.25, 0.5, 1.5])
    np.testing.assert_allclose(result[1], [0.9, 2.35, 0.75, 0.0])
    half = smoothing.binned(x + 7, 7.0, 0.5, 7)
    np.testing.assert_allclose(half @ (7 + 0.5 * np.arange(7)), (x + 7).sum(axis=1))
    pairs = kernels_module._binned_pairs(np.array([0.25, 2.0]), np.array([1.5, 0.0]), 3)
    expected = np.zeros((3, 3))
    expected[0, 1], expected[0, 2], expected[1, 1], expected[1, 2] = 0.375, 0.375, 0.125, 0.125
    expected[2, 0] += 1
    np.testing.assert_allclose(pairs, expected)


def test_smoothed_counts_by_direct_sums():
    """Of counts on a grid, one bandwidth for each row."""
    rng = np.random.default_rng(0)
    counts, step, h = rng.random((2, 60)), 0.3, np.array([0.4, 1.1])
    counts[:, :20] = counts[:, 40:] = 0  # nothing near the ends, where the transform goes round
    position = step * np.arange(60)
    result = smoothing.densities(counts, step, h)
    for row in range(2):
        kernel = stats.norm.pdf((position[:, None] - position) / h[row]) / h[row]
        expected = kernel @ counts[row] / counts[row].sum()
        np.testing.assert_allclose(result[row], expected, atol=2e-3 * expected.max())
    rows = smoothing.gaussian_rows(position[:5], position, 0.7)
    np.testing.assert_allclose(rows, stats.norm.pdf((position[:5, None] - position) / 0.7) / 0.7)


def test_modes_are_rises_before_falls():
    """Flat tops count once; ripples below a billionth of the peak do not."""
    rows = {
        (0, 1, 2, 1, 0): 1,
        (0, 2, 1, 2, 0): 2,
        (0, 2, 2, 2, 0): 1,
        (0, 2, 1, 1, 2): 1,  # still rising at the end
        (2, 1, 0, 1, 0): 1,  # falling from the start on
        (0, 1, 0, 0, 0): 1,
        (0, 1, 1 - 1e-8, 1, 0): 2,
        (0, 1, 1 - 1e-10, 1, 0): 1,
        (0, 1 - 1e-10, 1, 1, 0): 1,
        (1, 1, 1, 1, 1): 0,
    }
    result = smoothing.modes(np.array(list(rows), dtype=float))
    assert result.tolist() == list(rows.values())


# -- densities ------------------------------------------------------------------------------------


@pytest.mark.parametrize("bounds", [(None, None), (0.0, None), (None, 1.0), (0.0, 1.0)])
@pytest.mark.parametrize("bandwidth", [0.02, 0.15, 0.6])
def test_bounds_fold_what_lies_beyond(bounds, bandwidth):
    """Direct sums with the mirror images of the values, on either side, narrow and wide."""
    x = np.random.default_rng(1).beta(1.1, 1.6, size=80)
    x[0], x[1] = 0.0, 1.0  # on the bounds themselves
    result = nq.dynamics.density(
        panel_of(x[:, None]), "y", bounds=bounds, bandwidth=bandwidth, points=128
    )
    position = result.frame.index.to_numpy()
    assert len(position) == 128
    low, high = bounds
    assert position[0] == pytest.approx(-3 * bandwidth if low is None else 0)
    assert position[-1] == pytest.approx(1 + 3 * bandwidth if high is None else 1)
    exact = normal(x, bandwidth, position)
    exact += 0 if low is None else normal(-x, bandwidth, position)
    exact += 0 if high is None else normal(2 - x, bandwidth, position)
    if low is not None and high is not None and bandwidth == 0.6:
        # images of images: the sums here reflect once, and what is beyond is spread over all
        np.testing.assert_allclose(result.frame[0], exact, atol=0.1 * exact.max())
    else:
        np.testing.assert_allclose(result.frame[0], exact, atol=5e-3 * exact.max())


def test_least_sizes_of_a_density():
    values = np.array([[1.0], [2.0], [4.0]])
    result = nq.dynamics.density(panel_of(values), "y", points=32)
    assert result.frame.shape == (32, 1)
    with pytest.raises(OptionError):
        nq.dynamics.density(panel_of(values), "y", points=31)
    with pytest.raises(OptionError):
        nq.dynamics.density(panel_of(values), "y", bandwidth=0.0)
    for bounds in ((1.1, None), (None, 3.9)):
        with pytest.raises(DomainError, match="beyond the bounds"):
            nq.dynamics.density(panel_of(values), "y", bounds=bounds)


def test_modes_of_each_period():
    row = np.concatenate([np.linspace(-1, 1, 20), np.linspace(-1, 1, 20)])
    two = np.concatenate([np.linspace(-1, 1, 20), np.linspace(9, 11, 20)])
    result = nq.dynamics.density(panel_of(np.stack([row, two], axis=1)), "y", bandwidth=0.8)
    assert result.modes.tolist() == [1, 2]
    assert result.bandwidths.tolist() == [0.8, 0.8]
    np.testing.assert_array_equal(result.values, np.stack([row, two], axis=1))


def test_p_values_of_modes_by_the_same_draws():
    """(1 + samples with more modes) / (1 + samples), draws shrunk to the variance of the data."""
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.normal(size=12), rng.normal(6, 1, 9)])
    result = nq.dynamics.modality(panel_of(x[:, None]), "y", max_modes=2, replications=40, seed=3)
    draws = np.random.default_rng(3)
    for k in (1, 2):
        h = result.frame.loc[(0, k), "critical_bandwidth"]
        picked = x[draws.integers(0, 21, (40, 21))] + h * draws.normal(size=(40, 21))
        shrunk = x.mean() + (picked - x.mean()) / np.sqrt(1 + h**2 / x.var())
        above = 0
        for row in shrunk:
            position = np.linspace(row.min() - 3 * h, row.max() + 3 * h, 3000)
            above += smoothing.modes(normal(row, h, position)[None])[0] > k
        assert result.frame.loc[(0, k), "p_value"] == pytest.approx((1 + above) / 41)
    assert len(result.frame) == 2


def test_the_least_number_of_modes_that_is_not_rejected(monkeypatch):
    p = iter([0.05, 0.5, 0.04, 0.3, 0.01, 0.02])

    def draws(_x, _h, replications, _rng):
        modes = np.zeros(replications, dtype=int)
        modes[: round(next(p) * 100) - 1] = 9
        return modes

    monkeypatch.setattr(density_module, "_resampled_modes", draws)
    values = np.random.default_rng(0).normal(size=(10, 3))
    result = nq.dynamics.modality(panel_of(values), "y", max_modes=2, replications=99)
    assert result.frame["p_value"].tolist() == pytest.approx([0.05, 0.5, 0.04, 0.3, 0.01, 0.02])
    assert result.modes.iloc[:2].tolist() == [1, 2]
    assert pd.isna(result.modes.iloc[2])


def test_critical_bandwidth_lies_in_its_bracket():
    """As many modes as units where none are asked to merge: the least that is tried."""
    x = np.array([0.0, 1, 2, 4])
    assert density_module.critical_bandwidth(x, 4) == pytest.approx(4 / 1000)
    two = density_module.critical_bandwidth(np.array([-1.0, 1.0]), 1)
    assert two == pytest.approx(1.0, rel=1e-3)  # two normals at -1 and 1 merge where h = 1


def test_batches_of_resampled_modes(monkeypatch):
    """Batches share the stream of draws; every sample is there."""
    x = np.random.default_rng(5).normal(size=30)
    monkeypatch.setattr(density_module, "_GRID", 1000)
    counts = density_module._resampled_modes(x, 0.1, 4100, np.random.default_rng(0))
    assert len(counts) == 4100
    assert counts.min() >= 1
    assert counts[2000:].mean() == pytest.approx(counts[:2000].mean(), rel=0.05)


# -- kernels --------------------------------------------------------------------------------------


@pytest.mark.parametrize("bandwidth", [(0.03, 0.05), (0.5, 0.2), None])
def test_kernel_by_direct_sums(bandwidth):
    """Also where a bandwidth is narrow beside the range: the grid of the sums is finer then."""
    rng = np.random.default_rng(6)
    values = rng.normal(size=(40, 4))
    values[0] += 8
    result = nq.dynamics.stochastic_kernel(panel_of(values), "y", bandwidth=bandwidth, points=120)
    x, y = values[:, :-1].ravel(), values[:, 1:].ravel()
    hx, hy = result.bandwidths[["x", "y"]]
    if bandwidth is None:
        expected = [smoothing.robust_scale(of) * 120 ** (-1 / 6) for of in (x, y)]
        assert (hx, hy) == pytest.approx(tuple(expected))
    else:
        assert (hx, hy) == bandwidth
    grid = result.joint.index.to_numpy()
    edge = 3 * max(hx, hy)
    assert grid[0] == pytest.approx(min(x.min(), y.min()) - edge)
    assert grid[-1] == pytest.approx(max(x.max(), y.max()) + edge)
    assert len(grid) == 120
    kx = stats.norm.pdf((grid[:, None] - x) / hx) / hx
    ky = stats.norm.pdf((grid[:, None] - y) / hy) / hy
    joint = kx @ ky.T / 120
    np.testing.assert_allclose(result.joint, joint, atol=0.02 * joint.max())
    np.testing.assert_allclose(result.marginal, kx.mean(axis=1), atol=0.02 * kx.mean(axis=1).max())

    # Shown are points within the data where half a percent of the pairs is near, in one stretch.
    share = 2 * np.sqrt(np.pi) * hx * result.marginal.to_numpy()
    enough = (share >= 0.005) & (grid >= x.min()) & (grid <= x.max())
    middle = np.searchsorted(grid, np.median(x))
    first = last = middle
    while first > 0 and enough[first - 1]:
        first -= 1
    while last < 119 and enough[last + 1]:
        last += 1
    stretch = np.zeros(120, dtype=bool)
    if enough[middle]:
        stretch[first : last + 1] = True
    np.testing.assert_array_equal(result.supported, stretch)
    step = grid[1] - grid[0]
    mean = (result.conditional.to_numpy() * grid).sum(axis=1) * step
    np.testing.assert_allclose(result.expected, mean[result.supported])


def test_least_sizes_of_a_kernel():
    values = np.random.default_rng(7).normal(size=(20, 2))
    result = nq.dynamics.stochastic_kernel(panel_of(values), "y", points=20)
    assert result.joint.shape == (20, 20)
    with pytest.raises(OptionError):
        nq.dynamics.stochastic_kernel(panel_of(values), "y", points=19)
    for bandwidth in ((0.0, 1.0), (1.0, 0.0), (1.0,), (1.0, 1.0, 1.0)):
        with pytest.raises(OptionError):
            nq.dynamics.stochastic_kernel(panel_of(values), "y", bandwidth=bandwidth)
    with pytest.raises(PanelError):
        nq.dynamics.stochastic_kernel(panel_of(values), "y", step=2)
    constant = values.copy()
    constant[:, 1] = 3.0
    with pytest.raises(DomainError, match="constant as y"):
        nq.dynamics.stochastic_kernel(panel_of(constant), "y")


def test_ergodic_density_is_the_fixed_point_of_the_kernel():
    rng = np.random.default_rng(8)
    values = rng.normal(size=(200, 3)).cumsum(axis=1) * 0.3
    result = nq.dynamics.stochastic_kernel(panel_of(values), "y", points=50)
    f = result.ergodic.to_numpy()
    step = result.ergodic.index[1] - result.ergodic.index[0]
    assert f.sum() * step == pytest.approx(1)
    assert (f >= 0).all()
    np.testing.assert_allclose(
        np.nan_to_num(result.conditional.to_numpy()).T @ f * step, f, atol=1e-6
    )


# -- chains ---------------------------------------------------------------------------------------


def test_transitions_probabilities_and_errors_by_loops():
    rng = np.random.default_rng(9)
    codes, conditions = rng.integers(0, 3, (10, 7)), rng.integers(0, 2, (10, 7))
    for step in (1, 2, 6):
        plain, split = np.zeros((3, 3)), np.zeros((2, 3, 3))
        each = np.zeros((10, 18))
        for i in range(10):
            for t in range(7 - step):
                a, b, g = codes[i, t], codes[i, t + step], conditions[i, t]
                plain[a, b] += 1
                split[g, a, b] += 1
                each[i, g * 9 + a * 3 + b] += 1
        np.testing.assert_array_equal(chains.count_transitions(codes, 3, step)[0], plain)
        result = chains.count_transitions(codes, 3, step, conditions, 2)
        np.testing.assert_array_equal(result, split)
        np.testing.assert_array_equal(chains.counts_by_unit(codes, 3, step, conditions, 2), each)
        np.testing.assert_array_equal(
            chains.counts_by_unit(codes, 3, step), each[:, :9] + each[:, 9:]
        )
        visits = plain.sum(axis=1)
        for i in range(3):
            for j in range(3):
                if visits[i]:
                    p = plain[i, j] / visits[i]
                    assert chains.probabilities(plain)[i, j] == pytest.approx(p)
                    assert chains.standard_errors(plain)[i, j] == pytest.approx(
                        np.sqrt(p * (1 - p) / visits[i])
                    )
    assert np.isnan(chains.probabilities(np.array([[0, 0], [1, 1]]))[0]).all()
    assert np.isnan(chains.standard_errors(np.array([[0, 0], [1, 1]]))[0]).all()


def test_where_chains_end():
    """One closed class, two, a state that is entered and never left, none at all."""
    nan = np.full(3, np.nan)
    for p, closed, expected in (
        ([[0.5, 0.5, 0], [0.5, 0.5, 0], [0.2, 0.3, 0.5]], 1, [0.5, 0.5, 0]),
        ([[1, 0, 0], [0.5, 0, 0.5], [0, 0, 1]], 2, nan),
        ([[0.5, 0.5, 0], [1, 0, 0], nan], 1, [2 / 3, 1 / 3, np.nan]),
        ([[0.5, 0, 0.5], [0.5, 0.5, 0], nan], 0, nan),
        ([nan, nan, nan], 0, nan),
    ):
        result, count, note = chains.ergodic(np.array(p, dtype=float))
        np.testing.assert_allclose(result, expected, atol=1e-12)
        assert count == closed
        assert bool(note) == (closed != 1)
    assert "state 3 was entered" in chains.ergodic(np.array([[0.5, 0, 0.5], [1, 0, 0], nan]))[2]


def test_notes_of_states_from_which_no_move_starts():
    for values, text in (
        ([[0.0, 1, 2, 0], [2, 1, 0, 0]], False),
        ([[0.0, 1, 0, 2], [1, 1, 0, 0]], True),
    ):
        result = nq.dynamics.markov(panel_of(values), "y", states=3, discretize=[0.5, 1.5])
        notes = [note for note in result.notes if "no move starts" in note]
        assert bool(notes) == text
        if text:
            assert "3: > 1.5: its row is missing" in notes[0]


def test_half_life_is_that_of_the_second_eigenvalue():
    p = np.array([[0.9, 0.1], [0.3, 0.7]])  # eigenvalues 1 and 0.6
    assert long_run.half_life(p) == pytest.approx(np.log(0.5) / np.log(0.6))
    assert long_run.half_life(np.array([[0.5, 0.5], [0.5, 0.5]])) < 0.05
    assert long_run.half_life(np.array([[0.0, 1], [1, 0]])) == np.inf
    values, size = np.linalg.eigvals(np.array([[0.2, 0.8, 0], [0, 0.2, 0.8], [0.8, 0, 0.2]])), 3
    assert long_run.half_life(
        np.array([[0.2, 0.8, 0], [0, 0.2, 0.8], [0.8, 0, 0.2]])
    ) == pytest.approx(np.log(0.5) / np.log(np.sort(np.abs(values))[size - 2]))


def test_mobility_by_its_definitions():
    rng = np.random.default_rng(10)
    p = rng.dirichlet(np.ones(3), 3)
    pi = chains.ergodic(p)[0]
    result = {name: of[0] for name, of in long_run.mobility(p, np.ones(3), pi).items()}
    second = np.sort(np.abs(np.linalg.eigvals(p)))[-2]
    distance = np.abs(np.subtract.outer(np.arange(3), np.arange(3)))
    assert result == pytest.approx(
        {
            "prais": (3 - np.trace(p)) / 2,
            "determinant": 1 - abs(np.linalg.det(p)),
            "eigenvalue": 1 - second,
            "leaving": 1.5 * (pi * (1 - np.diag(p))).sum(),
            "bartholomew": (pi[:, None] * p * distance).sum() / 2,
        }
    )
    short = long_run.mobility(p, np.ones(3), np.full(3, np.nan))
    assert np.isnan(short["leaving"][0])
    assert short["prais"][0] == result["prais"]


@pytest.mark.parametrize("kind", ["negative determinant", "complex pair", "all positive"])
def test_errors_of_mobility_where_signs_and_moduli_matter(kind):
    p = {
        "negative determinant": np.array([[0.1, 0.8, 0.1], [0.7, 0.1, 0.2], [0.1, 0.3, 0.6]]),
        "all positive": np.array([[0.8, 0.15, 0.05], [0.1, 0.8, 0.1], [0.05, 0.05, 0.9]]),
        "complex pair": np.array([[0.1, 0.8, 0.1], [0.1, 0.2, 0.7], [0.7, 0.1, 0.2]]),
    }[kind]
    visits = np.array([40.0, 70, 90])

    def value(q, name):
        if name == "determinant":
            return 1 - abs(np.linalg.det(q))
        return 1 - np.sort(np.abs(np.linalg.eigvals(q)))[-2]

    result = long_run.mobility(p, visits, chains.ergodic(p)[0])
    for name in ("determinant", "eigenvalue"):
        variance, h = 0.0, 1e-6
        for i in range(3):
            slopes = np.zeros(3)
            for j in range(2):  # against the last column
                step = np.zeros((3, 3))
                step[i, j], step[i, 2] = h, -h
                slopes[j] = (value(p + step, name) - value(p - step, name)) / (2 * h)
            cov = (np.diag(p[i]) - np.outer(p[i], p[i])) / visits[i]
            variance += slopes @ cov @ slopes
        assert result[name] == pytest.approx((value(p, name), np.sqrt(variance)), rel=1e-5)


def test_spread_of_draws_that_are_partly_missing():
    """Two draws are enough for an interval, one is not; a missing estimate has none."""
    draws = np.array([[1.0, 5.0, 2.0, 1.0], [3.0, np.nan, 4.0, 2.0], [5.0, np.nan, np.nan, 4.0]])
    estimate = np.array([3.0, 5.0, 3.0, np.nan])
    result = interval_frame(estimate, draws, pd.Index(list("abcd")), 0.5)
    assert result.loc["a"].tolist() == pytest.approx([3.0, 2.0, 2.0, 4.0])
    assert result.loc["b", ["std_error", "conf_low", "conf_high"]].isna().all()
    assert result.loc["c"].tolist() == pytest.approx([3.0, np.sqrt(2), 2.5, 3.5])
    assert result.loc["d"].isna().all()


# -- homogeneity ----------------------------------------------------------------------------------


def test_degrees_of_freedom_of_cells_that_occur():
    """By rows: (groups that visit - 1) times (columns that are reached - 1), none below zero."""
    counts = np.zeros((3, 4, 4), dtype=int)
    counts[:, 0, :3] = 5  # three groups, three columns: 2 x 2
    counts[:2, 1, :] = 2  # two groups, four columns: 1 x 3
    counts[0, 2, :] = 1  # one group
    # the fourth state is visited by nobody
    assert visited_freedom(counts) == 4 + 3
    result = homogeneity_tests(counts, "same")
    assert result["lr"].df == result["chi2"].df == 7
    assert result["lr_all_cells"].df == result["chi2_all_cells"].df == 4 * 3 * 2
    strata = np.stack([counts, np.swapaxes(counts, 1, 2)])
    joint = stratified_tests(strata, "same")
    assert joint["lr"].df == 7 + visited_freedom(np.swapaxes(counts, 1, 2))
    assert joint["lr_all_cells"].df == 2 * 24


def statistics_by_loops(counts):
    lr = chi2 = 0.0
    n_groups, k, _ = counts.shape
    for i in range(k):
        row = counts[:, i].sum()
        for g in range(n_groups):
            for j in range(k):
                expected = counts[g, i].sum() * counts[:, i, j].sum() / row if row else 0
                if expected > 0:
                    n = counts[g, i, j]
                    chi2 += (n - expected) ** 2 / expected
                    lr += 2 * n * np.log(n / expected) if n else 0
    return lr, chi2


def test_statistics_of_strata_by_loops():
    rng = np.random.default_rng(11)
    counts = rng.integers(0, 6, (2, 3, 3, 3)) * (rng.random((2, 3, 3, 3)) < 0.7)
    result = stratified_tests(counts, "same")
    lr, chi2 = np.sum([statistics_by_loops(row) for row in counts], axis=0)
    assert result["lr"].statistic == pytest.approx(lr)
    assert result["chi2"].statistic == pytest.approx(chi2)
    assert result["lr"].p_value == pytest.approx(stats.chi2.sf(lr, result["lr"].df))
    assert result["chi2"].p_value == pytest.approx(stats.chi2.sf(chi2, result["chi2"].df))


def test_permutation_tests_of_groups_by_loops():
    """Groups are reassigned to units at random; the arrangement in the data counts as one."""
    rng = np.random.default_rng(12)
    values = rng.normal(size=(18, 6)).cumsum(axis=1)
    side = np.resize(["a", "b", "c"], 18)
    result = nq.dynamics.markov_by_group(
        panel_of(values, side=side), "y", group="side", states=3, permutations=30, seed=4
    )
    cuts = np.quantile(values, [1 / 3, 2 / 3])
    states_of_units = (values[:, :, None] > cuts).sum(axis=2)
    codes = np.resize([0, 1, 2], 18)

    def counts_of(code):
        return np.stack(
            [chains.count_transitions(states_of_units[code == g], 3, 1)[0] for g in range(3)]
        )

    observed = np.array(statistics_by_loops(counts_of(codes)))
    reassigned = np.random.default_rng(4).permuted(np.tile(codes, (30, 1)), axis=1)
    draws = np.array([statistics_by_loops(counts_of(code)) for code in reassigned])
    p = (1 + (draws >= observed - 1e-9).sum(axis=0)) / 31
    assert result.tests["lr_permutation"].p_value == pytest.approx(p[0])
    assert result.tests["chi2_permutation"].p_value == pytest.approx(p[1])
    assert result.tests["lr_permutation"].statistic == pytest.approx(observed[0])
    for g, name in enumerate("abc"):
        np.testing.assert_array_equal(result.chains[name].counts, counts_of(codes)[g])
    np.testing.assert_array_equal(result.pooled.counts, counts_of(codes).sum(axis=0))


def test_reassignments_in_batches(monkeypatch):
    """The batch limits memory only: the stream of random numbers goes on."""
    rng = np.random.default_rng(13)
    states_of_units = rng.integers(0, 2, (9, 5))
    by_unit, codes = chains.counts_by_unit(states_of_units, 2, 1), np.resize([0, 1], 9)
    counts = np.stack([by_unit[codes == g].sum(axis=0).reshape(2, 2) for g in (0, 1)])[:, None]
    moves = GroupMoves("side", ["a", "b"], codes, by_unit, counts)
    tests = reassignment_tests(moves, "same", 50, 1)
    reassigned = np.random.default_rng(1).permuted(np.tile(codes, (50, 1)), axis=1)
    draws = np.array(
        [
            statistics_by_loops(
                np.stack([by_unit[code == g].sum(axis=0).reshape(2, 2) for g in (0, 1)])
            )
            for code in reassigned
        ]
    )
    observed = np.array(statistics_by_loops(counts[:, 0]))
    p = (1 + (draws >= observed - 1e-9).sum(axis=0)) / 51
    assert [tests[f"{key}_permutation"].p_value for key in ("lr", "chi2")] == pytest.approx(
        p.tolist()
    )


@pytest.mark.parametrize("step", [1, 2])
def test_spans_of_time_by_loops(step):
    rng = np.random.default_rng(14)
    values = rng.normal(size=(12, 9)).cumsum(axis=1)
    cuts = np.quantile(values, [1 / 3, 2 / 3])
    codes = (values[:, :, None] > cuts).sum(axis=2)
    starts = 9 - step
    cases = {3: np.array_split(np.arange(starts), 3), 2: np.array_split(np.arange(starts), 2)}
    for spans, parts in [*cases.items(), ((4, 6), [range(4), range(4, 6), range(6, starts)])]:
        result = nq.dynamics.time_homogeneity(
            panel_of(values), "y", spans=spans if isinstance(spans, int) else list(spans),
            states=3, step=step,
        )  # fmt: skip
        names = [f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts]
        assert list(result.chains) == names
        for name, part in zip(names, parts, strict=True):
            counts = np.zeros((3, 3))
            for t in part:
                for i in range(12):
                    counts[codes[i, t], codes[i, t + step]] += 1
            np.testing.assert_array_equal(result.chains[name].counts, counts)
        every = np.stack([chain.counts for chain in result.chains.values()])
        assert result.tests["lr"].statistic == pytest.approx(statistics_by_loops(every)[0])
        np.testing.assert_array_equal(result.pooled.counts, every.sum(axis=0))


def test_bounds_of_spans():
    panel = panel_of(np.random.default_rng(15).normal(size=(12, 5)))
    assert len(nq.dynamics.time_homogeneity(panel, "y", spans=4, states=2).chains) == 4
    assert len(nq.dynamics.time_homogeneity(panel, "y", spans=[3], states=2).chains) == 2
    for spans in (1, 5, [0], [4], []):
        with pytest.raises(OptionError, match="spans must"):
            nq.dynamics.time_homogeneity(panel, "y", spans=spans, states=2)


@pytest.mark.parametrize("step", [1, 2])
def test_memory_of_moves_by_loops(step):
    rng = np.random.default_rng(16)
    values = rng.normal(size=(15, 2 * step + 2)).cumsum(axis=1)
    codes = (values > np.median(values)).astype(int)
    result = nq.dynamics.first_order(panel_of(values), "y", states=2, step=step)
    counts = np.zeros((2, 2, 2))
    for i in range(15):
        for t in range(values.shape[1] - 2 * step):
            counts[codes[i, t], codes[i, t + step], codes[i, t + 2 * step]] += 1
    for before, chain in enumerate(result.chains.values()):
        np.testing.assert_array_equal(chain.counts, counts[before])
    assert result.tests["lr"].statistic == pytest.approx(statistics_by_loops(counts)[0])
    least = panel_of(values[:, : 2 * step + 1])
    assert nq.dynamics.first_order(least, "y", states=2, step=step).pooled.counts.sum().sum() == 15
    with pytest.raises(PanelError, match="in a row need"):
        nq.dynamics.first_order(panel_of(values[:, : 2 * step]), "y", states=2, step=step)


# -- space ----------------------------------------------------------------------------------------


def test_means_of_members_near_a_unit_by_loops():
    rng = np.random.default_rng(17)
    values = rng.normal(size=(9, 3))
    core = np.array([True, True, False, True, False, False, True, False, False])
    panel = panel_of(values, core=core)
    W = rng.random((9, 9)) + 0.1
    np.fill_diagonal(W, 0)
    w = nq.weights.from_dense(W, range(9), standardize="none")
    plain, weighted = np.empty((9, 3)), np.empty((9, 3))
    for i in range(9):
        others = [j for j in range(9) if core[j] and j != i]
        plain[i] = values[others].mean(axis=0)
        weighted[i] = np.average(values[others], axis=0, weights=W[i, others])
    np.testing.assert_allclose(mean_of_members(panel, values, "core", True, None), plain)
    np.testing.assert_allclose(mean_of_members(panel, values, "core", True, w), weighted)
    pair = panel.assign(core=np.repeat([True, True] + [False] * 7, 3))
    result = mean_of_members(pair, values, "core", True, None)
    np.testing.assert_allclose(result[:2], values[1::-1])
    with pytest.raises(OptionError, match="needs two"):
        single = panel.assign(core=np.repeat([True] + [False] * 8, 3))
        mean_of_members(single, values, "core", True, None)


@pytest.mark.parametrize("step", [1, 3])
def test_moves_of_quadrants_by_loops(step):
    rng = np.random.default_rng(18)
    values = rng.normal(size=(14, 7)).cumsum(axis=1)
    w = ring(14, 2)
    result = nq.dynamics.lisa_markov(panel_of(values), "y", w, step=step)
    z = values - values.mean(axis=0)
    lag = w.sparse.toarray() @ z
    names = np.array([["LL", "LH"], ["HL", "HH"]])
    where = names[(z > 0).astype(int), (lag > 0).astype(int)]
    np.testing.assert_array_equal(result.quadrants, where)
    order = ["HH", "LH", "LL", "HL"]
    kinds = np.zeros((7 - step, 5))
    counts = pd.DataFrame(0, order, order)
    for i in range(14):
        for t in range(7 - step):
            a, b = where[i, t], where[i, t + step]
            counts.loc[a, b] += 1
            codes, near = a[0] != b[0], a[1] != b[1]
            kind = {(False, False): 0, (True, False): 1, (False, True): 2}.get((codes, near))
            if kind is None:  # to the same side, or to opposite ones
                kind = 3 if b in ("HH", "LL") else 4
            kinds[t, kind] += 1 / 14
    np.testing.assert_array_equal(result.chain.counts, counts)
    np.testing.assert_allclose(result.kinds, kinds)
    # Independent moves: the product of the chains of the unit's side and of the neighbours'.
    p = {}
    for position in (0, 1):
        for a in "HL":
            from_a = [(x, y) for x in order for y in order if x[position] == a for _ in range(1)]
            total = sum(counts.loc[x, y] for x, y in from_a)
            for b in "HL":
                p[position, a, b] = (
                    sum(counts.loc[x, y] for x, y in from_a if y[position] == b) / total
                )
    statistic = 0.0
    for a in order:
        for b in order:
            expected = counts.loc[a].sum() * p[0, a[0], b[0]] * p[1, a[1], b[1]]
            assert result.expected.loc[a, b] == pytest.approx(expected)
            if counts.loc[a, b]:
                statistic += 2 * counts.loc[a, b] * np.log(counts.loc[a, b] / expected)
    assert result.tests["independence"].statistic == pytest.approx(statistic)
    assert result.tests["independence"].df == 3 * 4 - 4
    assert result.tests["independence"].p_value == pytest.approx(stats.chi2.sf(statistic, 8))


def test_spatial_chains_of_groups_by_loops():
    rng = np.random.default_rng(19)
    values = rng.normal(size=(16, 8)).cumsum(axis=1)
    w = ring(16, 2)
    side = np.resize(["a", "b"], 16)
    result = nq.dynamics.spatial_markov_by_group(
        panel_of(values, side=side), "y", w, group="side", states=3, lag_states=2,
        permutations=20, seed=2,
    )  # fmt: skip
    lag = w.sparse.toarray() @ values
    states_of_units = (values[:, :, None] > np.quantile(values, [1 / 3, 2 / 3])).sum(axis=2)
    near = (lag > np.median(lag)).astype(int)

    def counts_of(code):
        counts = np.zeros((2, 2, 3, 3))  # groups, neighbour states, moves
        for i in range(16):
            for t in range(7):
                counts[code[i], near[i, t], states_of_units[i, t], states_of_units[i, t + 1]] += 1
        return counts

    codes = (side == "b").astype(int)
    counts = counts_of(codes)
    for g, name in enumerate("ab"):
        np.testing.assert_array_equal(
            result.chains[name].counts.to_numpy().reshape(2, 3, 3), counts[g]
        )
        members = result.chains[name].tests["lr"].statistic
        assert members == pytest.approx(statistics_by_loops(counts[g])[0])

    def statistics(of):
        return np.sum([statistics_by_loops(of[:, m]) for m in (0, 1)], axis=0)

    observed = statistics(counts)
    assert result.tests["lr"].statistic == pytest.approx(observed[0])
    assert result.tests["chi2"].statistic == pytest.approx(observed[1])
    reassigned = np.random.default_rng(2).permuted(np.tile(codes, (20, 1)), axis=1)
    draws = np.array([statistics(counts_of(code)) for code in reassigned])
    p = (1 + (draws >= observed - 1e-9).sum(axis=0)) / 21
    assert result.tests["lr_permutation"].p_value == pytest.approx(p[0])
    assert result.tests["chi2_permutation"].p_value == pytest.approx(p[1])


def test_least_number_of_periods_and_states():
    values = np.random.default_rng(20).normal(size=(6, 3))
    result = nq.dynamics.markov(panel_of(values), "y", states=2, step=2)
    assert result.counts.to_numpy().sum() == 6
    with pytest.raises(PanelError):
        nq.dynamics.markov(panel_of(values), "y", states=2, step=3)
    for options in ({"states": 1}, {"states": 2, "step": 0}, {"states": 2.0}):
        with pytest.raises(OptionError):
            nq.dynamics.markov(panel_of(values), "y", **options)
    assert len(nq.dynamics.markov(panel_of(values), "y", states=6).counts) == 6
    with pytest.raises(PanelError, match="ask for fewer"):
        nq.dynamics.markov(panel_of(values), "y", states=7)


def test_cuts_of_each_period_and_ties():
    values = np.array([[1.0, 10], [2, 20], [3, 30], [4, 40]])
    result = nq.dynamics.markov(panel_of(values), "y", states=2, discretize="period-quantiles")
    np.testing.assert_allclose(result.cuts, [[2.5], [25.0]])
    np.testing.assert_array_equal(result.counts, [[2, 0], [0, 2]])
    with pytest.raises(PanelError, match="fall together"):
        nq.dynamics.markov(panel_of([[1, 1], [1, 1], [1, 1], [2, 2]]), "y", states=3)
    top = [[1, 1], [2, 2], [2, 2], [2, 2]]  # nothing above the median
    with pytest.raises(PanelError, match="fall together"):
        nq.dynamics.markov(panel_of(top), "y", states=2)
    late = [[1, 1], [2, 2], [3, 2], [4, 2]]
    with pytest.raises(PanelError, match="fall together"):
        nq.dynamics.markov(panel_of(late), "y", states=2, discretize="period-quantiles")
    for cuts in ([2.0, 1.0], [1.0, 1.0], []):
        with pytest.raises(OptionError):
            nq.dynamics.markov(panel_of(values), "y", states=len(cuts) + 1, discretize=cuts)


def test_relative_values_need_a_positive_mean():
    for low, ok in ((-0.5, True), (-1.0, False)):
        panel = panel_of([[low, 1.0], [1.0, 2.0], [0.0, 3.0], [0.0, 5.0]])
        if ok:
            result = nq.dynamics.markov(panel, "y", states=2, relative=True)
            np.testing.assert_allclose(result.counts.to_numpy().sum(), 4)
        else:
            with pytest.raises(DomainError, match="not positive"):
                nq.dynamics.markov(panel, "y", states=2, relative=True)


# -- ranks ----------------------------------------------------------------------------------------


@pytest.mark.parity
def test_rank_mobility_and_its_p_values_by_loops():
    rng = np.random.default_rng(21)
    values = np.round(rng.normal(size=(11, 3)).cumsum(axis=1), 1)
    values[3] = values[4]  # ties
    w = ring(11)
    side = np.resize(["a", "b", "c"], 11)
    panel = panel_of(values, side=side)
    result = nq.dynamics.rank_mobility(panel, "y", weights=w, group="side", permutations=40, seed=6)
    dense = w.sparse.toarray()
    linked = (dense + dense.T) > 0

    def tau(a, b, pick):
        above = before = after = 0
        for i in range(11):
            for j in range(i):
                if pick[i, j]:
                    single, then = np.sign(a[i] - a[j]), np.sign(b[i] - b[j])
                    above, before = above + single * then, before + abs(single)
                    after += abs(then)
        return above / np.sqrt(before * after)

    def theta(a, b, of):
        change = stats.rankdata(b) - stats.rankdata(a)
        return sum(abs(change[of == g].sum()) for g in "abc") / np.abs(change).sum()

    draws = np.random.default_rng(6)
    orders = draws.permuted(np.tile(np.arange(11), (40, 1)), axis=1)
    codes = np.searchsorted(list("abc"), side)
    reassigned = np.array(list("abc"))[draws.permuted(np.tile(codes, (40, 1)), axis=1)]

    def two_sided(observed, simulated):
        below = 1 + (simulated <= observed + 1e-12).sum()
        above = 1 + (simulated >= observed - 1e-12).sum()
        return min(1.0, 2 * min(below, above) / 41)

    for t in (0, 1):
        a, b, row = values[:, t], values[:, t + 1], result.frame.iloc[t]
        assert row["tau"] == pytest.approx(tau(a, b, np.ones((11, 11), dtype=bool)))
        near = tau(a, b, linked)
        assert row["tau_neighbours"] == pytest.approx(near)
        assert row["tau_others"] == pytest.approx(tau(a, b, ~linked))
        simulated = np.array([tau(a[o], b[o], linked) for o in orders])
        assert row["neighbours_p_value"] == pytest.approx(two_sided(near, simulated))
        assert row["theta"] == pytest.approx(theta(a, b, side))
        simulated = np.array([theta(a, b, of) for of in reassigned])
        assert row["theta_p_value"] == pytest.approx(two_sided(row["theta"], simulated))
        agree(
            "Ranks: p of tau", row["tau_p_value"], stats.kendalltau(a, b).pvalue, rtol=1e-6,
            program="scipy", data="eleven units with ties", case=f"period {t}",
        )  # fmt: skip
    none = nq.dynamics.rank_mobility(panel, "y", weights=w, permutations=0)
    assert none.frame["neighbours_p_value"].isna().all()


def test_nothing_to_test_is_said():
    """One group that moves has no degrees of freedom."""
    counts = np.zeros((2, 2, 2), dtype=int)
    counts[0] = 3
    assert isinstance(homogeneity_tests(counts, "same")["lr"], NotApplicable)


def test_a_row_that_leads_to_one_column_has_no_freedom():
    """Two groups that visit it, one state that they reach: nothing to compare."""
    counts = np.zeros((2, 3, 3), dtype=int)
    counts[:, 0, 1] = 4
    counts[:, 1, :2] = 3
    assert visited_freedom(counts) == 1


def test_one_tie_that_opens_is_a_change_of_ranks():
    """Half a rank down and half a rank up: all of it between groups."""
    panel = panel_of([[1.0, 1.0], [1.0, 1.5], [2.0, 2.0]], g=list("abb"))
    result = nq.dynamics.rank_mobility(panel, "y", group="g", permutations=0)
    assert result.frame["theta"].tolist() == [1.0]
    still = panel_of([[1.0, 1.0], [1.5, 1.5], [2.0, 2.0]], g=list("abb"))
    result = nq.dynamics.rank_mobility(still, "y", group="g", permutations=0)
    assert result.frame["theta"].isna().all()
