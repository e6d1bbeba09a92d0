"""Steps of an index, of its ranks and of coupling beside loops, at the edges of their options."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.composite._weighting import combined, scheme_weights
from nqp_spatial.errors import DomainError, OptionError, PanelError


def panel_of(**columns):
    n, t = np.shape(next(iter(columns.values())))
    ids = {"id": np.repeat(np.arange(n), t), "t": np.tile(np.arange(t), n)}
    return nq.SpatialPanel(
        pd.DataFrame(ids | {name: np.ravel(v) for name, v in columns.items()}),
        unit="id",
        period="t",
    )


@pytest.fixture(scope="module")
def panel():
    rng = np.random.default_rng(0)
    return panel_of(
        a=rng.lognormal(size=(9, 3)), b=rng.lognormal(size=(9, 3)), c=rng.random((9, 3)) + 0.1
    )


SIGNS = {"a": "+", "b": "-", "c": "+"}


# -- scaling --------------------------------------------------------------------------------------


def test_each_scaling_by_its_formula(panel):
    x = {name: panel.values(name) for name in "abc"}

    def scaled(how, **options):
        result = nq.composite.index(panel, SIGNS, normalisation=how, weighting="equal", **options)
        return {
            name: result.scaled[name].to_numpy().reshape(9, 3) for name in "abc"
        }, result.indicators

    made, table = scaled("min-max")
    for name, v in x.items():
        share = (v - v.min()) / np.ptp(v)
        np.testing.assert_allclose(made[name], share if name != "b" else 1 - share)
        assert table.loc[name, ["min", "max"]].tolist() == [v.min(), v.max()]
    made, table = scaled("min-max-by-period")
    for name, v in x.items():
        share = (v - v.min(axis=0)) / np.ptp(v, axis=0)
        np.testing.assert_allclose(made[name], share if name != "b" else 1 - share, atol=1e-15)
        assert table.loc[name, ["min", "max"]].tolist() == [v.min(), v.max()]
    made, table = scaled("z-score")
    for name, v in x.items():
        z = (v - v.mean()) / v.std()
        np.testing.assert_allclose(made[name], z if name != "b" else -z)
        assert table.loc[name, ["mean", "std"]].tolist() == pytest.approx([v.mean(), v.std()])
    made, table = scaled("base-year", base_period=1)
    for name, v in x.items():
        ratio = v / v[:, 1].mean()
        np.testing.assert_allclose(made[name], ratio if name != "b" else 1 / ratio)
        assert table.loc[name, "base"] == pytest.approx(v[:, 1].mean())
    targets = {"a": (0.5, 2.0), "b": (3.0, 0.2), "c": (0.3, 0.6)}
    made, table = scaled("target", targets=targets)
    for name, v in x.items():
        worst, best = targets[name]
        share = [(u - worst) / (best - worst) for u in v.ravel()]
        np.testing.assert_allclose(made[name].ravel(), [min(max(s, 0), 1) for s in share])
        assert table.loc[name, ["worst", "best"]].tolist() == [worst, best]


def test_what_cannot_be_scaled(panel):
    for targets in ({"a": (1, 1)}, {"a": (2, 1)}):
        with pytest.raises(OptionError):
            nq.composite.index(panel, {"a": "+"}, normalisation="target", targets=targets)
    with pytest.raises(OptionError):
        nq.composite.index(panel, {"b": "-"}, normalisation="target", targets={"b": (1, 2)})
    zero = panel.assign(a=lambda d: d["a"].where(np.arange(27) != 4, 0.0))
    with pytest.raises(DomainError, match="'a'") as error:
        nq.composite.index(zero, {"a": "+", "b": "+"}, normalisation="base-year", base_period=0)
    assert "'b'" not in str(error.value)
    still = panel.assign(a=lambda d: d["a"].where(d.index.get_level_values(1) != 2, 7.0))
    with pytest.raises(DomainError, match=r"\('a', 2\)"):
        nq.composite.index(still, {"a": "+"}, normalisation="min-max-by-period")


# -- weights --------------------------------------------------------------------------------------


def test_steps_of_the_schemes(panel):
    z = np.stack([panel.values(k) for k in "abc"], axis=2)
    flat = z.reshape(-1, 3)
    p = flat / flat.sum(axis=0)
    entropy = [-sum(v * np.log(v) for v in p[:, j]) / np.log(27) for j in range(3)]
    weights, steps = scheme_weights("entropy", z, list("abc"))
    np.testing.assert_allclose(steps["entropy"], entropy)
    np.testing.assert_allclose(steps["redundancy"], 1 - np.array(entropy))
    np.testing.assert_allclose(weights, (1 - np.array(entropy)) / (3 - sum(entropy)))
    corr = np.corrcoef(flat, rowvar=False)
    std = flat.std(axis=0, ddof=1)
    weights, steps = scheme_weights("critic", z, list("abc"))
    conflict = [sum(1 - corr[j, k] for k in range(3)) for j in range(3)]
    np.testing.assert_allclose(steps["std"], std)
    np.testing.assert_allclose(steps["conflict"], conflict)
    np.testing.assert_allclose(steps["information"], std * conflict)
    alone, steps = scheme_weights("critic", z[:, :, :1], ["a"])
    assert alone.tolist() == [1.0]
    assert steps["conflict"].tolist() == [1.0]
    weights, steps = scheme_weights("cv", z, list("abc"))
    np.testing.assert_allclose(steps["cv"], std / flat.mean(axis=0))
    _, steps = scheme_weights("pca", z, list("abc"))
    loading = steps["loading"].to_numpy()
    assert loading @ loading == pytest.approx(1)
    assert loading.sum() > 0
    np.testing.assert_allclose(corr @ loading, np.linalg.eigvalsh(corr)[-1] * loading)
    _, steps = scheme_weights("scatter", z, list("abc"))
    vector = steps["eigenvector"].to_numpy()
    assert (vector > 0).all()
    np.testing.assert_allclose(
        flat.T @ flat @ vector, np.linalg.eigvalsh(flat.T @ flat)[-1] * vector
    )
    for scheme in ("entropy", "cv", "scatter"):
        zero = z.copy()
        zero[0, 0, 0] = 0.0
        scheme_weights(scheme, zero, list("abc"))
        zero[0, 0, 0] = -1e-9
        with pytest.raises(DomainError):
            scheme_weights(scheme, zero, list("abc"))


def test_weights_at_two_levels_and_several_schemes(panel):
    """Inside of dimensions, of dimensions, and products; averaged over schemes."""
    deep = {"p": {"a": "+", "c": "+"}, "q": {"b": "-"}}
    singles = {
        s: nq.composite.index(panel, deep, weighting=s, across="equal") for s in ("entropy", "cv")
    }
    for s, result in singles.items():
        flat = nq.composite.index(panel, {"a": "+", "c": "+"}, weighting=s)
        table = result.indicators
        np.testing.assert_allclose(table["weight_inside"], [*flat.weights, 1.0])
        np.testing.assert_allclose(table["weight_of_dimension"], [0.5, 0.5, 0.5])
        np.testing.assert_allclose(table["weight"], [*(flat.weights / 2), 0.5])
        assert table["dimension"].tolist() == ["p", "p", "q"]
    combined_result = nq.composite.index(panel, deep, weighting=["entropy", "cv"], across="equal")
    inner = np.mean([first.indicators["weight_inside"] for first in singles.values()], axis=0)
    np.testing.assert_allclose(combined_result.indicators["weight_inside"], inner)
    np.testing.assert_allclose(combined_result.weights, inner / 2)
    z = combined_result.scaled.to_numpy()
    np.testing.assert_allclose(combined_result.scores, z @ (inner / 2))
    np.testing.assert_allclose(combined_result.dimensions["p"], z[:, :2] @ inner[:2])
    passed = nq.composite.index(
        panel, deep, weighting="given", indicator_weights={"a": 3, "c": 1, "b": 6}
    )
    np.testing.assert_allclose(passed.indicators["weight_inside"], [0.75, 0.25, 1])
    np.testing.assert_allclose(passed.indicators["weight_of_dimension"], [0.4, 0.4, 0.6])
    game = nq.composite.index(
        panel, deep, weighting=["entropy", "cv"], combine="game", across={"p": 1, "q": 3}
    )
    inner = {s: single.indicators["weight_inside"].to_numpy() for s, single in singles.items()}
    _, share = combined(inner, "game")
    mixed = share.to_numpy() @ np.array(
        [first.indicators["weight_inside"] for first in singles.values()]
    )
    mixed[:2] /= mixed[:2].sum()
    mixed[2] = 1
    np.testing.assert_allclose(game.indicators["weight_inside"], mixed)
    np.testing.assert_allclose(game.weights, mixed * [0.25, 0.25, 0.75])
    assert any("game" in note for note in game.notes)


def test_indicators_that_go_against_the_first_component_are_named():
    rng = np.random.default_rng(1)
    base = rng.normal(size=(20, 2))
    panel = panel_of(
        a=base + 0.1 * rng.normal(size=(20, 2)), b=base + 0.1 * rng.normal(size=(20, 2)), c=-base
    )
    against = nq.composite.index(panel, dict.fromkeys("abc", "+"), weighting="pca")
    assert against.notes == (
        "principal component: c have negative loadings on the first component, unlike the others",
    )
    along = nq.composite.index(panel, {"a": "+", "b": "+", "c": "-"}, weighting="pca")
    assert along.notes == ()


@pytest.mark.parametrize("shares", [{"a": -1, "b": 1}, {"a": 0, "b": 0}, {"a": 1}, None])
def test_given_weights_that_do_not_serve(panel, shares):
    with pytest.raises(OptionError):
        nq.composite.index(panel, {"a": "+", "b": "+"}, weighting="given", indicator_weights=shares)


def test_a_weight_of_zero_serves(panel):
    result = nq.composite.index(
        panel, {"a": "+", "b": "+"}, weighting="given", indicator_weights={"a": 0, "b": 2}
    )
    assert result.weights.tolist() == [0, 1]
    ranks = nq.composite.rank_intervals(result, period=0, draws=20)
    assert (ranks["rank_low"] == ranks["rank_high"]).all()
    # Left out one at a time: without a the same ranks; without b nothing has a weight.
    assert (ranks["without_best"] == ranks["rank"]).all()
    assert (ranks["without_worst"] == ranks["rank"]).all()


# -- scores ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("aggregation", ["additive", "geometric", "topsis"])
def test_scores_by_loops(panel, aggregation):
    w = np.array([0.5, 0.2, 0.3])
    result = nq.composite.index(
        panel, SIGNS, weighting="given", indicator_weights=dict(zip("abc", w, strict=True)),
        shift=0.05, aggregation=aggregation,
    )  # fmt: skip
    z = result.scaled.to_numpy()
    assert z.min() == pytest.approx(0.05)
    v = z * w
    for i in range(27):
        if aggregation == "additive":
            expected = sum(v[i])
        elif aggregation == "geometric":
            expected = np.prod(z[i] ** w)
        else:
            up, down = np.linalg.norm(v[i] - v.max(axis=0)), np.linalg.norm(v[i] - v.min(axis=0))
            expected = down / (up + down)
        assert result.scores.iloc[i] == pytest.approx(expected)
    if aggregation != "additive":
        with pytest.raises(OptionError):
            _ = result.contributions


def test_a_geometric_index_needs_positive_values(panel):
    with pytest.raises(DomainError):
        nq.composite.index(panel, SIGNS, aggregation="geometric", weighting="equal")


def test_obstacles_by_loops(panel):
    result = nq.composite.index(panel, SIGNS, weighting="equal")
    lacking = (1 - result.scaled.to_numpy()) / 3
    np.testing.assert_allclose(result.obstacles, lacking / lacking.sum(axis=1, keepdims=True))
    best = nq.composite.index(
        panel_of(a=[[0.0], [1]], b=[[0.0], [1]]), {"a": "+", "b": "+"}, weighting="equal"
    )
    assert best.obstacles.to_numpy().tolist() == [[0.5, 0.5], [0, 0]]
    for beyond in ({"normalisation": "z-score"}, {"shift": 0.1}):
        with pytest.raises(DomainError):
            _ = nq.composite.index(panel, SIGNS, weighting="equal", **beyond).obstacles


# -- ranks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.95, 0.5])
def test_intervals_of_ranks_by_the_same_draws(panel, level):
    result = nq.composite.index(panel, SIGNS)
    table = nq.composite.rank_intervals(
        result, period=1, draws=60, concentration=20, level=level, seed=4
    )
    w = result.weights.to_numpy()
    z = result.scaled.xs(1, level=1)
    sample = np.random.default_rng(4).dirichlet(20 * w, size=60)
    ranks = pd.DataFrame(z.to_numpy() @ sample.T, z.index).rank(ascending=False, method="min")
    for column, q in (("rank_low", (1 - level) / 2), ("rank_high", (1 + level) / 2)):
        np.testing.assert_allclose(table[column].sort_index(), ranks.quantile(q, axis=1))
    scores = z @ w
    np.testing.assert_allclose(table["score"].sort_index(), scores)
    assert table["rank"].is_monotonic_increasing
    np.testing.assert_array_equal(
        table["rank"].sort_index(), scores.rank(ascending=False, method="min")
    )
    without = pd.concat(
        [
            (z.drop(columns=name) @ (w[position] / w[position].sum())).rank(
                ascending=False, method="min"
            )
            for name, position in (("a", [1, 2]), ("b", [0, 2]), ("c", [0, 1]))
        ],
        axis=1,
    )
    np.testing.assert_array_equal(table["without_best"].sort_index(), without.min(axis=1))
    np.testing.assert_array_equal(table["without_worst"].sort_index(), without.max(axis=1))


def test_equal_scores_share_the_better_rank():
    panel = panel_of(a=[[3.0], [1], [3], [0]], b=[[3.0], [1], [3], [0]])
    result = nq.composite.rank_schemes(
        panel, {"a": "+", "b": "+"}, period=0, schemes=["equal", "cv"]
    )
    assert result["equal"].sort_index().tolist() == [1, 3, 1, 4]
    assert result["best"].tolist() == result["worst"].tolist() == [1, 1, 3, 4]


def test_bounds_of_rank_options(panel):
    result = nq.composite.index(panel, SIGNS)
    for bad in ({"draws": 0}, {"concentration": 0}, {"level": 0.0}, {"level": 1.0}):
        with pytest.raises(OptionError):
            nq.composite.rank_intervals(result, period=0, **bad)
    assert len(nq.composite.rank_intervals(result, period=0, draws=1)) == 9
    with pytest.raises(OptionError):
        nq.composite.rank_intervals(nq.composite.index(panel, {"a": "+"}), period=0)
    with pytest.raises(PanelError):
        nq.composite.rank_schemes(panel, SIGNS, period=3)


def test_best_and_worst_scheme(panel):
    result = nq.composite.rank_schemes(panel, SIGNS, period=2)
    schemes = result.drop(columns=["best", "worst"])
    assert schemes.shape[1] == 6
    np.testing.assert_array_equal(result["best"], schemes.min(axis=1))
    np.testing.assert_array_equal(result["worst"], schemes.max(axis=1))
    assert schemes.mean(axis=1).is_monotonic_increasing


# -- coupling -------------------------------------------------------------------------------------


@pytest.mark.parametrize("corrected", [True, False])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_coupling_of_any_number_of_systems(corrected, count):
    rng = np.random.default_rng(count)
    u = rng.random((15, 2, count))
    names = list("abcd")[:count]
    panel = panel_of(**{name: u[:, :, position] for position, name in enumerate(names)})
    weights = rng.random(count)
    result = nq.composite.coupling(
        panel, names, corrected=corrected, system_weights=weights, tolerance=0.3
    ).frame
    for row, x in zip(result.itertuples(), u.reshape(-1, count), strict=True):
        if corrected:
            pairs = [abs(x[i] - x[j]) for i in range(count) for j in range(i)]
            share = np.prod(x / x.max()) ** (1 / (count - 1))
            c = np.sqrt((1 - np.mean(pairs)) * share)
        else:
            c = count * np.prod(x) ** (1 / count) / x.sum()
        t = (weights * x).sum() / weights.sum()
        assert row.coupling == pytest.approx(c)
        assert row.development == pytest.approx(t)
        assert row.coordination == pytest.approx(np.sqrt(c * t))
        even = np.ptp(x) <= 0.3 * x.max()
        assert row.lagging == names[x.argmin()] if not even else pd.isna(row.lagging)


def test_systems_at_zero_and_at_one():
    panel = panel_of(a=[[0.0], [1.0], [0.0]], b=[[0.0], [1.0], [1.0]])
    for corrected in (True, False):
        result = nq.composite.coupling(panel, ["a", "b"], corrected=corrected).frame
        assert result["coupling"].tolist() == [0, 1, 0]
        assert result["coordination"].tolist() == [0, 1, 0]
    assert result["lagging"].fillna("").tolist() == ["", "", "a"]
    for low, high in ((-0.01, 0.5), (0.5, 1.01)):
        with pytest.raises(DomainError):
            nq.composite.coupling(panel_of(a=[[low]], b=[[high]]), ["a", "b"])


def test_systems_at_the_tolerance_are_balanced():
    panel = panel_of(a=[[0.75], [0.75]], b=[[1.0], [0.5]])
    result = nq.composite.coupling(panel, ["a", "b"], tolerance=0.25).frame
    assert result["lagging"].fillna("").tolist() == ["", "b"]


def test_options_of_coupling():
    panel = panel_of(a=[[0.2]], b=[[0.4]])
    for bad in (
        {"system_weights": [[1, 2]]}, {"system_weights": [1, np.nan]},
        {"cuts": [0.5, np.inf], "grades": ["low", "middle", "high"]},
        {"system_weights": [1]}, {"system_weights": [0, 0]}, {"system_weights": [-1, 2]},
        {"cuts": [0.5, 0.5]},
        {"cuts": [0.5]}, {"cuts": [0.3, 0.6], "grades": ["low", "high"]},
    ):  # fmt: skip
        with pytest.raises(OptionError):
            nq.composite.coupling(panel, ["a", "b"], **bad)
    zero = nq.composite.coupling(panel, ["a", "b"], system_weights=[0, 1]).frame
    assert zero["development"].iloc[0] == 0.4
    for systems in (["a"], ["a", "a"]):
        with pytest.raises(OptionError):
            nq.composite.coupling(panel, systems)
