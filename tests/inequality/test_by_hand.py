"""Indices, decompositions and the four D beside loops, at the edges of their options as well."""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import box

import nqp_spatial as nq
from nqp_spatial.core.resampling import bootstrap_counts
from nqp_spatial.errors import BoundaryError, DomainError, GeometryError, OptionError, PanelError
from nqp_spatial.structure.centre_path import projection_of


def panel_of(values, geometry=None, **columns):
    """Columns have a value for each unit, or for each unit and period."""
    values = np.asarray(values, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    n, t = values.shape
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), t),
            "t": np.tile(np.arange(t), n),
            "x": values.ravel(),
            **{name: np.broadcast_to(np.asarray(c).reshape(n, -1), (n, t)).ravel()
               for name, c in columns.items()},
        }
    )  # fmt: skip
    return nq.SpatialPanel(frame, unit="id", period="t", geometry=geometry)


def ring(n, reach=1, standardize="none"):
    matrix = sum(np.roll(np.eye(n), step, axis=1) for step in range(1, reach + 1))
    return nq.weights.from_dense(matrix, range(n), standardize=standardize)


# -- indices --------------------------------------------------------------------------------------


def test_indices_by_their_definitions():
    """Two periods, weights that change over time."""
    rng = np.random.default_rng(0)
    y, w = rng.lognormal(size=(15, 2)), rng.uniform(0.3, 3, (15, 2))
    found = nq.inequality.indices(panel_of(y, w=w), "x", population="w")
    for t in (0, 1):
        p, x = w[:, t] / w[:, t].sum(), y[:, t]
        m = p @ x
        gini = sum(p[i] * p[j] * abs(x[i] - x[j]) for i in range(15) for j in range(15)) / (2 * m)
        logs = np.log(x)
        order = np.argsort(x)
        q, s = np.cumsum(p[order]), np.cumsum(p[order] * x[order]) / m
        lorenz = np.interp(0.5, np.r_[0, q], np.r_[0, s])
        median = x[order][np.searchsorted(q, 0.5)]
        expected = {
            "gini": gini,
            "theil_t": (p * x / m * np.log(x / m)).sum(),
            "theil_l": (p * np.log(m / x)).sum(),
            "ge2": (p * (x / m) ** 2).sum() / 2 - 0.5,
            "atkinson_0.5": 1 - (p @ np.sqrt(x)) ** 2 / m,
            "atkinson_1": 1 - np.exp(p @ logs) / m,
            "atkinson_2": 1 - 1 / (p @ (1 / x)) / m,
            "cv": np.sqrt(p @ (x - m) ** 2) / m,
            "log_variance": p @ (logs - p @ logs) ** 2,
            "wolfson": 4 * m / median * (0.5 - lorenz - gini / 2),
        }
        assert found.loc[t].to_dict() == pytest.approx(expected)


def test_median_of_wolfson_between_two_units():
    """Half of the units below 2.5: the Lorenz curve at one half, and 2.5 as the median."""
    found = nq.inequality.indices(panel_of([1.0, 2, 3, 6]), "x", which=["wolfson", "gini"])
    gini = found.loc[0, "gini"]
    assert found.loc[0, "wolfson"] == pytest.approx(4 * 3 / 2.5 * (0.5 - 3 / 12 - gini / 2))
    zero = nq.inequality.indices(panel_of([0.0, 0, 0, 5]), "x", which=["wolfson"])
    assert np.isnan(zero.loc[0, "wolfson"])


def test_measures_that_take_zeros():
    zeros = nq.inequality.indices(panel_of([[0.0, 1], [2, 3], [4, 5]]), "x")
    assert zeros.columns.tolist() == ["gini", "theil_t", "ge2", "cv", "wolfson"]
    p, m = 1 / 3, 2.0
    assert zeros.loc[0, "theil_t"] == pytest.approx(p * 4 / m * np.log(4 / m))
    positive = nq.inequality.indices(panel_of([[1.0], [2], [4]]), "x")
    assert len(positive.columns) == 10
    for name in ("theil_l", "atkinson_0.5", "log_variance"):
        with pytest.raises(DomainError):
            nq.inequality.indices(panel_of([[0.0], [2], [4]]), "x", which=[name])


def test_options_of_bootstraps():
    panel = panel_of([1.0, 2, 4, 7], g=list("aabb"))
    calls = [
        lambda **o: nq.inequality.indices(panel, "x", **o),
        lambda **o: nq.inequality.theil(panel, "x", levels="g", **o),
        lambda **o: nq.inequality.dagum(panel, "x", group="g", **o),
    ]
    for call in calls:
        for options in ({"replications": -1}, {"level": 0.0}, {"level": 1.0}):
            with pytest.raises(OptionError):
                call(**options)
        call(replications=1, level=0.5)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_ends_of_intervals_are_quantiles_of_repeated_units(level):
    """More samples than one batch of Dagum's holds."""
    rng = np.random.default_rng(1)
    y, g = rng.lognormal(size=(8, 2)), np.array(list("aabbbccc"))
    panel = panel_of(y, g=g)
    tails = [(1 - level) / 2, (1 + level) / 2]
    counts = bootstrap_counts(np.random.default_rng(4), 8, 60).astype(int)
    assert (counts.sum(axis=1) == 8).all()
    options = {"replications": 60, "seed": 4, "level": level}
    table = nq.inequality.indices(panel, "x", which=["gini"], **options)
    theil = nq.inequality.theil(panel, "x", levels="g", index="L", **options).intervals
    repeated = [panel_of(np.repeat(y, c, axis=0), g=np.repeat(g, c)) for c in counts]
    values = [nq.inequality.indices(p, "x", which=["gini"])["gini"] for p in repeated]
    np.testing.assert_allclose(table["gini"][["low", "high"]].T, np.quantile(values, tails, axis=0))
    logs = np.array([
        [np.log(v.mean()) - np.log(v).mean() for v in np.repeat(y, c, axis=0).T] for c in counts
    ])  # fmt: skip
    np.testing.assert_allclose(theil["theil"].T, np.quantile(logs, tails, axis=0))

    codes = np.array([0, 0, 1, 1, 1, 2, 2, 2])
    counts = bootstrap_counts(np.random.default_rng(4), 8, 60, codes).astype(int)
    for code, size in ((0, 2), (1, 3), (2, 3)):
        assert (counts[:, codes == code].sum(axis=1) == size).all()
    found = nq.inequality.dagum(panel, "x", group="g", **options).intervals
    ginis = np.array([
        [np.abs(np.subtract.outer(v, v)).mean() / (2 * v.mean()) for v in np.repeat(y, c, axis=0).T]
        for c in counts
    ])  # fmt: skip
    np.testing.assert_allclose(found["gini"].T, np.quantile(ginis, tails, axis=0))
    assert (found["within_share", "low"] <= found["within_share", "high"]).all()


@pytest.mark.parametrize("alpha", [0.0, 1.0, 1.6])
def test_polarisation_by_loops(alpha):
    """Esteban and Ray: sum over pairs of groups of p_j^(1 + alpha) p_h |m_j - m_h|, over m."""
    rng = np.random.default_rng(2)
    y, w = rng.lognormal(size=(12, 2)), rng.uniform(0.5, 2, 12)
    g = np.resize(list("abc"), 12)
    found = nq.inequality.esteban_ray(
        panel_of(y, g=g, w=w), "x", group="g", alpha=alpha, population="w"
    )
    p = {a: w[g == a].sum() / w.sum() for a in "abc"}
    for t in (0, 1):
        m = {a: np.average(y[g == a, t], weights=w[g == a]) for a in "abc"}
        total = sum(p[a] ** (1 + alpha) * p[b] * abs(m[a] - m[b]) for a in "abc" for b in "abc")
        assert found.loc[t] == pytest.approx(total / np.average(y[:, t], weights=w))
    for bad in (-0.01, 1.61):
        with pytest.raises(OptionError):
            nq.inequality.esteban_ray(panel_of(y, g=g), "x", group="g", alpha=bad)


# -- Theil and Dagum ------------------------------------------------------------------------------


@pytest.mark.parametrize("index", ["T", "L"])
def test_groups_of_theil_by_hand(index):
    """Shares and inequality inside of each group; the parts add up."""
    rng = np.random.default_rng(3)
    y, w = rng.lognormal(size=(10, 2)), rng.uniform(0.5, 2, (10, 2))
    g = np.array(list("aaabbbbccc"))
    found = nq.inequality.theil(panel_of(y, g=g, w=w), "x", levels="g", population="w", index=index)
    for t in (0, 1):
        p, x = w[:, t] / w[:, t].sum(), y[:, t]
        total = within = between = 0.0
        m = p @ x
        for a in "abc":
            q, z = p[g == a], x[g == a]
            mean = q @ z / q.sum()
            share = (q @ z) / m if index == "T" else q.sum()
            r = z / mean
            own = (q / q.sum() * (r * np.log(r) if index == "T" else -np.log(r))).sum()
            assert found.groups.loc[t, ("share", a)] == pytest.approx(share)
            assert found.groups.loc[t, ("theil", a)] == pytest.approx(own)
            within += share * own
            between += share * np.log(mean / m) if index == "T" else -share * np.log(mean / m)
        total = within + between
        row = found.frame.loc[t]
        assert row["theil"] == pytest.approx(total)
        assert row["between_g"] == pytest.approx(between)
        assert row["within_g"] == pytest.approx(within)
        assert row["between_g_share"] == pytest.approx(between / total)
        assert row["within_g_share"] == pytest.approx(within / total)


def test_levels_of_theil_must_be_nested():
    panel = panel_of([1.0, 2, 3, 4], outer=list("aabb"), inner=[1, 2, 3, 3], odd=[1, 2, 2, 3])
    assert nq.inequality.theil(panel, "x", levels=["outer", "inner"]).levels == ("outer", "inner")
    with pytest.raises(PanelError, match="such as those of 1, 2"):
        nq.inequality.theil(panel, "x", levels=["outer", "odd"])
    with pytest.raises(PanelError):
        nq.inequality.theil(panel, "x", levels=["outer", "inner", "odd"])
    even = nq.inequality.theil(panel_of([2.0, 2, 2, 2], g=list("aabb")), "x", levels="g")
    assert (even.frame.loc[0] == 0).all()


def test_groups_of_one_value_in_dagum():
    """No gap between them and none inside: nothing is divided by zero."""
    found = nq.inequality.dagum(panel_of([2.0, 2, 2, 2], g=list("aabb")), "x", group="g")
    assert (found.frame.loc[0] == 0).all()
    assert found.distances.iloc[0, 0] == 0
    apart = nq.inequality.dagum(panel_of([0.0, 0, 3, 3], g=list("aabb")), "x", group="g")
    assert apart.within.loc[0].tolist() == [0, 0]
    assert apart.between.iloc[0, 0] == 1
    assert apart.distances.iloc[0, 0] == 1
    assert apart.frame.loc[0, "net_between"] == pytest.approx(0.5)


def test_contributions_of_dagum_name_their_groups():
    rng = np.random.default_rng(4)
    y, g = rng.lognormal(size=(14, 2)), np.array(list("aaaabbbbbccccc"))
    found = nq.inequality.dagum(panel_of(y, g=g), "x", group="g")
    n = 14
    for t in (0, 1):
        x = y[:, t]
        m = x.mean()
        table = found.contributions.loc[t].set_index(["part", "group", "other"])["value"]
        assert len(table) == 3 + 3 + 3
        for a in "abc":
            z = x[g == a]
            gaps = np.abs(np.subtract.outer(z, z)).sum() / (2 * n * n * m)
            assert table["within", a, a] == pytest.approx(gaps)
        for a, b in itertools.combinations("abc", 2):
            pairs = np.subtract.outer(x[g == a], x[g == b])
            both = np.abs(pairs).sum() / (n * n * m)
            net = abs(pairs.sum()) / (n * n * m)
            assert table["net_between", a, b] == pytest.approx(net)
            assert table["transvariation", a, b] == pytest.approx(both - net)
            assert found.distances.loc[t, (a, b)] == pytest.approx(net / both)


# -- gaps -----------------------------------------------------------------------------------------


def test_gaps_of_sums_and_weighted_means_by_loops():
    rng = np.random.default_rng(5)
    y, w = rng.normal(2, 2, size=(9, 4)), rng.uniform(0.5, 2, (9, 4))
    g = np.resize(list("abc"), 9)
    panel = panel_of(y, g=g, w=w)
    levels = {
        "sum": {a: y[g == a].sum(axis=0) for a in "abc"},
        "mean": {a: (y * w)[g == a].sum(axis=0) / w[g == a].sum(axis=0) for a in "abc"},
    }
    for how, population in (("sum", None), ("mean", "w")):
        found = nq.inequality.gaps(panel, "x", group="g", how=how, population=population)
        level = levels[how]
        for a in "abc":
            np.testing.assert_allclose(found.levels[a], level[a])
        for a, b in found.frame.index.droplevel(-1).unique():
            assert level[a][0] >= level[b][0]
            frame = found.frame.loc[(a, b)]
            for t in range(4):
                row, d, first = frame.iloc[t], level[a][t] - level[b][t], level[a][0] - level[b][0]
                assert row["difference"] == pytest.approx(d)
                assert row["change"] == pytest.approx(d - first, abs=1e-12)
                assert row["change_percent"] == pytest.approx(100 * (d - first) / first, abs=1e-9)
                assert row["sign_switch"] == (d * first < 0)
                if level[a][t] > 0 and level[b][t] > 0:
                    assert row["ratio"] == pytest.approx(level[a][t] / level[b][t])
                else:
                    assert np.isnan(row["ratio"])
                known = t > 0 and all(level[z][s] > 0 for z in (a, b) for s in (t - 1, t))
                if known:
                    grown = np.log(level[b][t] / level[b][t - 1])
                    grown -= np.log(level[a][t] / level[a][t - 1])
                    assert row["catch_up"] == pytest.approx(grown)
                else:
                    assert np.isnan(row["catch_up"])


def test_zero_is_no_level_for_ratios():
    found = nq.inequality.gaps(panel_of([[2.0, 4], [0, 1]], g=["e", "w"]), "x", group="g").frame
    assert np.isnan(found.loc[("e", "w", 0), "ratio"])
    assert found.loc[("e", "w", 1), "ratio"] == 4
    assert not found.loc[("e", "w", 0), "sign_switch"]
    with pytest.raises(OptionError):
        nq.inequality.gaps(panel_of([1.0, 2], g=["e", "w"]), "x", group="g", how="median")


def test_stated_gaps_are_put_to_the_widest():
    """The widest of three against the sum of the two inside; the tolerance itself passes."""
    pairs = pd.MultiIndex.from_tuples([("a", "b"), ("b", "c"), ("a", "c")])
    found = nq.inequality.intransitive(pd.Series([2.0, 3.0, 4.0], pairs))
    row = found.iloc[0]
    assert row[["a", "b", "c"]].tolist() == ["a", "b", "c"]
    assert row[["stated", "implied", "off"]].tolist() == [4.0, 5.0, -1.0]
    assert nq.inequality.intransitive(pd.Series([2.0, 3.0, 4.0], pairs), tolerance=1.0).empty
    assert len(nq.inequality.intransitive(pd.Series([2.0, 3.0, 4.0], pairs), tolerance=0.99)) == 1
    turned = nq.inequality.intransitive(pd.Series([-2.0, -3.0, -6.0], pairs)).iloc[0]
    assert turned[["a", "b", "c"]].tolist() == ["c", "b", "a"]
    assert turned["off"] == 1.0
    two = pd.Series([2.0, 3.0], pairs[:2])
    assert nq.inequality.intransitive(two).empty
    assert nq.inequality.intransitive(pd.Series([2.0, 3.0, 5.0], pairs)).empty


# -- space ----------------------------------------------------------------------------------------


def test_spatial_gini_and_its_relocations_by_loops():
    rng = np.random.default_rng(6)
    y = rng.lognormal(size=(10, 2))
    w = ring(10, 2)
    found = nq.inequality.spatial_gini(panel_of(y), "x", w, permutations=25, seed=3)
    rows, columns = np.nonzero(w.sparse.toarray())
    orders = np.random.default_rng(3).permuted(np.tile(np.arange(10), (25, 1)), axis=1)
    for t in (0, 1):
        scale = 2 * 100 * y[:, t].mean()
        gini = np.abs(np.subtract.outer(y[:, t], y[:, t])).sum() / scale

        def near(order, v=y[:, t], scale=scale):
            return np.abs(v[order[rows]] - v[order[columns]]).sum() / scale

        observed = near(np.arange(10))
        drawn = np.array([near(order) for order in orders])
        row = found.loc[t]
        assert row["neighbours"] == pytest.approx(observed)
        assert row["others"] == pytest.approx(gini - observed)
        assert row["others_share"] == pytest.approx(1 - observed / gini)
        assert row["expected_others"] == pytest.approx(gini - drawn.mean())
        assert row["p_value"] == pytest.approx((1 + (drawn <= observed + 1e-12).sum()) / 26)
    with pytest.raises(OptionError):
        nq.inequality.spatial_gini(panel_of(y), "x", w, permutations=-1)
    one = nq.inequality.spatial_gini(panel_of(y), "x", w, permutations=1, seed=0)
    assert set(one["p_value"]) <= {0.5, 1.0}
    even = nq.inequality.spatial_gini(panel_of(np.full(10, 2.0)), "x", w, permutations=0)
    assert even.loc[0, "others_share"] == 0


@pytest.mark.parametrize("options", [{}, {"alpha": 0.6, "sigma": 5.0}])
def test_wedges_by_their_formulas(options):
    """Hsieh and Klenow's gain with revenue products, written as shares; two periods."""
    rng = np.random.default_rng(7)
    y, k, labour = (rng.lognormal(size=(6, 2)) for _ in range(3))
    panel = panel_of(y, k=k, l=labour)
    found = nq.structure.misallocation(panel, output="x", capital="k", labour="l", **options)
    alpha, sigma = options.get("alpha", 1 / 3), options.get("sigma", 3.0)
    for t in (0, 1):
        v, a, b = y[:, t], k[:, t], labour[:, t]
        tfpr = v / (a**alpha * b ** (1 - alpha))
        frame = found.distortions.xs(t, level=1)
        np.testing.assert_allclose(frame["tfpr"], tfpr / tfpr.mean())
        np.testing.assert_allclose(frame["tau_capital"], v / v.sum() * a.sum() / a - 1)
        np.testing.assert_allclose(frame["tau_labour"], v / v.sum() * b.sum() / b - 1)
        # Physical productivity A = (P Y)^(s / (s - 1)) / (K^a L^(1 - a)); efficient output, with
        # factors in proportion to A^(s - 1), over actual output, sum of A^... of given factors.
        A = v ** (sigma / (sigma - 1)) / (a**alpha * b ** (1 - alpha))
        actual = (v**1).sum() ** (sigma / (sigma - 1))
        q = A ** (sigma - 1) / (A ** (sigma - 1)).sum()
        made = A * (q * a.sum()) ** alpha * (q * b.sum()) ** (1 - alpha)
        best = (made ** ((sigma - 1) / sigma)).sum() ** (sigma / (sigma - 1))
        row = found.frame.loc[t]
        assert row["gain_percent"] == pytest.approx(100 * (best / actual - 1))
        assert row["sd_log_tfpr"] == pytest.approx(np.log(tfpr).std())


def test_bounds_of_misallocation():
    panel = panel_of([1.0, 2, 3], k=[1.0, 2, 2], l=[1.0, 1, 2], zero=[0.0, 1, 2])
    columns = {"output": "x", "capital": "k", "labour": "l"}
    for bad in ({"alpha": 0.0}, {"alpha": 1.0}, {"sigma": 1.0}):
        with pytest.raises(OptionError):
            nq.structure.misallocation(panel, **columns, **bad)
    for name in columns:
        with pytest.raises(DomainError):
            nq.structure.misallocation(panel, **(columns | {name: "zero"}))


@pytest.mark.parametrize("prices", ["chain", "level"])
def test_segmentation_by_loops(prices):
    rng = np.random.default_rng(8)
    p = np.exp(rng.normal(size=(7, 4, 3)))
    W = ring(7, 2).sparse.toarray()
    panel = panel_of(p[:, :, 0], b=p[:, :, 1], c=p[:, :, 2])
    found = nq.structure.segmentation(panel, ["x", "b", "c"], ring(7, 2), prices=prices)
    log = np.log(p)
    # "chain": prices are indices over the period before already
    x = log if prices == "chain" else np.diff(log, axis=1)
    first = 4 - x.shape[1]
    pairs = {tuple(sorted((i, j))) for i in range(7) for j in range(7) if W[i, j]}
    for t in range(4):
        if t < first:
            assert found.xs(t, level=1).isna().all()
            continue
        gap = {pair: np.abs(x[pair[0], t - first] - x[pair[1], t - first]) for pair in pairs}
        mean = np.mean(list(gap.values()), axis=0)
        for i in range(7):
            q = [np.var(gap[tuple(sorted((i, j)))] - mean) for j in range(7) if W[i, j]]
            assert found[i, t] == pytest.approx(np.mean(q))
    with pytest.raises(OptionError):
        nq.structure.segmentation(panel, ["x", "b"], ring(7))
    with pytest.raises(DomainError):
        nq.structure.segmentation(panel.assign(b=0.0), ["x", "b", "c"], ring(7))


# -- the four D -----------------------------------------------------------------------------------


def squares(crs, size=1000.0):
    """Three rectangles in a row, of 1, 2 and 3 squares, where the projection is nearly true."""
    x = 5e5 * size / 1000
    ends = [(0, 1), (1, 3), (3, 6)]
    shapes = [box(x + a * size, 0, x + b * size, size) for a, b in ends]
    return gpd.GeoDataFrame({"id": range(3)}, geometry=shapes, crs=crs)


@pytest.mark.parametrize(
    ("crs", "unit_km"),
    [("EPSG:32650", 0.001), ("+proj=utm +zone=50 +units=us-ft", 0.0003048006096)],
)
def test_density_counts_square_kilometres(crs, unit_km):
    panel = panel_of([[6.0, 12], [6, 0], [6, 18]], geometry=squares(crs))
    found = nq.structure.areal_density(panel, "x")
    area = np.array([1.0, 2, 3]) * (1000 * unit_km) ** 2
    np.testing.assert_allclose(found.unstack(), [[6, 12], [6, 0], [6, 18]] / area[:, None], 1e-6)


@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("cutoff", [None, 2.0])
def test_market_potential_by_loops(power, cutoff):
    """Centroids at 0.5, 2 and 4.5 km; a disc of the unit's area has the mean radius 2/3 r."""
    m = np.array([[1.0, 0], [2, 5], [3, 4]])
    panel = panel_of(m, geometry=squares("EPSG:32650"))
    at, area = np.array([0.5, 2.0, 4.5]), np.array([1.0, 2, 3])
    with_own = nq.structure.market_potential(panel, "x", power=power, cutoff_km=cutoff)
    others = nq.structure.market_potential(
        panel, "x", power=power, cutoff_km=cutoff, own_market=False
    )
    for i in range(3):
        for t in (0, 1):
            total = sum(
                m[j, t] / abs(at[i] - at[j]) ** power
                for j in range(3)
                if j != i and (cutoff is None or abs(at[i] - at[j]) <= cutoff)
            )
            assert others[i, t] == pytest.approx(total, rel=5e-3)
            own = m[i, t] / (2 / 3 * np.sqrt(area[i] / np.pi)) ** power
            assert with_own[i, t] == pytest.approx(total + own, rel=5e-3)
    with pytest.raises(DomainError, match="is for 1"):
        nq.structure.market_potential(panel.assign(x=m.ravel() - [0, 0, 3, 0, 0, 0]), "x")


def test_points_have_no_area():
    shapes = squares("EPSG:32650")
    shapes.geometry = shapes.geometry.centroid
    with pytest.raises(GeometryError, match="0, 1, 2"):
        nq.structure.areal_density(panel_of([1.0, 2, 3], geometry=shapes), "x")


@pytest.mark.parametrize("rho", [-0.9, 0.0, 0.5, 0.95])
def test_division_by_the_whole_matrix(rho):
    rng = np.random.default_rng(9)
    W = ring(8, 3).sparse.toarray() * rng.uniform(0.5, 1.5, (8, 8))
    W /= W.sum(axis=1, keepdims=True)
    zone = np.array(list("aabbbccc"))
    panel = panel_of(np.ones(8), zone=zone)
    w = nq.weights.from_dense(W, range(8), standardize="row")
    found = nq.structure.border_exposure(panel, w, group="zone", rho=rho, beta=0.7, theta=0.4)
    S = np.linalg.inv(np.eye(8) - rho * W) @ (0.7 * np.eye(8) + 0.4 * W)
    other = zone[:, None] != zone
    np.testing.assert_allclose(found, (S * other).sum(axis=1) / S.sum(axis=1))
    for beyond in (1.0, -1.0, 1.5):
        with pytest.raises(BoundaryError):
            nq.structure.border_exposure(panel, w, group="zone", rho=beyond)
    # A W whose largest eigenvalue is 2: rho up to one half.
    twice = nq.weights.from_dense(2 * W, range(8), standardize="none")
    nq.structure.border_exposure(panel, twice, group="zone", rho=0.49)
    with pytest.raises(BoundaryError):
        nq.structure.border_exposure(panel, twice, group="zone", rho=0.51)


def test_division_of_a_unit_that_gets_nothing():
    W = np.zeros((3, 3))
    W[0, 1] = W[1, 0] = 1
    w = nq.weights.from_dense(W, range(3), standardize="none", islands="keep")
    found = nq.structure.border_exposure(panel_of(np.ones(3), zone=list("aab")), w, group="zone")
    assert found.tolist()[:2] == [0, 0]
    assert np.isnan(found.iloc[2])


def test_diversity_by_loops():
    rng = np.random.default_rng(10)
    x = rng.random((6, 2, 4)) * (rng.random((6, 2, 4)) < 0.8)
    x[0, :, 0] += 0.1
    x[1] = [[0, 0, 0, 2.0], [0, 0, 0, 1]]  # all in one part
    x[:, :, 1] = 0  # a part that nobody has
    x[2:, :, 2] += 0.1
    panel = panel_of(x[:, :, 0], b=x[:, :, 1], c=x[:, :, 2], d=x[:, :, 3])
    found = nq.structure.diversity(panel, ["x", "b", "c", "d"])
    s = x / x.sum(axis=2, keepdims=True)
    for t in (0, 1):
        phi = np.zeros((4, 4))
        for k in range(4):
            for m in range(4):
                a, b = s[:, t, k], s[:, t, m]
                length = np.sqrt((a @ a) * (b @ b))
                phi[k, m] = a @ b / length if length else 0
        for i in range(6):
            q = s[i, t]
            row = found.loc[(i, t)]
            assert row["shannon"] == pytest.approx(-sum(v * np.log(v) for v in q if v > 0))
            assert row["simpson"] == pytest.approx(1 - q @ q)
            crossed = sum(q[k] * q[m] * phi[k, m] for k in range(4) for m in range(4) if k != m)
            if i == 1:
                assert np.isnan(row["relatedness"])
            else:
                assert row["relatedness"] == pytest.approx(crossed / (1 - q @ q))
    with pytest.raises(OptionError):
        nq.structure.diversity(panel, ["x"])
    two = nq.structure.diversity(panel_of([1.0, 2], b=[3.0, 0]), ["x", "b"])
    assert two["simpson"].tolist() == pytest.approx([0.375, 0])
    with pytest.raises(DomainError):
        nq.structure.diversity(panel_of([1.0, -1], b=[3.0, 2]), ["x", "b"])


# -- centres --------------------------------------------------------------------------------------


def test_moments_of_a_weighted_cloud():
    """Two periods: mean, eigenvalues of the second moments, the step and its bearing."""
    rng = np.random.default_rng(11)
    z = rng.normal(size=(12, 2)) * [300, 100] + [4e5, 3e6]
    v = rng.random((12, 3))
    v[0] = 0  # a unit without any
    shapes = gpd.GeoDataFrame(
        {"id": range(12)}, geometry=gpd.points_from_xy(*z.T), crs="EPSG:32650"
    )
    found = nq.structure.centre_path(panel_of(v, geometry=shapes), "x").frame
    centres = []
    for t in range(3):
        p = v[:, t] / v[:, t].sum()
        c = p @ z / 1000
        d = z / 1000 - c
        values, vectors = np.linalg.eigh((p[:, None] * d).T @ d)
        row = found.loc[t]
        assert (row["x_km"], row["y_km"]) == pytest.approx(tuple(c))
        assert row["major_km"] == pytest.approx(np.sqrt(values[1]))
        assert row["minor_km"] == pytest.approx(np.sqrt(values[0]))
        assert row["area_km2"] == pytest.approx(np.pi * np.sqrt(values[0] * values[1]))
        east, north = vectors[:, 1]
        assert row["rotation"] == pytest.approx(np.degrees(np.arctan2(east, north)) % 180)
        if t:
            step = c - centres[-1]
            assert row["moved_km"] == pytest.approx(np.linalg.norm(step), rel=1e-6)
            bearing = np.degrees(np.arctan2(step[0], step[1])) % 360
            assert row["bearing"] == pytest.approx(bearing, rel=1e-6)
        centres.append(c)


def test_albers_projection_of_a_map_in_degrees():
    """Parallels a sixth of the height inside; the middle of the map is its origin."""
    corners = [box(100, 20, 101, 21), box(119, 43, 120, 44)]
    shapes = gpd.GeoDataFrame({"id": [0, 1]}, geometry=corners, crs="EPSG:4326")
    words = projection_of(shapes).to_dict()
    assert words["proj"] == "aea"
    assert words["lat_1"] == pytest.approx(24)
    assert words["lat_2"] == pytest.approx(40)
    assert words["lat_0"] == pytest.approx(32)
    assert words["lon_0"] == pytest.approx(110)
    projected = shapes.to_crs("EPSG:32650")
    assert projection_of(projected) == projected.crs
