"""The geodetector by analyses of variance, by published numbers, by brute force and simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

import nqp_spatial as nq
from nqp_spatial.errors import DomainError, MissingValuesError, OptionError
from nqp_spatial.structure._autocorrelated import autocorrelated_draws
from nqp_spatial.structure._detectors import crossed, interaction_kind, q_values, weighted_q
from tests.parity import agree

geodetector = nq.structure.geodetector


def panel_of(**columns):
    n = len(next(iter(columns.values())))
    return nq.SpatialPanel(pd.DataFrame({"id": np.arange(n), **columns}), unit="id")


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(3)
    a, b = rng.choice(["u", "v", "w"], 90), rng.choice(["r", "s"], 90)
    y = rng.normal(size=90) + (a == "u") + 0.7 * ((a == "v") & (b == "r"))
    return panel_of(y=y, a=a, b=b), y, a, b


@pytest.mark.parity
def test_q_is_r2_of_a_one_way_analysis_of_variance(mixed):
    panel, *_ = mixed
    result = geodetector(panel, "y", ["a", "b"], permutations=0, replications=0)
    frame = panel.frame.reset_index()
    for name, row in result.frame.droplevel("period").iterrows():
        fit = smf.ols(f"y ~ C({name})", frame).fit()
        other = {"program": "statsmodels", "data": "simulated strata, n = 90", "case": name}
        agree("Geodetector: q", row["q"], fit.rsquared, atol=1e-12, **other)
        agree("Geodetector: adjusted q", row["q_adjusted"], fit.rsquared_adj, atol=1e-12, **other)
        agree("Geodetector: F", row["statistic"], fit.fvalue, rtol=1e-10, **other)
    joint = smf.ols("y ~ C(a) * C(b)", frame).fit()
    agree(
        "Geodetector: q of two factors", result.interactions["q"].iloc[0], joint.rsquared,
        atol=1e-12, program="statsmodels", data="simulated strata, n = 90",
    )  # fmt: skip


# Of the R package geodetector 1.0-5, which prints q and p of the neural-tube data with 7 digits.
# Both depend on the data through size, mean and standard deviation of each stratum alone.
PUBLISHED = {
    "soiltype": (
        0.3857168, 0.3632363,
        [(50, 6.34, 0.2425039448448338), (12, 6.6875, 0.2905206924252948),
         (61, 6.58327868852459, 0.3652520650704808), (21, 5.843809523809524, 0.10062187587578514),
         (41, 6.347073170731708, 0.29995202868491344)],
    ),
    "elevation": (
        0.6067087, 0.04080407,
        [(68, 6.455882352941177, 0.2647512789089669), (9, 6.171111111111111, 0.11962905629950926),
         (37, 6.258108108108108, 0.2759512621806598), (22, 6.621363636363636, 0.16467270437780387),
         (18, 5.908888888888889, 0.10093031311045819), (22, 6.888636363636365, 0.2831673820088858),
         (9, 5.79, 0.04924428900898029)],
    ),
    "watershed": (
        0.6377737, 0.0001169914,
        [(32, 6.1678125, 0.11067926270782798), (29, 6.813103448275863, 0.2988681439827348),
         (26, 6.47423076923077, 0.3343192854374161), (5, 6.728, 0.03033150177620593),
         (15, 5.91, 0.10816653826391964), (14, 5.845714285714286, 0.09629396384263914),
         (12, 6.4941666666666675, 0.15974174232937455), (26, 6.360769230769231, 0.3005983775993891),
         (26, 6.57923076923077, 0.1679981684881846)],
    ),
}  # fmt: skip


@pytest.mark.parity
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_numbers(name):
    q, p, strata = PUBLISHED[name]
    rng = np.random.default_rng(0)
    values, labels = [], []
    for label, (count, mean, std_dev) in enumerate(strata):
        noise = rng.normal(size=count)
        noise = (noise - noise.mean()) / noise.std(ddof=1)
        values.append(mean + std_dev * noise)
        labels += [f"s{label}"] * count
    panel = panel_of(y=np.concatenate(values), x=labels)
    row = geodetector(panel, "y", ["x"], permutations=0).frame.iloc[0]
    other = {
        "program": "R geodetector", "version": "1.0-5", "data": "neural-tube defects", "case": name,
    }  # fmt: skip
    agree("Geodetector: q", row["q"], q, atol=6e-8, reason="printed with 7 digits", **other)
    agree(
        "Geodetector: p_noncentral", row["p_noncentral"], p, rtol=1e-5,
        reason="printed with 7 digits; R's tail of the non-central F is less exact", **other,
    )  # fmt: skip


def test_draws_keep_morans_i_variance_and_correlation(lattice):
    w = lattice(8, 8).standardize("none")
    rng = np.random.default_rng(1)
    values = np.linalg.solve(
        np.eye(64) - 0.8 * lattice(8, 8).sparse.toarray(), rng.normal(size=(64, 2))
    )
    draws = np.concatenate(list(autocorrelated_draws(w, values, 20, 0)), axis=2)

    def moments(y):
        z = y - y.mean(axis=0)
        return [*(z**2).sum(axis=0), *(z * (w.sparse @ z)).sum(axis=0), z[:, 0] @ z[:, 1]]

    for draw in np.moveaxis(draws, 2, 0):
        np.testing.assert_allclose(moments(draw), moments(values), rtol=1e-8)
        np.testing.assert_allclose(draw.mean(axis=0), values.mean(axis=0), atol=1e-10)
    assert np.abs(np.corrcoef(draws[:, 0].T)[np.triu_indices(20, 1)]).mean() < 0.5


@pytest.mark.parametrize(
    ("panels", "highest"), [(60, 0.1), pytest.param(400, 0.07, marks=pytest.mark.slow)]
)
def test_size_under_autocorrelation(lattice, panels, highest):
    """y and the strata are autocorrelated and unrelated: the F test finds a relation, draws do not.

    The band around 5 % is wide where there are few panels.
    """
    w = lattice(10, 10)
    spread = np.linalg.inv(np.eye(100) - 0.7 * w.sparse.toarray())
    p = []
    for seed in range(panels):
        y, x = (
            spread
            @ np.random.default_rng(seed).normal(size=(2, 100)).T.reshape(100, 2).T[..., None]
        )
        panel = panel_of(y=y.ravel(), x=x.ravel())
        row = geodetector(
            panel,
            "y",
            ["x"],
            cuts="quantiles",
            weights=w,
            permutations=99,
            replications=0,
            seed=10**6 + seed,  # other numbers than those of the data
        ).frame.iloc[0]
        p.append([row["p_noncentral"], row["p_value"]])
    by_f, by_draws = (np.array(p) <= 0.05).mean(axis=0)
    assert by_f > 0.075
    assert 0.0 < by_draws <= highest


def test_a_planted_factor_is_found_and_the_search_is_paid_for(lattice):
    w = lattice(10, 10)
    rng = np.random.default_rng(2)
    x = rng.normal(size=100)
    panel = panel_of(
        y=np.where(x > 0.5, 1.5, 0.0) + rng.normal(size=100), x=x, noise=rng.normal(size=100)
    )
    result = geodetector(panel, "y", ["x", "noise"], weights=w, seed=0)
    p = result.frame["p_value"].droplevel("period")
    assert p["x"] == 0.001
    assert p["noise"] > 0.1
    assert result.search["chosen"].sum() == 2
    best = result.search["q"].groupby("factor").max()
    np.testing.assert_allclose(
        result.frame["q"].droplevel("period")[["noise", "x"]], best[["noise", "x"]]
    )
    assert set(result.search.index.get_level_values("number")) == set(range(3, 9))


def test_the_search_is_repeated_in_each_draw():
    """By hand: the best q of all candidates in each relocation, beside the best of the data."""
    rng = np.random.default_rng(5)
    y, x = rng.normal(size=(2, 40))
    result = geodetector(panel_of(y=y, x=x), "y", ["x"], number=[2, 3], permutations=19, seed=4)
    edges = {
        (method, number): geodetector(
            panel_of(y=y, x=x), "y", ["x"], cuts=method, number=number, permutations=0
        ).cuts["x"]
        for method, number in result.search.index.droplevel("factor")
    }  # fmt: skip

    def best(values):
        return max(
            q_values(np.searchsorted(np.array(bounds), x, side="left"), values[:, None])[0]
            for bounds in edges.values()
        )

    orders = np.random.default_rng(4).permuted(np.tile(np.arange(40), (19, 1)), axis=1)
    extreme = sum(best(y[order]) >= best(y) - 1e-12 for order in orders)
    assert result.frame["p_value"].iloc[0] == pytest.approx((1 + extreme) / 20)


def test_kinds_of_interaction():
    assert interaction_kind(0.3, 0.2, 0.1) == "nonlinear weakening"
    assert interaction_kind(0.3, 0.2, 0.25) == "univariate weakening"
    assert interaction_kind(0.3, 0.2, 0.4) == "bivariate enhancement"
    assert interaction_kind(0.3, 0.2, 0.5) == "independence"
    assert interaction_kind(0.3, 0.2, 0.6) == "nonlinear enhancement"


def test_interactions_and_their_bootstrap():
    """An exclusive-or has no single effects, so its excess is large; sums of effects have none."""
    rng = np.random.default_rng(1)
    a, b = rng.integers(2, size=(2, 400)).astype(bool)
    noise = rng.normal(size=400)
    strong = geodetector(
        panel_of(y=2.0 * (a ^ b) + noise, a=a, b=b), "y", ["a", "b"], permutations=0
    )
    row = strong.interactions.iloc[0]
    assert row["kind"] == "nonlinear enhancement"
    assert row["conf_low"] > 0.3
    assert row["p_value"] <= 0.002
    additive = geodetector(
        panel_of(y=1.0 * a + b + noise, a=a, b=b), "y", ["a", "b"], permutations=0
    )
    row = additive.interactions.iloc[0]
    assert row["conf_low"] < 0 < row["conf_high"]
    assert row["p_value"] > 0.05


def test_bootstrap_weights_by_hand():
    rng = np.random.default_rng(0)
    codes, y = rng.integers(3, size=30), rng.normal(size=30)
    sample = rng.integers(30, size=30)
    counts = np.bincount(sample, minlength=30)[None, :].astype(float)
    drawn = np.unique(codes[sample], return_inverse=True)[1]
    expected = q_values(drawn, y[sample][:, None])[0]
    assert weighted_q(codes, y, counts)[0] == pytest.approx(expected)


@pytest.mark.parity
def test_risk_and_ecological_detectors(mixed):
    panel, y, a, b = mixed
    result = geodetector(panel, "y", ["a", "b"], permutations=0, replications=0)
    rows = result.risk.xs("a", level="factor")
    assert rows[["first", "second"]].to_numpy().tolist() == [["u", "v"], ["u", "w"], ["v", "w"]]
    for _, row in rows.iterrows():
        test = stats.ttest_ind(y[a == row["second"]], y[a == row["first"]], equal_var=False)
        assert row["difference"] == pytest.approx(
            y[a == row["second"]].mean() - y[a == row["first"]].mean()
        )
        other = {"program": "scipy", "data": "simulated strata, n = 90"}
        for key, value in (("statistic", test.statistic), ("p_value", test.pvalue)):
            agree(f"Risk detector: {key}", row[key], value, rtol=1e-6, **other)
    within = [
        sum(((y[g == k] - y[g == k].mean()) ** 2).sum() for k in np.unique(g)) for g in (a, b)
    ]
    ratio = result.ecological.iloc[0]
    assert ratio["statistic"] == pytest.approx(within[0] / within[1])
    tail = stats.f.cdf(ratio["statistic"], 89, 89)
    assert ratio["p_value"] == pytest.approx(2 * min(tail, 1 - tail))
    means = result.strata.xs("b", level="factor").droplevel("period")
    assert means.loc["r", "mean"] == pytest.approx(y[b == "r"].mean())


def test_periods_alone_and_pooled():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.repeat(np.arange(50), 3), "t": np.tile([1, 2, 3], 50)})
    frame["x"] = rng.normal(size=150)
    frame["y"] = frame["x"] * (frame["t"] == 2) + rng.normal(size=150)
    panel = nq.SpatialPanel(frame, unit="id", period="t")
    options = {"cuts": "quantiles", "number": 4, "permutations": 99, "replications": 9}
    each = geodetector(panel, "y", ["x"], **options)
    assert each.frame.index.tolist() == [(1, "x"), (2, "x"), (3, "x")]
    assert each.frame["q"].idxmax() == (2, "x")
    pooled = geodetector(panel, "y", ["x"], pooled=True, **options)
    codes = np.searchsorted(np.array(pooled.cuts["x"]), frame["x"], side="left")
    assert pooled.frame["q"].tolist() == [q_values(codes, frame["y"].to_numpy()[:, None])[0]]
    assert each.cuts == pooled.cuts
    second = codes[frame["t"] == 2], frame["y"][frame["t"] == 2].to_numpy()[:, None]
    assert each.frame.loc[(2, "x"), "q"] == pytest.approx(q_values(*second)[0])
    one = geodetector(
        panel, "y", ["x"], period=2, cuts={"x": list(pooled.cuts["x"])}, permutations=0
    )
    assert one.frame["q"].iloc[0] == pytest.approx(each.frame.loc[(2, "x"), "q"])


def test_cuts_that_are_given():
    panel = panel_of(y=np.arange(8.0), x=np.arange(8.0))
    result = geodetector(panel, "y", ["x"], cuts={"x": [1, 5]}, permutations=0)
    assert result.strata["count"].tolist() == [2, 4, 2]
    assert result.strata.index.get_level_values("stratum").tolist() == [
        "[0, 1]",
        "(1, 5]",
        "(5, 7]",
    ]
    codes = np.array([0, 0, 1, 1, 1, 1, 2, 2])
    assert result.frame["q"].iloc[0] == pytest.approx(q_values(codes, np.arange(8.0)[:, None])[0])
    assert crossed(codes, np.array([0, 1] * 4)).max() == 5


def test_what_is_refused():
    panel = panel_of(y=np.arange(8.0), x=np.ones(8), k=["a"] * 7 + [None], z=np.arange(8.0))
    with pytest.raises(DomainError, match="factor 'x' has 1 different values, fewer than 3"):
        geodetector(panel, "y", ["x"])
    with pytest.raises(DomainError, match="has one stratum"):
        geodetector(panel, "y", ["z"], cuts={"z": [50.0]})
    with pytest.raises(MissingValuesError, match="factor 'k' has no category"):
        geodetector(panel, "y", ["k"])
    with pytest.raises(DomainError, match="'x' is constant"):
        geodetector(panel, "x", ["z"])
    with pytest.raises(OptionError, match="cannot be a factor of itself"):
        geodetector(panel, "y", ["z", "y"])
    with pytest.raises(OptionError, match="twice"):
        geodetector(panel, "y", ["z", "z"])
    with pytest.raises(OptionError, match="must be one whole number"):
        geodetector(panel, "y", ["z"], cuts="quantiles", number=[3, 4])
    with pytest.raises(OptionError, match="from 2 to 20"):
        geodetector(panel, "y", ["z"], number=1)
    with pytest.raises(OptionError, match="which the panel does not have"):
        geodetector(panel, "y", ["z"], cuts={"other": "quantiles"})
