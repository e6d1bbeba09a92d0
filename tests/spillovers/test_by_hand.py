"""Parts of spillover models beside loops and dense matrices, at the edges of options as well."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, sparse, stats

import nqp_spatial as nq
from nqp_spatial.core.display import Spec
from nqp_spatial.core.inference import NotApplicable
from nqp_spatial.errors import BoundaryError, OptionError, PanelError
from nqp_spatial.regression._demeaning import LikelihoodCounts
from nqp_spatial.regression._term_weights import matrices_by_name
from nqp_spatial.regression._threshold_regions import critical_lr
from nqp_spatial.regression.likelihood import several_lags
from nqp_spatial.regression.likelihood.concentrated import ConcentratedLikelihood, CrossProducts
from nqp_spatial.regression.likelihood.maximize import maximize_from
from nqp_spatial.regression.likelihood.several_lags import (
    DenseLags,
    SparseLags,
    spectral_radius_of,
)
from nqp_spatial.spillovers import _link_effects as link_effects
from nqp_spatial.spillovers import borders, distances, thresholds


def panel_of(w, periods, seed, effect=0.0, **columns):
    """A panel of two regressors with a spatial lag of 0.3; `effect` is of the periods."""
    rng, n = np.random.default_rng(seed), w.n_units
    x = rng.normal(size=(2, n, periods))
    mu, nu = rng.normal(size=(n, 1)), effect * rng.normal(size=(1, periods))
    right = x[0] - 0.5 * x[1] + w.sparse @ x[0] * 0.4 + mu + nu + rng.normal(size=(n, periods))
    y = np.linalg.solve(np.eye(n) - 0.3 * w.sparse.toarray(), right)
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), periods),
            "t": np.tile(np.arange(periods), n),
            "y": y.ravel(),
            "x1": x[0].ravel(),
            "x2": x[1].ravel(),
            **{k: np.broadcast_to(np.reshape(v, (n, -1)), (n, periods)).ravel()
               for k, v in columns.items()},
        }
    )  # fmt: skip
    return nq.SpatialPanel(frame, unit="id", period="t")


@pytest.fixture(scope="module")
def three(neighbours):
    """A partitioned model of three groups, 60 units and 10 periods."""
    w = neighbours(60, 8)
    group = pd.Series(np.resize(list("abc"), 60), w.units)
    panel = panel_of(w, 10, 1)
    res = nq.spillovers.partitioned("y ~ x1 + x2", panel, w, group=group, effects="unit")
    return panel, w, group, res


# -- likelihood of several lags -------------------------------------------------------------------


def small(n=12, seed=0):
    """Two parts of a matrix, and outcome with its lags, for a likelihood without regressors."""
    rng = np.random.default_rng(seed)
    W = rng.random((n, n)) * (rng.random((n, n)) < 0.4)
    np.fill_diagonal(W, 0)
    W /= np.maximum(W.sum(axis=1, keepdims=True), 1e-9)
    half = np.arange(n) < n // 2
    parts = [sparse.csr_array(W * half), sparse.csr_array(W * ~half)]
    y = rng.normal(size=(n, 5))
    columns = np.column_stack([y.ravel(), *((p @ y).ravel() for p in parts)])
    return parts, columns


def likelihood_of(lags, columns):
    """The likelihood of five periods of twelve units, from residuals of y and its lags."""
    residuals = SimpleNamespace(
        left_y=columns[:, 0], left_lag=columns[:, 1:], by_u=None, filtered_periods=None
    )
    counts = LikelihoodCounts(60, 5.0, 0)
    return ConcentratedLikelihood(counts, CrossProducts(residuals), (lags, None))


@pytest.mark.parametrize("form", [DenseLags, SparseLags])
def test_likelihood_of_two_lags_by_its_formula(form):
    parts, columns = small()
    cross, likelihood = columns.T @ columns, likelihood_of(form(parts), columns)

    def at(rho):
        return np.array([*rho, 0.0, 1.0])

    def loglik(rho):
        S = np.eye(12) - rho[0] * parts[0].toarray() - rho[1] * parts[1].toarray()
        v = np.array([1, -rho[0], -rho[1]])
        s2 = v @ cross @ v / 60
        return 5 * np.linalg.slogdet(S)[1] - 30 * np.log(2 * np.pi * s2) - 30

    for rho in np.array([[0.0, 0.0], [0.4, -0.3], [-0.6, 0.5]]):
        assert likelihood.value(at(rho)) == pytest.approx(loglik(rho))
        gradient, hessian = likelihood.derivatives(at(rho))
        h = 1e-5
        for i in range(2):
            d = h * np.eye(2)[i]
            assert gradient[i] == pytest.approx((loglik(rho + d) - loglik(rho - d)) / (2 * h), 1e-5)
            slope = likelihood.derivatives(at(rho + d))[0] - likelihood.derivatives(at(rho - d))[0]
            np.testing.assert_allclose(hessian[i], slope / 2 / h, rtol=1e-4, atol=1e-4)
    best = optimize.minimize(lambda r: -loglik(r), [0.0, 0.0], method="BFGS", tol=1e-10)
    starts = [np.array(rho) for rho in ([0.0, 0.0], [0.8, 0.8], [-0.7, 0.6])]
    maximum = maximize_from(likelihood, starts)
    np.testing.assert_allclose(maximum.rho, best.x, atol=1e-5)
    assert maximum.loglik == pytest.approx(-best.fun, abs=1e-9)
    assert maximum.n_maxima == 1
    assert maximum.slope < 1e-4


def test_determinants_that_are_not_positive_are_no_likelihood():
    parts, _ = small()
    # det(I - r W) changes sign at r = 1 of a row-standardised matrix
    assert DenseLags(parts).value(np.array([1.05, 1.05])) == -np.inf
    assert np.isfinite(DenseLags(parts).value(np.array([0.95, 0.95])))
    nothing = DenseLags([sparse.eye_array(3, format="csr")])
    assert nothing.value(np.ones(1)) == -np.inf
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        nothing.derivatives(np.ones(1))


def test_kept_derivatives_of_dense_lags_are_copies():
    parts, _ = small()
    lags, rho = DenseLags(parts), np.array([0.4, -0.3])
    gradient, hessian = lags.derivatives(rho)
    truth = gradient.copy(), hessian.copy()
    gradient += 1
    hessian += 1
    lags.value(rho + 0.1)
    for again, before in zip(lags.derivatives(rho), truth, strict=True):
        np.testing.assert_array_equal(again, before)
    assert (lags.derivatives(rho + 0.1)[0] != truth[0]).all()


@pytest.mark.parametrize("rho", [(0.4, -0.3), (1.3, 0.3)])
def test_determinant_and_radius_of_dense_lags(rho):
    parts, _ = small()
    total = rho[0] * parts[0].toarray() + rho[1] * parts[1].toarray()
    lags, at = DenseLags(parts), np.array(rho)
    assert lags.value(at) == pytest.approx(np.linalg.slogdet(np.eye(12) - total)[1], rel=1e-13)
    radius, largest = np.abs(np.linalg.eigvals(total)).max(), lags.radius(at)
    assert radius - 1e-9 <= largest < 1


@pytest.mark.parametrize("rho", [[0.3, -0.2], [0.9, 0.8], [1.4, -1.3], [2.0, 2.0]])
def test_radius_of_several_lags(rho):
    """The spectral radius, or a bound of it that is below one."""
    parts, _ = small()
    total = rho[0] * parts[0].toarray() + rho[1] * parts[1].toarray()
    exact = np.abs(np.linalg.eigvals(total)).max()
    found = spectral_radius_of(parts, np.array(rho))
    bound = np.abs(total).sum(axis=1).max()
    assert found == pytest.approx(bound if bound < 1 else exact)
    assert found >= exact - 1e-12


def test_one_determinant_for_small_and_one_for_large_matrices():
    for n, kind in ((700, DenseLags), (701, SparseLags)):
        assert isinstance(several_lags.lag_matrices([sparse.eye_array(n, format="csr")]), kind)


def test_likelihood_that_rises_to_the_edge():
    """An outcome that is the same everywhere is its own lag: rho goes to one."""
    parts, _ = small()
    whole = sparse.csr_array(parts[0] + parts[1])
    y = np.ones((12, 5))
    columns = np.column_stack([y.ravel(), (whole @ y).ravel()])
    with pytest.raises(BoundaryError, match="spectral radius"):
        maximize_from(likelihood_of(DenseLags([whole]), columns), [np.zeros(1)])


# -- partitioned models ---------------------------------------------------------------------------


def test_hypotheses_of_three_groups_by_hand(three):
    """Wald tests with contrasts written out; degrees of freedom by counting."""
    _, _, _, res = three
    names = list("abc")
    b, V, index = res.params.to_numpy(), res.cov.to_numpy(), res.params.index
    cells = [(i, j) for i in names for j in names]
    contrasts = {
        "equal by receiver": [(("a", j), (i, j)) for j in names for i in "bc"],
        "equal by sender": [((i, "a"), (i, j)) for i in names for j in "bc"],
        "cross blocks equal": [((i, j), (j, i)) for i, j in (("a", "b"), ("a", "c"), ("b", "c"))],
        "no cross-group spillover": [((i, j), None) for i, j in cells if i != j],
        "all blocks equal": [(("a", "a"), cell) for cell in cells if cell != ("a", "a")],
    }
    for name, pairs in contrasts.items():
        rows = {"rho": [], "theta": []}
        for words, block, variable in (
            ("rho", "spatial", "rho"), ("theta", "wx", "x1"), ("theta", "wx", "x2"),
        ):  # fmt: skip
            for first, second in pairs:
                row = np.zeros(len(b))
                row[index.get_loc((block, variable, f"{first[0]} <- {first[1]}"))] = 1
                if second is not None:
                    row[index.get_loc((block, variable, f"{second[0]} <- {second[1]}"))] = -1
                rows[words].append(row)
        rows["rho and theta"] = rows["rho"] + rows["theta"]
        for words, some in rows.items():
            R = np.array(some)
            gap = R @ b
            wald = gap @ np.linalg.solve(R @ V @ R.T, gap)
            test = res.tests[f"{name}: {words}"]
            assert test.df == len(R)
            assert test.statistic == pytest.approx(wald, rel=1e-6)
            assert test.p_value == pytest.approx(stats.chi2.sf(wald, len(R)), abs=1e-12)
    rows = []
    for variable in ("x1", "x2"):
        for other in "bc":
            row = np.zeros(len(b))
            row[index.get_loc(("x", variable, "a"))] = 1
            row[index.get_loc(("x", variable, other))] = -1
            rows.append(row)
    R = np.array(rows)
    gap = R @ b
    test = res.tests["equal coefficients: beta"]
    assert test.df == 4
    assert test.statistic == pytest.approx(gap @ np.linalg.solve(R @ V @ R.T, gap), rel=1e-6)


def test_likelihood_ratios_of_three_groups_by_refitting(three):
    panel, w, group, res = three
    found = res.lr_tests()
    for name, ties, df in (
        ("equal by sender", "receiver", 6 * 3),
        ("equal by receiver", "sender", 6 * 3),
        ("all blocks equal", "none", 8 * 3),
    ):
        tied = nq.spillovers.partitioned(
            "y ~ x1 + x2", panel, w, group=group, effects="unit", rho=ties, theta=ties
        )
        statistic = 2 * (res.loglik - tied.loglik)
        assert found[name].statistic == pytest.approx(statistic, abs=1e-6)
        assert found[name].df == df
        assert found[name].p_value == pytest.approx(stats.chi2.sf(statistic, df), rel=1e-5)
    assert found["cross blocks equal"].df == 3 * 3
    assert found["no cross-group spillover"].df == 6 * 3
    assert found["cross blocks equal"].statistic > 0


def test_table_of_coefficients_of_groups(three):
    _, _, _, res = three
    errors = np.sqrt(np.diag(res.cov))
    ratio = res.params / errors
    table = res.frame
    np.testing.assert_allclose(res.std_errors, errors)
    np.testing.assert_allclose(table["statistic"], ratio)
    np.testing.assert_allclose(table["p_value"], 2 * stats.norm.cdf(-ratio.abs()), atol=1e-14)
    for level in (0.95, 0.6):
        z = stats.norm.ppf(1 - (1 - level) / 2)
        limits = res.conf_int(level)
        np.testing.assert_allclose(limits["conf_low"], res.params - z * errors)
        np.testing.assert_allclose(limits["conf_high"], res.params + z * errors)


def test_a_cross_section_has_no_effects_and_one_constant(neighbours):
    w = neighbours(60, 8)
    group = pd.Series(np.resize(list("ab"), 60), w.units)
    one, two = panel_of(w, 1, 1), panel_of(w, 2, 1)
    options = {"group": group, "rho": "none", "theta": "none"}
    for effects in ("unit", "period", "two-way"):
        with pytest.raises(OptionError):
            nq.spillovers.partitioned("y ~ x1", one, w, effects=effects, **options)
    nq.spillovers.partitioned("y ~ x1", two, w, effects="period", **options)
    res = nq.spillovers.partitioned("y ~ x1", one, w, effects="none", **options)
    assert [key for key in res.params.index if key[1] == "Intercept"] == [("x", "Intercept", "all")]
    assert {key[2] for key in res.params.index if key[1] == "x1" and key[0] == "x"} == {"a", "b"}


def test_table_of_effects_of_groups(three):
    _, _, _, res = three
    for level in (0.95, 0.7):
        frame = res.effects_matrix("x1", level=level).frame
        z = stats.norm.ppf(1 - (1 - level) / 2)
        ratio = frame["estimate"] / frame["std_error"]
        np.testing.assert_allclose(frame["statistic"], ratio)
        np.testing.assert_allclose(frame["p_value"], 2 * stats.norm.cdf(-ratio.abs()), atol=1e-14)
        np.testing.assert_allclose(frame["conf_low"], frame["estimate"] - z * frame["std_error"])
        np.testing.assert_allclose(frame["conf_high"], frame["estimate"] + z * frame["std_error"])
    rows = frame.groupby("effect").size()
    assert rows.to_dict() == {"direct": 3 * 2 + 4, "indirect": 16, "total": 16}


def test_effects_from_probes(three, monkeypatch):
    """The mean over random signs of z'S^-1 M z by groups, and its error."""
    _, _, _, res = three
    exact = link_effects.LinkEffects(res.model, "x1").by_groups(res.groups)
    by_probes = link_effects.LinkEffects._direct_by_probes
    monkeypatch.setattr(link_effects.LinkEffects, "_direct_sums", by_probes)
    monkeypatch.setattr(link_effects, "SUM_PROBES", 3000)
    rough = link_effects.LinkEffects(res.model, "x1").by_groups(res.groups)
    assert exact.noise == 0
    np.testing.assert_allclose(rough.total, exact.total)
    np.testing.assert_allclose(rough.total_slopes, exact.total_slopes)
    assert (np.abs(rough.direct - exact.direct) < 5 * rough.noise).all()
    np.testing.assert_allclose(rough.direct_slopes, exact.direct_slopes, atol=0.05)
    n = 60
    S, M = np.eye(n), np.zeros((n, n))
    for (block, name, part), value in res.params.items():
        if block == "spatial":
            S -= value * matrices_by_name(res.model.terms.y)[part].toarray()
        elif name == "x1" and block == "x":
            M += value * np.diag(res.model.regimes[part].astype(float))
        elif name == "x1":
            M += value * matrices_by_name(res.model.terms.x)[part].toarray()
    z = np.random.default_rng(0).choice([-1.0, 1.0], size=(n, 3000))
    each = res.groups.indicators().T @ (z * np.linalg.solve(S, M @ z))
    sizes = res.groups.sizes
    np.testing.assert_allclose(rough.direct, each.mean(axis=1) / sizes)
    noise = (each.std(axis=1, ddof=1) / np.sqrt(3000) / sizes).max()
    assert rough.noise == pytest.approx(noise)


def test_effects_from_the_inverse_at_links(three, monkeypatch):
    """Beyond the sizes of dense inverses the same sums come from the cells at links."""
    _, _, _, res = three
    dense = link_effects.LinkEffects(res.model, "x1").by_groups(res.groups)
    monkeypatch.setattr(link_effects, "DENSE_LOGDET_UP_TO", 59)
    monkeypatch.setattr(link_effects.LinkEffects, "_direct", None)
    linked = link_effects.LinkEffects(res.model, "x1").by_groups(res.groups)
    assert linked.noise == 0
    np.testing.assert_allclose(linked.direct, dense.direct, rtol=1e-12)
    np.testing.assert_allclose(linked.direct_slopes, dense.direct_slopes, rtol=1e-8, atol=1e-10)


def test_correction_of_period_dummies_is_one_step_along_the_score(lattice):
    """By the numerical curvature of the likelihood and the score's expectation, dense."""
    w = lattice(4, 5)
    panel = panel_of(w, 4, 2, effect=1.0)
    group = pd.Series(np.resize(list("ab"), 20), w.units)
    options = {"group": group, "theta": None, "beta": "none", "rho": "within-across"}
    raw, taken = (
        nq.spillovers.partitioned("y ~ x1", panel, w, correction=c, **options)
        for c in ("none", "auto")
    )
    assert raw.model.spec.correction == "none"
    assert taken.model.spec.correction == "bias"
    n, t = 20, 4
    parts = [m.toarray() for m in matrices_by_name(raw.model.terms.y).values()]
    y, x = panel.values("y"), panel.values("x1")

    def within(v):
        return v - v.mean(axis=1, keepdims=True) - v.mean(axis=0) + v.mean()

    lags = [within(p @ y) for p in parts]

    def loglik(theta):
        b, rho, s2 = theta[0], theta[1:3], theta[3]
        e = within(y) - rho[0] * lags[0] - rho[1] * lags[1] - b * within(x)
        S = np.eye(n) - rho[0] * parts[0] - rho[1] * parts[1]
        return (
            (t - 1) * np.linalg.slogdet(S)[1]
            - n * (t - 1) / 2 * np.log(2 * np.pi * s2)
            - (e**2).sum() / (2 * s2)
        )

    at = np.array([*raw.params, raw.model.sigma2])
    assert loglik(at) == pytest.approx(raw.loglik)
    h = 1e-4
    H = np.empty((4, 4))
    for i in range(4):
        for j in range(4):
            di, dj = h * np.eye(4)[i], h * np.eye(4)[j]
            H[i, j] = (
                loglik(at + di + dj) - loglik(at + di - dj) - loglik(at - di + dj)
                + loglik(at - di - dj)
            ) / (4 * h * h)  # fmt: skip
    S = np.eye(n) - at[1] * parts[0] - at[2] * parts[1]
    spread = np.linalg.solve(S, np.ones(n))
    score = np.array(
        [0.0, *((t - 1) * (p @ spread).sum() / n for p in parts), (t - 1) / (2 * at[3])]
    )
    step = np.linalg.solve(-H, score)
    np.testing.assert_allclose(taken.params, at[:3] + step[:3], rtol=1e-4)
    assert taken.model.sigma2 == pytest.approx(at[3] + step[3], rel=1e-4)
    e = within(y) - taken.params.iloc[1] * lags[0] - taken.params.iloc[2] * lags[1]
    e -= taken.params.iloc[0] * within(x)
    np.testing.assert_allclose(taken.model.resid, e.ravel(), atol=1e-10)


# -- borders --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def walls(lattice):
    """Two nested zones on a lattice."""
    w = lattice(6, 6)
    row, column = np.divmod(np.arange(36), 6)
    outer = pd.Series(np.where(column < 3, "west", "east"), w.units, name="side")
    inner = pd.Series([f"{o} {r // 3}" for o, r in zip(outer, row, strict=True)], w.units,
                      name="part")  # fmt: skip
    panel = panel_of(w, 5, 3)
    res = nq.spillovers.barrier("y ~ x1 + x2", panel, w, group=[inner, outer], effects="unit")
    return panel, w, inner, outer, res


def test_shares_and_tests_of_borders_by_hand(walls):
    _, w, inner, outer, res = walls
    dense = w.sparse.toarray()
    same_in = inner.to_numpy()[:, None] == inner.to_numpy()
    same_out = outer.to_numpy()[:, None] == outer.to_numpy()
    masks = [same_in, same_out & ~same_in, ~same_out]
    for part, mask in zip(res.parts, masks, strict=True):
        np.testing.assert_array_equal(
            matrices_by_name(res.model.terms.y)[part].toarray(), dense * mask
        )
    rho = res.params["spatial", "rho"].to_numpy()
    np.testing.assert_allclose(res.share, 1 - rho[1:] / rho[0])
    np.testing.assert_allclose(res.std_errors, np.sqrt(np.diag(res.cov)))
    V = res.cov.to_numpy()
    k = len(V) - 3
    for level in (0.95, 0.5):
        limits = res.share_interval(level)
        for at, part in enumerate(res.parts[1:], start=1):
            low, high, kind = borders.fieller(
                rho[at], rho[0], V[np.ix_([k + at, k], [k + at, k])], level
            )
            assert limits.loc[part].tolist() == [1 - high, 1 - low, kind]
    index = res.params.index
    for part in res.parts[1:]:
        rows = {"rho": [], "theta": []}
        for words, block, name in (
            ("rho", "spatial", "rho"), ("theta", "wx", "x1"), ("theta", "wx", "x2"),
        ):  # fmt: skip
            row = np.zeros(len(V))
            row[index.get_loc((block, name, part))] = 1
            row[index.get_loc((block, name, res.parts[0]))] = -1
            rows[words].append(row)
        rows["rho and theta"] = rows["rho"] + rows["theta"]
        for words, some in rows.items():
            R = np.array(some)
            gap = R @ res.params.to_numpy()
            wald = gap @ np.linalg.solve(R @ V @ R.T, gap)
            test = res.tests[f"no loss {part}: {words}"]
            assert (test.statistic, test.df) == (pytest.approx(wald), len(R))


def test_effects_by_border_and_their_errors_by_differences(walls):
    _, _, inner, outer, res = walls
    n = 36
    same_in = inner.to_numpy()[:, None] == inner.to_numpy()
    same_out = outer.to_numpy()[:, None] == outer.to_numpy()
    off = ~np.eye(n, dtype=bool)

    def effects(params):
        S, M = np.eye(n), params["x", "x1", "all"] * np.eye(n)
        for part, matrix in matrices_by_name(res.model.terms.y).items():
            S -= params["spatial", "rho", part] * matrix.toarray()
            M += params["wx", "x1", part] * matrix.toarray()
        e = np.linalg.solve(S, M) / n
        return pd.Series(
            {
                "direct": np.trace(e),
                "indirect within part": e[same_in & off].sum(),
                "indirect across part": e[~same_in].sum(),
                "indirect within side": e[same_out & off].sum(),
                "indirect across side": e[~same_out].sum(),
                "indirect": e[off].sum(),
                "total": e.sum(),
            }
        )

    gradient = []
    for key in res.params.index:
        ends = []
        for sign in (1, -1):
            moved = res.params.copy()
            moved[key] += sign * 1e-6
            ends.append(effects(moved))
        gradient.append((ends[0] - ends[1]) / 2e-6)
    G = pd.concat(gradient, axis=1).to_numpy()
    errors = pd.Series(np.sqrt(np.diag(G @ res.cov.to_numpy() @ G.T)), gradient[0].index)
    for level in (0.95, 0.6):
        table = res.effects_by_border("x1", level=level)
        expected = effects(res.params)
        assert set(table.index) == set(expected.index)
        np.testing.assert_allclose(table["estimate"], expected[table.index], rtol=1e-8)
        np.testing.assert_allclose(table["std_error"], errors[table.index], rtol=1e-5)
        ratio = table["estimate"] / table["std_error"]
        np.testing.assert_allclose(table["p_value"], 2 * stats.norm.cdf(-ratio.abs()), rtol=1e-6)
        width = stats.norm.ppf(0.5 + level / 2) * table["std_error"]
        np.testing.assert_allclose(table["conf_low"], table["estimate"] - width)
        np.testing.assert_allclose(table["conf_high"], table["estimate"] + width)


def test_zones_that_are_torn_are_named(walls):
    panel, w, inner, outer, _ = walls
    torn = inner.copy()
    torn.iloc[0] = "east 0"  # now on both sides
    with pytest.raises(OptionError, match="'east 0'") as error:
        nq.spillovers.barrier("y ~ x1", panel, w, group=[torn, outer], effects="unit")
    assert "'west 0'" not in str(error.value)


@pytest.mark.parametrize("level", [0.95, 0.5])
def test_interval_of_the_decay_of_two_borders(walls, level):
    """The likelihood of links that keep a share at each border: its drop at the ends, and LR."""
    panel, w, inner, outer, res = walls
    dense = w.sparse.toarray()
    same_in = inner.to_numpy()[:, None] == inner.to_numpy()
    same_out = outer.to_numpy()[:, None] == outer.to_numpy()

    def loglik(share):
        factor = np.where(same_in, 1.0, np.where(same_out, share, share**2))
        matrix = nq.weights.from_dense(dense * factor, panel.units)
        return nq.fit("y ~ x1 + x2", panel, matrix, effects="unit").loglik

    found = res.decay(level)
    assert found.loglik == pytest.approx(loglik(found.retained), abs=1e-6)
    shares = np.linspace(0.01, 2.5, 9)
    heights = [loglik(share) for share in shares]
    assert max(heights) <= found.loglik + 1e-6
    cut = found.loglik - stats.chi2.ppf(level, 1) / 2
    for end, bound in (
        (found.retained_low, 0.0),
        (found.retained_high, max(2 * found.retained, 5)),
    ):
        if end == pytest.approx(bound):
            assert loglik(max(end, 1e-9)) > cut
        else:
            assert loglik(end) == pytest.approx(cut, abs=0.01)
    assert next(iter(found.tests.values())).statistic == pytest.approx(
        2 * (found.loglik - loglik(1.0)), abs=1e-5
    )
    assert next(iter(found.tests.values())).df == 1
    for kappa, share in (
        (found.kappa, found.retained),
        (found.conf_low, found.retained_high),
        (found.conf_high, found.retained_low),
    ):
        assert np.exp(-kappa) == pytest.approx(share)


def test_borders_that_links_like_to_cross(neighbours):
    """Across the border spillovers are stronger: a share above one is found as well."""
    w = neighbours(60, 8)
    zone = pd.Series(np.resize(list("ab"), 60), w.units, name="zone")
    dense = w.sparse.toarray()
    same = zone.to_numpy()[:, None] == zone.to_numpy()
    rng = np.random.default_rng(3)
    x, mu = rng.normal(size=(60, 8)), rng.normal(size=(60, 1))
    system = np.eye(60) - np.where(same, 0.3, 0.6) * dense
    y = np.linalg.solve(system, x + mu + 0.2 * rng.normal(size=(60, 8)))
    frame = pd.DataFrame(
        {"id": np.repeat(range(60), 8), "t": np.tile(range(8), 60), "y": y.ravel(), "x": x.ravel()}
    )
    panel = nq.SpatialPanel(frame, unit="id", period="t")
    options = {"group": zone, "effects": "unit", "lag_regressors": False}
    found = nq.spillovers.barrier("y ~ x", panel, w, **options).decay()

    def loglik(share):
        matrix = nq.weights.from_dense(np.where(same, dense, share * dense), panel.units)
        return nq.fit("y ~ x", panel, matrix, model="sar", effects="unit").loglik

    best = optimize.minimize_scalar(lambda s: -loglik(s), bounds=(1.0, 2.5), method="bounded")
    assert 1.5 < best.x < 2.5
    assert found.retained == pytest.approx(best.x, abs=1e-3)
    assert found.retained_low < 2 < found.retained_high


def test_fieller_at_any_level_by_roots():
    """Ends solve (top - r bottom)^2 = z^2 var(top - r bottom)."""
    cov = np.array([[0.02, -0.004], [-0.004, 0.01]])
    for level in (0.5, 0.9, 0.99):
        z = stats.norm.ppf(1 - (1 - level) / 2)
        low, high, kind = borders.fieller(0.3, 0.6, cov, level)
        assert kind == "bounded"
        assert low < 0.5 < high
        for r in (low, high):
            variance = cov[0, 0] - 2 * r * cov[0, 1] + r**2 * cov[1, 1]
            assert (0.3 - r * 0.6) ** 2 == pytest.approx(z**2 * variance)


# -- distances ------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.95, 0.6])
def test_table_of_bands_by_the_same_draws(level):
    values = np.array([0.9, 0.5, 0.02])
    slopes = np.array([[0.3, 0.1, 0.0], [0.0, 0.2, 0.1]])
    cov = np.array([[0.5, 0.1], [0.1, 0.3]])
    bounds = [(0.0, 100.0), (100.0, 250.0), (250.0, np.inf)]
    frame, end = distances._table(
        "x", bounds, values, slopes, cov, level, np.random.default_rng(4), bands_within=2
    )
    V = slopes.T @ cov @ slopes
    errors = np.sqrt(np.diag(V))
    np.testing.assert_allclose(frame["std_error"], errors)
    np.testing.assert_allclose(frame["p_value"], 2 * stats.norm.cdf(-np.abs(values / errors)))
    z = stats.norm.ppf(0.5 + level / 2)
    np.testing.assert_allclose(frame["conf_low"], values - z * errors)
    np.testing.assert_allclose(frame["conf_high"], values + z * errors)
    factor = ((frame["simultaneous_high"] - values) / errors).iloc[0]
    np.testing.assert_allclose(frame["simultaneous_low"], values - factor * errors)
    draws = np.random.default_rng(9).multivariate_normal(np.zeros(3), V, 200_000, method="svd")
    largest = np.quantile(np.abs(draws / errors).max(axis=1), level)
    assert factor == pytest.approx(largest, rel=0.01)
    assert frame[["low_km", "high_km"]].to_numpy().tolist() == [list(b) for b in bounds]
    passes = np.abs(values) > factor * errors
    expected = 0.0 if not passes[0] else 100.0 if not passes[1] else 250.0
    assert end == expected


def test_reach_ends_before_the_first_band_without_effect():
    """A later band counts for nothing, and what is beyond the last never ends the reach."""
    bounds = [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0), (3.0, np.inf)]
    cov = np.eye(4)
    for values, expected in (
        ([9, -9, 9, 0], 3.0), ([9, 9, 0, 9], 2.0), ([9, 0, 9, 9], 1.0), ([0, 9, 9, 9], 0.0),
    ):  # fmt: skip
        _, end = distances._table(
            "x", bounds, np.array(values, float), np.eye(4), cov, 0.95, np.random.default_rng(0), 3
        )
        assert end == expected


@pytest.fixture(scope="module")
def plane():
    """30 points within some 100 km, and their great-circle distances."""
    import geopandas as gpd

    rng = np.random.default_rng(5)
    lon, lat = rng.uniform(100, 101, 30), rng.uniform(30, 30.9, 30)
    x, y = np.radians(lon), np.radians(lat)
    half = np.sin((y[:, None] - y) / 2) ** 2
    half += np.cos(y[:, None]) * np.cos(y) * np.sin((x[:, None] - x) / 2) ** 2
    gaps = 2 * 6371.0088 * np.arcsin(np.sqrt(half))
    matrix = np.where(gaps > 0, 1 / np.maximum(gaps, 1), 0)
    w = nq.weights.from_dense(matrix, range(30), standardize="row")
    frame = panel_of(w, 6, 6).frame.reset_index()
    shapes = gpd.GeoDataFrame(
        {"unit": range(30)}, geometry=gpd.points_from_xy(lon, lat), crs="EPSG:4326"
    )
    return nq.SpatialPanel(frame, unit="unit", period="period", geometry=shapes), gaps


def test_exponent_of_distance_at_another_level(plane):
    panel, _ = plane
    options = {"cutoff_km": 60, "effects": "unit"}

    def loglik(power):
        w = (
            nq.weights.inverse_distance(panel, power=power, cutoff_km=60)
            if power
            else nq.weights.distance_band(panel, cutoff_km=60)
        )
        return nq.fit("y ~ x1", panel, w, effects="unit").loglik

    grid = np.linspace(0, 4, 13)
    for level in (0.95, 0.4):
        found = nq.spillovers.distance_decay("y ~ x1", panel, largest=4.0, level=level, **options)
        np.testing.assert_allclose(found.profile.index, grid)
        for at in (0, 5, 12):
            assert found.profile.iloc[at] == pytest.approx(loglik(grid[at]), abs=1e-8)
        assert found.loglik >= found.profile.max() - 1e-9
        assert found.loglik == pytest.approx(loglik(found.power), abs=1e-7)
        assert next(iter(found.tests.values())).statistic == pytest.approx(
            2 * (found.loglik - loglik(0)), abs=1e-6
        )
        assert next(iter(found.tests.values())).df == 1
        cut = found.loglik - stats.chi2.ppf(level, 1) / 2
        for end, bound, open_end in (
            (found.conf_low, 0.0, 0.0), (found.conf_high, 4.0, np.inf),
        ):  # fmt: skip
            if end == open_end:
                assert loglik(bound) > cut or found.power == bound
            else:
                assert loglik(end) == pytest.approx(cut, abs=0.01)
                assert (end < found.power) == (bound == 0.0)


def test_bands_that_reach_all_pairs(plane):
    """Nothing is beyond: no row of it, and intervals of the bands as ever."""
    panel, gaps = plane
    found = nq.spillovers.reach("y ~ x1", panel, edges_km=[0, 70, gaps.max() + 1], effects="unit")
    assert len(found.frame) == 2
    frame = found.frame
    factor = (frame["simultaneous_high"] - frame["estimate"]) / frame["std_error"]
    assert np.ptp(factor) < 1e-9
    assert stats.norm.ppf(0.975) < factor[0] < stats.norm.ppf(1 - 0.025 / 2) + 0.02


@pytest.mark.parametrize("power", [0.0, 1.0])
def test_weights_of_bands_by_power(plane, power):
    panel, gaps = plane
    edges = [0, 30, 60, 140]
    found = nq.spillovers.reach("y ~ x1", panel, edges_km=edges, effects="unit", power=power)
    with np.errstate(divide="ignore"):
        whole = np.where((gaps > 0) & (gaps <= 140), gaps**-power, 0)
    whole /= whole.sum(axis=1, keepdims=True)
    for (low, high), part in zip(
        [(0, 30), (30, 60), (60, 140)], matrices_by_name(found.model.terms.x).values(), strict=True
    ):
        np.testing.assert_allclose(
            part.toarray(), whole * ((gaps > low) & (gaps <= high)), atol=1e-12
        )


def test_cutoffs_of_links_beyond():
    states = nq.datasets.us_public_capital()
    for cutoffs in ([-1], [1500], [0, 1501]):
        with pytest.raises(OptionError):
            nq.spillovers.reach_links_beyond(
                "lgsp ~ lpc", states, cutoffs_km=cutoffs, outer_km=1500
            )


# -- thresholds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("on", ["sender", "receiver", "difference"])
@pytest.mark.parametrize("moving", [False, True])
def test_links_by_score_by_loops(lattice, on, moving):
    w = lattice(3, 4)
    rng = np.random.default_rng(7)
    score = rng.integers(0, 9, (12, 3 if moving else 1)).astype(float)
    panel = panel_of(w, 3, 0, score=score)
    full = np.broadcast_to(score, (12, 3))
    series = panel.frame["score"]
    by_unit = pd.Series(score[:, 0], panel.units, name="s")
    for given in ("score", series, *(() if moving else (by_unit,))):
        links, _ = thresholds._links_of(w, panel, given, on)
        assert links.size == (36 if moving else 12)
        gammas = [2.0, 5.0] if on != "difference" else [-3.0, 0.0]
        dense, t_range = w.sparse.toarray(), range(3 if moving else 1)
        for cuts in ([], gammas[:1], gammas, gammas[::-1]):
            parts = links.parts(cuts)
            names = {0: ["all"], 1: ["below", "above"], 2: ["below", "between", "above"]}
            assert list(parts) == names[len(cuts)]
            expected = [np.zeros((links.size, links.size)) for _ in parts]
            for i in range(12):
                for j in range(12):
                    for t in t_range:
                        a, b = full[i, t], full[j, t]
                        value = {"sender": b, "receiver": a, "difference": b - a}[on]
                        level = sum(value > cut for cut in cuts)
                        at = (i * 3 + t, j * 3 + t) if moving else (i, j)
                        expected[level][at] = dense[i, j]
            for made, matrix in zip(parts.values(), expected, strict=True):
                np.testing.assert_array_equal(made.toarray(), matrix)
    with pytest.raises(PanelError, match="must have a value"):
        thresholds._links_of(w, panel, by_unit.iloc[1:], on)


def test_interval_of_a_threshold_by_hand():
    """From the candidate before the first to that after the last which LR does not reject."""
    heights = np.array([0.0, 5.0, 7.0, 10.0, 9.0, 2.0])
    candidates = np.arange(6) * 10.0
    quantile = -2 * np.log(1 - np.sqrt(0.95))
    assert critical_lr(0.95) == pytest.approx(quantile)
    assert quantile == pytest.approx(7.35, abs=0.01)  # Hansen (2000), table I
    assert thresholds._interval(candidates, heights, 0.95) == (10.0, 50.0)
    assert thresholds._interval(candidates, heights, 0.5) == (20.0, 50.0)
    edge = np.array([10.0, 2.0, 1.0, 1.0, 1.0, 10.0])
    assert thresholds._interval(candidates, edge, 0.95) == (0.0, 50.0)
    exactly = np.array([0.0, 10 - quantile / 2 - 1e-9, 10.0, 10 - quantile / 2 + 1e-9, 0, 0])
    assert thresholds._interval(candidates, exactly, 0.95) == (10.0, 40.0)


def test_values_between_two_candidates():
    scores = np.array([3.0, 1, 2, 2, 5, 4, 1])
    assert thresholds._between(scores, 1.0, 5.0).tolist() == [2, 3, 4]
    assert len(thresholds._between(np.arange(27.0), 0.0, 26.0)) == 25
    many = thresholds._between(np.arange(1000.0), 99.0, 901.0)
    assert len(many) == 25
    assert (many[0], many[-1]) == (100, 900)
    assert np.ptp(np.diff(many)) <= 1


def test_profile_of_a_threshold(lattice):
    """LR against the best, and the share of links above; the interval of the chosen level."""
    w = lattice(6, 6)
    score = np.random.default_rng(8).random(36)
    panel = panel_of(w, 5, 9, score=score[:, None])
    options = {"score": "score", "effects": "unit", "grid": 8, "replications": 0, "trim": 0.2}
    found = nq.spillovers.threshold("y ~ x1", panel, w, level=0.8, **options)
    links = w.sparse.tocoo()
    of_links = score[links.col]
    low, high = np.quantile(of_links, [0.2, 0.8], method="nearest")
    assert found.profile.index.min() >= low
    assert found.profile.index.max() < high
    for gamma, row in found.profile.iloc[::5].iterrows():
        given = nq.spillovers.threshold("y ~ x1", panel, w, gamma=gamma, **options)
        assert row["loglik"] == pytest.approx(given.profile["loglik"].iloc[0], abs=1e-6)
        assert row["share_above"] == pytest.approx((of_links > gamma).mean())
        assert row["lr"] == pytest.approx(
            2 * (found.profile["loglik"].max() - row["loglik"]), abs=1e-9
        )
    assert found.gamma == found.profile["loglik"].idxmax()
    kept = np.flatnonzero(found.profile["lr"] <= critical_lr(0.8))
    values = found.profile.index.to_numpy()
    assert found.conf_low == values[max(kept[0] - 1, 0)]
    assert found.conf_high == values[min(kept[-1] + 1, len(values) - 1)]

    index, V = found.params.index, found.model.cov.to_numpy()
    np.testing.assert_allclose(found.std_errors, np.sqrt(np.diag(V)))
    R = np.zeros((2, len(V)))
    for i, (block, name) in enumerate((("spatial", "rho"), ("wx", "x1"))):
        R[i, index.get_loc((block, name, "above"))] = 1
        R[i, index.get_loc((block, name, "below"))] = -1
    for words, rows in (("rho", R[:1]), ("theta", R[1:]), ("rho and theta", R)):
        gap = rows @ found.params.to_numpy()
        wald = gap @ np.linalg.solve(rows @ V @ rows.T, gap)
        test = found.tests[f"equal below and above: {words}"]
        assert (test.statistic, test.df) == (pytest.approx(wald), len(rows))


def test_p_value_of_a_threshold_counts_the_samples(lattice, monkeypatch):
    """Samples without a maximum are left out; the data count as one of the samples."""
    w = lattice(5, 5)
    panel = panel_of(w, 4, 10, score=np.random.default_rng(0).random((25, 1)))
    options = {"score": "score", "effects": "unit", "grid": 4}
    plain = nq.spillovers.threshold("y ~ x1", panel, w, replications=0, **options)
    best, smaller = plain.profile["loglik"].max(), nq.fit("y ~ x1", panel, w, effects="unit").loglik
    drawn = iter([0.0, 1e9, np.nan, 2e9, 0.0, 0.0])
    monkeypatch.setattr(thresholds, "_one_sample", lambda *_: next(drawn))
    found = nq.spillovers.threshold("y ~ x1", panel, w, replications=6, **options)
    assert next(iter(found.tests.values())).p_value == pytest.approx((1 + 2) / (1 + 5))
    assert next(iter(found.tests.values())).rule.startswith("5 samples")
    coarse = [v for v in plain.profile.index if v in found.profile.index]
    assert len(coarse) > 1
    assert 0 < next(iter(found.tests.values())).statistic <= 2 * (best - smaller) + 1e-9


@pytest.mark.parametrize("moving", [False, True])
def test_one_bootstrap_sample_written_out(lattice, moving):
    """Residuals of whole units, scaled for swept effects, through the model without threshold."""
    w = lattice(4, 5)
    n, t = 20, 4
    score = np.random.default_rng(1).random((n, t if moving else 1))
    panel = panel_of(w, t, 11, score=score)
    links, _ = thresholds._links_of(w, panel, "score", "sender")
    terms = thresholds._terms(links, (), True, "")
    data = thresholds.parts_data("y ~ x1", panel, terms, effects="unit")
    search = thresholds._Search(data, links, True, 1, False)
    candidates = np.quantile(links.scores, [0.3, 0.5, 0.7])
    seed = np.random.SeedSequence(3)
    made = thresholds._one_sample(search, candidates, (), seed)

    plain = nq.fit("y ~ x1", panel, w, effects="unit", correction="transformation")
    rho, beta, theta = (
        plain.params[key] for key in (("spatial", "rho"), ("x", "x1"), ("wx", "x1"))
    )
    y, x, W = panel.values("y"), panel.values("x1"), w.sparse.toarray()

    def within(v):
        return v - v.mean(axis=1, keepdims=True)

    fitted = beta * within(x) + theta * within(W @ x)
    e = (within(y) - rho * within(W @ y) - fitted) * np.sqrt(t / (t - 1))
    rows = np.random.default_rng(seed).integers(0, n, n)
    again = np.linalg.solve(np.eye(n) - rho * W, fitted + e[rows])
    sample = panel.assign(y=again.ravel())
    lr = [
        nq.spillovers.threshold(
            "y ~ x1", sample, w, score="score", gamma=float(gamma), effects="unit"
        )
        .tests["LR: threshold given"]
        .statistic
        for gamma in candidates
    ]
    assert made == pytest.approx(max(lr), abs=1e-5)


def test_a_second_threshold_leaves_links_between():
    """Candidates with at least the trimmed share of links from the one, up to the other."""
    from types import SimpleNamespace

    asked = []

    def heights(candidates, given):
        asked.append((candidates.tolist(), given))
        return 0.0, -np.abs(candidates - 7.0)

    spec = Spec(replications=0, seed=0)
    search = SimpleNamespace(
        links=SimpleNamespace(scores=np.arange(10.0)),
        heights=heights,
        test=lambda *_: NotApplicable("sup LR", "none", "none"),
    )
    found = thresholds._second(search, np.arange(1.0, 9), 4.0, -5.0, 0.2, spec, lambda g: g)
    assert asked[0] == ([1, 2, 6, 7, 8], (4.0,))
    assert asked[1] == ([1, 2, 3, 4, 5], (7.0,))  # and the first once more, beside the second
    assert found.gammas == (5.0, 7.0)
    assert found.profile.index.tolist() == [1, 2, 6, 7, 8]


def test_ties_must_name_every_pair_and_no_other(three):
    panel, w, group, _ = three
    pairs = {(a, b): "x" for a in "abc" for b in "abc"}
    fewer = {pair: name for pair, name in pairs.items() if pair != ("a", "b")}
    for wrong in (pairs | {("a", "d"): "x"}, fewer, fewer | {("a", "d"): "x"}):
        with pytest.raises(OptionError):
            nq.spillovers.partitioned("y ~ x1", panel, w, group=group, rho=wrong, theta="none")


def test_bounds_of_threshold_options(lattice):
    w = lattice(4, 5)
    panel = panel_of(w, 4, 12, score=np.random.default_rng(2).random((20, 1)))
    options = {"score": "score", "effects": "unit", "replications": 0}
    for bad in ({"trim": 0.0}, {"trim": 0.5}, {"grid": 1}, {"replications": -1}):
        with pytest.raises(OptionError):
            nq.spillovers.threshold("y ~ x1", panel, w, **(options | bad))
    few = panel.assign(score=np.repeat([0.0] * 19 + [1.0], 4))
    with pytest.raises(PanelError, match="too few"):
        nq.spillovers.threshold("y ~ x1", few, w, **options)
