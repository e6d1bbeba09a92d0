"""Composite indices: by hand, by definition, and how they behave; coupling; errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nqp_spatial as nq
from nqp_spatial.composite._weighting import combined, scheme_weights
from nqp_spatial.errors import (
    DomainError,
    MissingValuesError,
    OptionError,
    PanelError,
    UnknownColumnError,
)

UP = {"a": "+", "b": "-", "c": "+"}


def panel_of(**columns):
    n, t = np.shape(next(iter(columns.values())))
    ids = {"id": np.repeat(np.arange(n), t), "t": np.tile(np.arange(t), n)}
    long = {name: np.ravel(np.asarray(values, dtype=float)) for name, values in columns.items()}
    return nq.SpatialPanel(pd.DataFrame(ids | long), unit="id", period="t")


@pytest.fixture
def random_panel():
    rng = np.random.default_rng(0)
    return panel_of(
        a=rng.lognormal(size=(30, 4)), b=rng.normal(size=(30, 4)), c=rng.random((30, 4))
    )


def test_entropy_weights_by_hand():
    """Two units, two periods; x rises 0, 1, 2, 4 and y falls from 10 to 0, less is better."""
    panel = panel_of(x=[[0, 1], [2, 4]], y=[[10, 0], [5, 5]])
    result = nq.composite.index(panel, {"x": "+", "y": "-"})
    # Scaled: x 0, 1/4, 1/2, 1; y 0, 1, 1/2, 1/2.
    np.testing.assert_allclose(result.scaled["x"], [0, 0.25, 0.5, 1])
    np.testing.assert_allclose(result.scaled["y"], [0, 1, 0.5, 0.5])
    # p: x 0, 1/7, 2/7, 4/7; y 0, 1/2, 1/4, 1/4. N = 4.
    e_x = -(np.log(1 / 7) / 7 + 2 * np.log(2 / 7) / 7 + 4 * np.log(4 / 7) / 7) / np.log(4)
    e_y = (0.5 * np.log(2) + 0.5 * np.log(4)) / np.log(4)
    assert e_y == pytest.approx(0.75)
    assert e_x == pytest.approx(0.689392, abs=1e-6)
    table = result.indicators
    np.testing.assert_allclose(table["entropy"], [e_x, e_y], rtol=1e-14)
    np.testing.assert_allclose(table["redundancy"], [1 - e_x, 1 - e_y], rtol=1e-13)
    w = (1 - e_x) / (2 - e_x - e_y)
    np.testing.assert_allclose(result.weights, [w, 1 - w], rtol=1e-13)
    np.testing.assert_allclose(
        result.scores, [0, 0.25 * w + 1 - w, 0.5, w + 0.5 * (1 - w)], rtol=1e-13
    )
    assert table.loc["x", ["min", "max"]].tolist() == [0, 4]
    assert table["direction"].tolist() == ["+", "-"]


def test_the_other_weightings_by_definition(random_panel):
    z = np.stack([random_panel.values(k) for k in "abc"], axis=2)
    z = (z - z.min(axis=(0, 1))) / (z.max(axis=(0, 1)) - z.min(axis=(0, 1)))
    flat, names = z.reshape(-1, 3), list("abc")
    corr = pd.DataFrame(flat).corr().to_numpy()
    std = flat.std(axis=0, ddof=1)
    raw = {
        "critic": [std[j] * sum(1 - corr[j, k] for k in range(3)) for j in range(3)],
        "cv": std / flat.mean(axis=0),
        "equal": [1, 1, 1],
    }
    values, vectors = np.linalg.eig(corr)
    raw["pca"] = np.real(vectors[:, np.argmax(values)]) ** 2
    # The power iteration on sum_t Z_t'Z_t, period by period.
    gram, v = sum(z[:, t].T @ z[:, t] for t in range(4)), np.ones(3)
    for _ in range(500):
        v = gram @ v / np.linalg.norm(gram @ v)
    raw["scatter"] = v
    for scheme, expected in raw.items():
        weights, _ = scheme_weights(scheme, z, names)
        np.testing.assert_allclose(weights, np.array(expected) / np.sum(expected), rtol=1e-10)


def test_scatter_weights_spread_the_scores_most(random_panel):
    """No other weights of the same length give scores with a larger sum of squares (Guo 2002)."""
    result = nq.composite.index(random_panel, UP, weighting="scatter")
    z, w = result.scaled.to_numpy(), result.weights.to_numpy()
    most = ((z @ w) ** 2).sum() / (w @ w)
    for other in np.random.default_rng(1).random((200, 3)):
        assert ((z @ other) ** 2).sum() / (other @ other) <= most + 1e-12


def test_combined_weights():
    first, other = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.2, 0.6])
    mean, _ = combined({"a": first, "b": other}, "mean")
    np.testing.assert_allclose(mean, (first + other) / 2)
    game, share = combined({"a": first, "b": other}, "game")
    # The stationary point of |a_1 w_1 + a_2 w_2 - w_k|^2 added over k, normalised.
    g = np.array([[first @ first, first @ other], [other @ first, other @ other]])
    alpha = np.linalg.solve(g, np.diag(g))
    np.testing.assert_allclose(share, np.abs(alpha) / np.abs(alpha).sum())
    assert game.sum() == pytest.approx(1)


def test_two_levels_of_weights(random_panel):
    deep = {"new": {"a": "+", "c": "+"}, "quality": {"b": "-"}}
    result = nq.composite.index(random_panel, deep, across="equal")
    flat = nq.composite.index(random_panel, {"a": "+", "c": "+"})
    np.testing.assert_allclose(result.weights["new"], flat.weights / 2)
    np.testing.assert_allclose(result.dimensions["new"], flat.scores)
    np.testing.assert_allclose(result.scores, result.dimensions.mean(axis=1))
    mine = nq.composite.index(random_panel, deep, across={"new": 3, "quality": 1})
    assert mine.weights.groupby(level="dimension").sum().to_dict() == pytest.approx(
        {"new": 0.75, "quality": 0.25}
    )
    same = nq.composite.index(random_panel, deep)
    # By the entropy of the dimensions' own scores.
    scores = same.dimensions.to_numpy().reshape(30, 4, 2)
    of_dimension, _ = scheme_weights("entropy", scores, ["new", "quality"])
    np.testing.assert_allclose(same.weights.groupby(level=0).sum(), of_dimension)


def test_aggregations_by_definition(random_panel):
    options = {"weighting": "given", "indicator_weights": {"a": 0.5, "b": 0.3, "c": 0.2}}
    w = np.array([0.5, 0.3, 0.2])
    geometric = nq.composite.index(random_panel, UP, aggregation="geometric", shift=0.01, **options)
    np.testing.assert_allclose(geometric.scores, np.prod(geometric.scaled**w, axis=1))
    topsis = nq.composite.index(random_panel, UP, aggregation="topsis", **options)
    v = topsis.scaled.to_numpy() * w
    up, down = np.sqrt(((v - w) ** 2).sum(axis=1)), np.sqrt((v**2).sum(axis=1))
    np.testing.assert_allclose(topsis.scores, down / (up + down))
    additive = nq.composite.index(random_panel, UP, **options)
    np.testing.assert_allclose(additive.contributions.sum(axis=1), additive.scores)
    obstacles = additive.obstacles
    np.testing.assert_allclose(obstacles.sum(axis=1), 1)
    lacking = w * (1 - additive.scaled.iloc[7])
    np.testing.assert_allclose(obstacles.iloc[7], lacking / lacking.sum())
    with pytest.raises(OptionError, match="contributions add up in an additive index"):
        _ = topsis.contributions


@settings(max_examples=25)
@given(st.integers(0, 29), st.integers(0, 3), st.floats(0.01, 5))
def test_more_of_a_good_thing_never_lowers_the_own_score(unit, period, more):
    """Under fixed weights and targets, with every aggregation."""
    rng = np.random.default_rng(0)
    a, b = rng.random((30, 4)), rng.random((30, 4))
    better = a.copy()
    better[unit, period] += more
    options = {
        "normalisation": "target",
        "targets": {"a": (-1.0, 6.0), "b": (1.1, -0.1)},
        "weighting": "given",
        "indicator_weights": {"a": 1, "b": 1},
    }
    for aggregation in ("additive", "geometric"):
        before, after = (
            nq.composite.index(
                panel_of(a=subset, b=b), {"a": "+", "b": "-"}, aggregation=aggregation, **options
            ).scores
            for subset in (a, better)
        )
        assert after[unit, period] > before[unit, period]
        others = after.index.drop((unit, period))
        np.testing.assert_array_equal(after[others], before[others])


def test_normalisations(random_panel):
    a, b = random_panel.values("a"), random_panel.values("b")
    by_period = nq.composite.index(random_panel, UP, normalisation="min-max-by-period").scaled
    wide = by_period["a"].unstack()
    assert (wide.min() == 0).all()
    assert (wide.max() == 1).all()
    z = nq.composite.index(random_panel, UP, normalisation="z-score", weighting="equal").scaled
    np.testing.assert_allclose(z["b"], -(b - b.mean()).ravel() / b.std())
    ratio = nq.composite.index(
        random_panel,
        {"a": "+", "c": "-"},
        normalisation="base-year",
        base_period=1,
        weighting="equal",
    ).scaled
    np.testing.assert_allclose(ratio["a"], (a / a[:, 1].mean()).ravel())
    assert nq.composite.index(random_panel, UP).spec["shift"] is None
    with pytest.raises(DomainError, match="weighting 'entropy' needs values that are not negative"):
        nq.composite.index(random_panel, UP, normalisation="z-score")


def test_a_shift_changes_entropy_weights_only_when_asked(random_panel):
    plain, shifted = (
        nq.composite.index(random_panel, UP),
        nq.composite.index(random_panel, UP, shift=0.01),
    )
    assert not np.allclose(plain.weights, shifted.weights, rtol=1e-3)
    assert shifted.spec["shift"] == 0.01


def test_rank_intervals(random_panel):
    result = nq.composite.index(random_panel, UP)
    table = nq.composite.rank_intervals(result, period=3, draws=400)
    assert table["rank"].tolist() == list(range(1, 31))
    assert (table["rank_low"] <= table["rank"]).all()
    assert (table["rank"] <= table["rank_high"]).all()
    # Almost no spread of weights, almost no spread of ranks.
    narrow = nq.composite.rank_intervals(result, period=3, concentration=1e7)
    assert ((narrow["rank_high"] - narrow["rank_low"]) <= 1).all()
    # One indicator left out, by hand.
    scores = result.scaled.xs(3, level=1)
    w = result.weights
    ranks = [
        (scores[subset] @ w[subset]).rank(ascending=False)
        for subset in (["b", "c"], ["a", "c"], ["a", "b"])
    ]
    best = pd.concat(ranks, axis=1).min(axis=1)
    np.testing.assert_array_equal(table["without_best"].sort_index(), best)


def test_rank_schemes_and_contributions_of_dimensions(random_panel):
    result = nq.composite.rank_schemes(random_panel, UP, period=2, schemes=["entropy", "equal"])
    for scheme in ("entropy", "equal"):
        scores = nq.composite.index(random_panel, UP, weighting=scheme).scores.xs(2, level=1)
        expected = scores.rank(ascending=False).reindex(result.index)
        np.testing.assert_array_equal(result[scheme], expected)
    assert (result["best"] == result[["entropy", "equal"]].min(axis=1)).all()
    deep = nq.composite.index(
        random_panel, {"p": {"a": "+", "c": "+"}, "q": {"b": "-"}}, across="equal"
    )
    added = deep.contributions.T.groupby(level="dimension").sum().T
    np.testing.assert_allclose(added, deep.dimensions / 2)
    with pytest.raises(PanelError, match="no period 'x'"):
        nq.composite.rank_schemes(random_panel, UP, period="x")


# -- coupling --------------------------------------------------------------------------------------


def test_coupling_by_definition():
    rng = np.random.default_rng(0)
    u = rng.random((20, 1, 3))
    panel = panel_of(a=u[:, :, 0], b=u[:, :, 1], c=u[:, :, 2])
    new = nq.composite.coupling(panel, ["a", "b", "c"]).frame
    old = nq.composite.coupling(
        panel, ["a", "b", "c"], corrected=False, system_weights=[2, 1, 1]
    ).frame
    for i, (a, b, c) in enumerate(u[:, 0]):
        pairs = abs(a - b) + abs(a - c) + abs(b - c)
        top = max(a, b, c)
        corrected = np.sqrt((1 - pairs / 3) * np.sqrt(a * b * c / top**3))
        assert new["coupling"].iloc[i] == pytest.approx(corrected, abs=1e-14)
        classical = 3 * (a * b * c) ** (1 / 3) / (a + b + c)
        assert old["coupling"].iloc[i] == pytest.approx(classical, abs=1e-14)
        t = (2 * a + b + c) / 4
        assert old["coordination"].iloc[i] == pytest.approx(np.sqrt(classical * t))


def test_the_published_pair_has_a_solution():
    """Wang et al. (2021): a pair with C = 0.9989 has 0.9404 after the correction.

    The classical C of two systems fixes their ratio, the corrected one then their levels.
    """
    root = (1 - np.sqrt(1 - 0.9989**2)) / 0.9989  # of 2 s / (1 + s^2) = C, s^2 the ratio
    ratio = root**2
    apart = 1 - 0.9404**2 / ratio
    high = apart / (1 - ratio)
    assert 0 < high < 1
    panel = panel_of(a=[[high]], b=[[ratio * high]])
    new = nq.composite.coupling(panel, ["a", "b"]).frame["coupling"].iloc[0]
    old = nq.composite.coupling(panel, ["a", "b"], corrected=False).frame["coupling"].iloc[0]
    assert (round(old, 4), round(new, 4)) == (0.9989, 0.9404)


levels = st.floats(0.001, 1)


@settings(max_examples=100)
@given(st.lists(levels, min_size=2, max_size=5), levels)
def test_range_and_monotony_of_the_corrected_form(u, more):
    """In [0, 1], one where all are equal; of two systems no higher than the classical form (of
    more it may be: 0.344 against 0.333 at 0.5, 0.5, 0.5, 0.002); grows with the last."""

    def c(values, corrected=True):
        panel = panel_of(**{f"s{k}": [[v]] for k, v in enumerate(values)})
        names = [f"s{k}" for k in range(len(values))]
        return nq.composite.coupling(panel, names, corrected=corrected).frame["coupling"].iloc[0]

    result = c(u)
    assert 0 <= result <= 1
    assert len(u) > 2 or result <= c(u, corrected=False) + 1e-12
    assert c([u[0]] * len(u)) == pytest.approx(1)
    # The lagging system moves up, at most to the next.
    order = np.argsort(u)
    better = list(u)
    better[order[0]] += more * (u[order[1]] - u[order[0]])
    assert c(better) >= result - 1e-12


def test_grades_and_types():
    panel = panel_of(a=[[0.0, 0.25], [1.0, 0.81]], b=[[0.0, 0.25], [1.0, 0.3]])
    frame = nq.composite.coupling(panel, ["a", "b"]).frame
    # D = 0, 0.5 (the bound belongs to the grade above), 1.
    assert frame["grade"].tolist()[:3] == [
        "extreme disorder", "bare coordination", "superior coordination",
    ]  # fmt: skip
    assert frame["lagging"].fillna("").tolist() == ["", "", "", "b"]
    assert frame["grade"].cat.ordered
    separate = nq.composite.coupling(panel, ["a", "b"], cuts=[0.4], grades=["low", "high"]).frame
    assert separate["grade"].tolist() == ["low", "high", "high", "high"]


# -- errors ----------------------------------------------------------------------------------------


def test_errors(random_panel):
    with pytest.raises(DomainError, match="indicators are constant and carry no information: 'k'"):
        nq.composite.index(random_panel.assign(k=1.0), {"a": "+", "k": "+"})
    with pytest.raises(OptionError, match="direction of an indicator is"):
        nq.composite.index(random_panel, {"a": "positive"})
    with pytest.raises(UnknownColumnError, match="zz"):
        nq.composite.index(random_panel, {"a": "+", "zz": "-"})
    holes = random_panel.assign(a=lambda d: d["a"].where(d["a"].rank() > 2))
    with pytest.raises(MissingValuesError, match="'a'"):
        nq.composite.index(holes, UP)
    with pytest.raises(OptionError, match="weighting must be one of entropy"):
        nq.composite.index(random_panel, UP, weighting="entropi")
    with pytest.raises(OptionError, match="wanted a weight for each of"):
        nq.composite.index(random_panel, UP, weighting="given", indicator_weights={"a": 1})
    with pytest.raises(DomainError, match="needs positive scaled values"):
        nq.composite.index(random_panel, UP, aggregation="geometric")
    with pytest.raises(PanelError, match="several dimensions: 'a'"):
        nq.composite.index(random_panel, {"p": {"a": "+"}, "q": {"a": "+"}})
    with pytest.raises(OptionError, match="all be in dimensions, or none"):
        nq.composite.index(random_panel, {"p": {"a": "+"}, "b": "+"})
    with pytest.raises(DomainError, match=r"systems must lie in \[0, 1\]; not so: 'a'"):
        nq.composite.coupling(random_panel, ["a", "c"])
    with pytest.raises(OptionError, match="two or more different columns"):
        nq.composite.coupling(random_panel, ["c"])
    with pytest.raises(PanelError, match="no period 9"):
        nq.composite.rank_intervals(nq.composite.index(random_panel, UP), period=9)
