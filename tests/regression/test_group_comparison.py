"""`compare_groups`: by hand, against dense formulas and other programs, and in simulations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import optimize, stats

import nqp_spatial as nq
from nqp_spatial.errors import CollinearityError, NqpWarning, OptionError, PanelError
from tests.parity import agree

FORMULA = "y ~ x1 + x2"
GROUPS = ["east", "north", "west"]


def lattice(side):
    """Row-standardised rook neighbours on a square, dense and as weights."""
    places = [(k // side, k % side) for k in range(side * side)]
    gaps = [[abs(a[0] - b[0]) + abs(a[1] - b[1]) for b in places] for a in places]
    matrix = (np.array(gaps) == 1).astype(float)
    units = [f"u{k:03d}" for k in range(side * side)]
    return nq.weights.from_dense(matrix, units, standardize="row")


def simulated(seed, *, side=6, periods=5, gap=0.0, rho=0.3, n_groups=3):
    """A panel with slopes 1 and -0.5, that of x1 larger by `gap` in the last group."""
    rng = np.random.default_rng(seed)
    w = lattice(side)
    n = w.n_units
    codes = np.sort(np.arange(n) % n_groups)
    x = rng.normal(size=(2, n, periods)) + rng.normal(size=(2, n, 1))
    slope = 1.0 + gap * (codes == n_groups - 1)
    lag = np.einsum("ij,kjt->kit", w.sparse.toarray(), x)
    mean = slope[:, None] * x[0] - 0.5 * x[1] + 0.3 * lag[0]
    mean += rng.normal(size=(n, 1)) + rng.normal(size=periods) + rng.normal(size=(n, periods))
    y = np.linalg.solve(np.eye(n) - rho * w.sparse.toarray(), mean)
    index = pd.MultiIndex.from_product([w.units, range(2000, 2000 + periods)])
    frame = pd.DataFrame(
        {
            "unit": index.get_level_values(0), "year": index.get_level_values(1),
            "y": y.ravel(), "x1": x[0].ravel(), "x2": x[1].ravel(),
            "zone": np.repeat(np.array(GROUPS)[codes], periods),
        }
    )  # fmt: skip
    return nq.SpatialPanel(frame, unit="unit", period="year"), w, codes


@pytest.fixture(scope="module")
def world():
    return simulated(1, gap=0.4)


@pytest.fixture(scope="module")
def compared(world):
    panel, w, _ = world
    return nq.compare_groups(FORMULA, panel, w, group="zone")


def rows_of(result, form, group, quantity="coefficient"):
    frame = result.frame
    rows = frame[(frame["form"] == form) & (frame["group"] == group)]
    return rows[rows["quantity"] == quantity].set_index(["term", "variable"])


def dense_columns(panel, w, codes, names):
    """X and W X times indicators of groups, units by periods, written out."""
    columns = []
    for block in ("x", "wx"):
        for name in names:
            x = panel.frame[name].to_numpy().reshape(panel.n_units, -1)
            x = w.sparse.toarray() @ x if block == "wx" else x
            columns += [x * (codes == code)[:, None] for code in range(codes.max() + 1)]
    return np.stack(columns)


def demeaned(array):
    """Two-way demeaning of arrays whose last axes are units and periods."""
    unit, period = array.mean(-1, keepdims=True), array.mean(-2, keepdims=True)
    return array - unit - period + array.mean((-1, -2), keepdims=True)


# -- each group on its own -------------------------------------------------------------------------


def test_separate_models_are_fits_made_by_hand(world, compared):
    panel, w, codes = world
    for code, name in enumerate(GROUPS):
        units = panel.units[codes == code]
        model = nq.fit(FORMULA, panel.select(units=units), w.subset(units))
        rows = rows_of(compared, "separate", name)
        np.testing.assert_allclose(rows["estimate"], model.params, rtol=0, atol=1e-12)
        np.testing.assert_allclose(rows["std_error"], model.std_errors, rtol=0, atol=1e-12)
        effects = rows_of(compared, "separate", name, "effect")
        expected = model.effects(seed=0).frame
        np.testing.assert_allclose(effects["estimate"], expected["estimate"], rtol=0, atol=1e-12)
    assert "standardise the others again" in compared.notes[0]


def test_weights_within_groups_can_keep_their_values(world):
    panel, w, codes = world
    result = nq.compare_groups(FORMULA, panel, w, group="zone", effects="unit", restandardize=False)
    units = panel.units[codes == 1]
    block = w.sparse.toarray()[np.ix_(codes == 1, codes == 1)]
    assert not np.allclose(block.sum(axis=1), 1)
    part = nq.weights.from_dense(block, units, standardize="none")
    model = nq.fit(FORMULA, panel.select(units=units), part, effects="unit")
    rows = rows_of(result, "separate", "north")
    np.testing.assert_allclose(rows["estimate"], model.params, rtol=0, atol=1e-12)
    assert "leave the others as they are" in result.notes[0]


def test_the_table_of_groups(world, compared):
    _, w, codes = world
    matrix = w.sparse.toarray()
    for code, name in enumerate(GROUPS):
        block = matrix[np.ix_(codes == code, codes == code)]
        row = compared.groups.loc[name]
        assert row["units"] == 12 and row["observations"] == 60
        assert row["within"] == pytest.approx(block.sum() / (codes == code).sum())
        assert row["islands"] == (block.sum(axis=1) == 0).sum()


def test_the_test_of_separate_models(compared):
    models = [compared.models[name] for name in GROUPS]
    first = models[0]
    gaps = np.concatenate([(m.params - first.params).to_numpy() for m in models[1:]])
    base = first.cov.to_numpy()
    cov = np.block(
        [
            [models[1].cov.to_numpy() + base, base],
            [base, models[2].cov.to_numpy() + base],
        ]
    )
    statistic = gaps @ np.linalg.inv(cov) @ gaps
    test = compared.tests["separate"]
    assert test.statistic == pytest.approx(statistic, rel=1e-9)
    assert test.df == 10


# -- the pooled model ------------------------------------------------------------------------------


def dense_likelihood(y, columns, matrix, rho):
    """Dummy-variable likelihood of a SAR model with two-way effects, and its residual variance."""
    n, periods = y.shape
    z = demeaned(columns).reshape(len(columns), -1).T
    target = demeaned(y - rho * matrix @ y).ravel()
    coefs = np.linalg.lstsq(z, target, rcond=None)[0]
    sigma2 = ((target - z @ coefs) ** 2).mean()
    logdet = periods * np.linalg.slogdet(np.eye(n) - rho * matrix)[1]
    return logdet - n * periods / 2 * (np.log(2 * np.pi * sigma2) + 1), coefs


def test_the_pooled_model_maximises_the_dense_likelihood(world):
    panel, w, codes = world
    result = nq.compare_groups(FORMULA, panel, w, group="zone", correction="none")
    y = panel.frame["y"].to_numpy().reshape(panel.n_units, -1)
    matrix = w.sparse.toarray()
    by_group = dense_columns(panel, w, codes, ["x1", "x2"])
    shared = dense_columns(panel, w, np.zeros_like(codes), ["x1", "x2"])
    maxima = []
    for columns in (by_group, shared):
        found = optimize.minimize_scalar(
            lambda rho, z=columns: -dense_likelihood(y, z, matrix, rho)[0],
            bounds=(-0.9, 0.9), method="bounded", options={"xatol": 1e-12},
        )  # fmt: skip
        maxima.append((-found.fun, found.x, dense_likelihood(y, columns, matrix, found.x)[1]))
    likelihood, rho, coefs = maxima[0]
    assert result.pooled.loglik == pytest.approx(likelihood, abs=1e-8)
    assert result.pooled.params["spatial", "rho"] == pytest.approx(rho, abs=1e-6)
    rows = pd.concat([rows_of(result, "pooled", name)["estimate"] for name in GROUPS], axis=1)
    expected = coefs.reshape(2, 2, 3).reshape(4, 3)
    np.testing.assert_allclose(rows.to_numpy(), expected, atol=1e-6)
    test = result.tests["LR"]
    assert test.statistic == pytest.approx(2 * (likelihood - maxima[1][0]), abs=1e-6)
    assert test.df == 8


@pytest.mark.parametrize("model", ["sdm", "sar", "sdem", "slx"])
def test_common_slopes_are_those_of_the_model(world, model):
    panel, w, _ = world
    result = nq.compare_groups(FORMULA, panel, w, group="zone", model=model)
    expected = nq.fit(FORMULA, panel, w, model=model)
    np.testing.assert_allclose(result.common.params, expected.params, rtol=0, atol=1e-9)
    np.testing.assert_allclose(result.common.loglik, expected.loglik, rtol=0, atol=1e-8)
    tests = [name for name in result.tests if name.startswith("Wald, ")]
    assert len(tests) == (4 if model in ("sdm", "sdem", "slx") else 2)


@pytest.mark.parity
def test_groups_without_fixed_effects_have_intercepts(world):
    """Against statsmodels: a regression with dummies, and the F test of the interactions."""
    panel, w, codes = world
    result = nq.compare_groups(FORMULA, panel, w, group="zone", model="slx", effects="none")
    each = np.repeat(codes, panel.n_periods)
    columns = dense_columns(panel, w, codes, ["x1", "x2"]).reshape(12, -1).T
    dummies = np.column_stack([each == code for code in range(3)]).astype(float)
    other = sm.OLS(panel.frame["y"].to_numpy(), np.column_stack([columns, dummies])).fit()
    rows = pd.concat([rows_of(result, "pooled", name)["estimate"] for name in GROUPS], axis=1)
    peer = {"program": "statsmodels", "data": "simulated panel of three groups", "rtol": 1e-9}
    coefs = rows.to_numpy().ravel()
    agree("SLX by group: coefficients", coefs, other.params[:12], **peer)
    equal = np.zeros((8, 15))
    for variable in range(4):
        for group in (1, 2):
            row = equal[2 * variable + group - 1]
            row[3 * variable + group], row[3 * variable] = 1, -1
    statistic = float(np.squeeze(other.f_test(equal).fvalue)) * 8
    agree("SLX by group: Wald", result.tests["Wald"].statistic, statistic, **peer)
    single = float(np.squeeze(other.f_test(equal[2:4]).fvalue)) * 2
    agree("SLX by group: Wald of x2", result.tests["Wald, x2"].statistic, single, **peer)
    pair = other.t_test(equal[1])
    row = result.differences.loc["x", "x1", "east", "west"]
    assert row["difference"] == pytest.approx(float(pair.effect[0]), rel=1e-9)
    assert row["std_error"] == pytest.approx(float(np.squeeze(pair.sd)), rel=1e-9)
    assert "groups have intercepts of their own in the pooled models" in result.notes


def test_options_of_fit_hold(world):
    panel, w, _ = world
    result = nq.compare_groups(
        FORMULA, panel, w, group="zone", durbin="x1", effects="unit", covariance="cluster"
    )
    assert set(result.differences.index.droplevel(["first", "second"])) == {
        ("x", "x1"), ("x", "x2"), ("wx", "x1"),
    }  # fmt: skip
    assert result.pooled.spec.covariance == "cluster"
    assert not result.tests["LR"].applicable
    assert "another covariance" in result.tests["LR"].reason


def test_formulas_with_functions_and_other_names(world):
    panel, w, _ = world
    renamed = panel.assign(**{"人均 GDP": np.exp(panel.frame["x1"])})
    result = nq.compare_groups("y ~ log(`人均 GDP`) + x2", renamed, w, group="zone")
    plain = nq.compare_groups(FORMULA, panel, w, group="zone")
    np.testing.assert_allclose(
        result.pooled.params.to_numpy(), plain.pooled.params.to_numpy(), atol=1e-9
    )


# -- permutations ----------------------------------------------------------------------------------


def test_the_permutation_test_by_hand(world):
    """The same draws, with Wald statistics by dense formulas."""
    panel, w, codes = world
    result = nq.compare_groups(
        FORMULA, panel, w, group="zone", model="slx", permutations=19, seed=5
    )
    y = demeaned(panel.frame["y"].to_numpy().reshape(panel.n_units, -1)).ravel()
    rng = np.random.default_rng(5)
    assignments = [codes, *(rng.permutation(codes) for _ in range(19))]
    wald, ratios = [], []
    contrast = np.kron(np.eye(4), np.array([[-1.0, 1, 0], [-1, 0, 1]]))
    for each in assignments:
        z = demeaned(dense_columns(panel, w, each, ["x1", "x2"])).reshape(12, -1).T
        inverse = np.linalg.inv(z.T @ z)
        coefs = inverse @ z.T @ y
        free = len(y) - 12 - panel.n_units - panel.n_periods + 1
        cov = inverse * ((y - z @ coefs) ** 2).sum() / free
        gap = contrast @ coefs
        wald.append(gap @ np.linalg.solve(contrast @ cov @ contrast.T, gap))
        ratios.append(abs(coefs[2] - coefs[0]) / np.sqrt(cov[2, 2] + cov[0, 0] - 2 * cov[2, 0]))
    assert result.tests["permutation"].statistic == pytest.approx(wald[0], rel=1e-8)
    p_value = np.mean(np.array(wald) >= wald[0] * (1 - 1e-9))
    assert result.tests["permutation"].p_value == pytest.approx(p_value)
    pair = result.differences.loc["x", "x1", "east", "west"]
    assert abs(pair["statistic"]) == pytest.approx(ratios[0], rel=1e-8)
    p_pair = np.mean(np.array(ratios) >= ratios[0] * (1 - 1e-9))
    assert pair["p_permutation"] == pytest.approx(p_pair)


def test_permutations_do_not_depend_on_the_workers(world):
    panel, w, _ = world
    options = {"group": "zone", "model": "sar", "permutations": 21, "seed": 2}
    alone = nq.compare_groups(FORMULA, panel, w, **options)
    several = nq.compare_groups(FORMULA, panel, w, n_jobs=2, **options)
    pd.testing.assert_frame_equal(alone.differences, several.differences, check_exact=True)
    assert alone.tests["permutation"].p_value == several.tests["permutation"].p_value


def test_a_planted_difference_is_found():
    panel, w, _ = simulated(11, side=8, periods=6, gap=0.6)
    result = nq.compare_groups(FORMULA, panel, w, group="zone", permutations=19)
    assert result.tests["Wald, x1"].p_value < 1e-4
    assert result.tests["LR"].p_value < 0.01
    assert result.tests["permutation, x1"].p_value == 1 / 20
    assert result.tests["Wald, x2"].p_value > 0.05
    row = result.differences.loc["x", "x1", "east", "west"]
    assert abs(row["difference"] - 0.6) < 3 * row["std_error"]
    assert abs(result.differences.loc[("x", "x1", "east", "north"), "statistic"]) < 2.5


@pytest.mark.slow
def test_size_of_the_tests_of_equality():
    """Equal slopes: tests at 5 % reject in about 5 % of 200 panels of 100 units and 6 periods."""
    names = ["Wald", "Wald, x1", "LR"]
    rejected = dict.fromkeys(names, 0)
    for seed in range(200):
        panel, w, _ = simulated(seed, side=10, periods=6)
        result = nq.compare_groups(FORMULA, panel, w, group="zone", draws=2, seed=seed)
        for name in names:
            rejected[name] += result.tests[name].p_value <= 0.05
    low, high = stats.binom.ppf([0.001, 0.999], 200, 0.05)
    for name, count in rejected.items():
        assert low <= count <= high, (name, count)


@pytest.mark.slow
def test_size_of_the_permutation_test():
    """The same of the permutation test, in a model that is quick to estimate."""
    count = 0
    for seed in range(100):
        panel, w, _ = simulated(seed, rho=0.0)
        result = nq.compare_groups(
            FORMULA, panel, w, group="zone", model="slx", draws=2, permutations=19, seed=seed
        )
        count += result.tests["permutation"].p_value <= 0.05
    low, high = stats.binom.ppf([0.001, 0.999], 100, 0.05)
    assert low <= count <= high, count


# -- what cannot be done ---------------------------------------------------------------------------


def test_a_group_that_cannot_be_estimated_is_named(world):
    panel, w, codes = world
    few = codes.copy()
    few[few == 2] = 1
    few[-2:] = 2
    zone = pd.Series(np.array(GROUPS)[few], panel.units)
    with pytest.warns(NqpWarning, match="groups without a model of their own: 'west'"):
        result = nq.compare_groups(FORMULA, panel, w, group=zone, model="slx")
    assert "west" not in result.models
    assert any("west could not be fitted: " in note for note in result.notes)
    assert not result.tests["separate"].applicable
    assert len(rows_of(result, "pooled", "west")) == 4


def test_what_is_refused(world):
    panel, w, _ = world
    with pytest.raises(OptionError, match="no slopes to compare"):
        nq.compare_groups("y ~ 1", panel, w, group="zone", model="sar")
    with pytest.raises(OptionError, match="endogenous= and instruments="):
        nq.compare_groups(FORMULA, panel, w, group="zone", estimator="gs2sls", endogenous="x1")
    with pytest.raises(OptionError, match="groups must be two or more"):
        nq.compare_groups(FORMULA, panel, w, group=pd.Series(1, panel.units))
    named = panel.assign(zone=panel.frame["zone"].replace("east", "all"))
    with pytest.raises(OptionError, match="cannot be called 'all'"):
        nq.compare_groups(FORMULA, named, w, group="zone")
    moving = panel.frame["zone"].copy()
    moving.iloc[0] = "west"
    with pytest.raises(PanelError, match="change their 'zone'"):
        nq.compare_groups(FORMULA, panel.assign(zone=moving), w, group="zone")
    dead = panel.assign(x2=panel.frame["x2"].where(panel.frame["zone"] != "north", 0.0))
    with pytest.raises(CollinearityError, match=r"x2 \[north\]"):
        nq.compare_groups(FORMULA, dead, w, group="zone", model="ols")
