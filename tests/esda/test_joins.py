"""Join counts against enumeration, esda, and permutations of units."""

from __future__ import annotations

from importlib import import_module
from itertools import combinations_with_replacement, permutations

import esda
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import nqp_spatial as nq
from nqp_spatial.errors import DomainError, MissingValuesError, OptionError, PanelError
from tests.esda.panels import orders_of, ring, weights_of
from tests.parity import agree


def panel_of_kinds(values, **columns):
    frame = pd.DataFrame({"id": range(len(values)), "kind": values, **columns})
    return nq.SpatialPanel(frame, unit="id")


def links_of(matrix):
    return nq.weights.from_dense(matrix, range(len(matrix)), standardize="none", islands="keep")


def by_hand(matrix, values, r, s):
    n = len(values)
    return (
        sum(
            matrix[i, j] * ((values[i], values[j]) in {(r, s), (s, r)})
            for i in range(n)
            for j in range(n)
        )
        / 2
    )


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("values", ["aaabbcc", "aaaabbb", "aaaaaab"])
def test_counts_and_moments_are_those_of_all_relocations(values, symmetric):
    rng = np.random.default_rng(3)
    matrix = (rng.random((7, 7)) < 0.45).astype(float)
    np.fill_diagonal(matrix, 0)
    if symmetric:
        matrix = np.maximum(matrix, matrix.T)
    result = nq.esda.join_counts(
        panel_of_kinds(list(values)), "kind", links_of(matrix), permutations=0
    )
    names = sorted(set(values))
    every = [list(kinds) for kinds in set(permutations(values))]
    for pair in combinations_with_replacement(names, 2):
        counts = [by_hand(matrix, kinds, *pair) for kinds in every]
        row = result.frame.loc[pair]
        assert row["joins"] == pytest.approx(by_hand(matrix, list(values), *pair))
        assert row["expected"] == pytest.approx(np.mean(counts))
        assert row["std_dev"] == pytest.approx(np.std(counts), abs=1e-12)
    same = [sum(by_hand(matrix, kinds, r, r) for r in names) for kinds in every]
    assert result.frame.loc[("same", ""), "expected"] == pytest.approx(np.mean(same))
    assert result.frame.loc[("same", ""), "std_dev"] == pytest.approx(np.std(same))
    total = result.frame.loc[[("same", ""), ("different", "")], "joins"].sum()
    assert total == pytest.approx(matrix.sum() / 2)


@pytest.mark.parity
def test_counts_are_esdas(states):

    panel, w = states
    panel = panel.select(periods=[panel.periods[0]])
    column = panel.frame.columns[0]
    panel = panel.assign(rich=lambda d: (d[column] > d[column].median()).astype(int))
    theirs = esda.Join_Counts(
        panel.frame["rich"].to_numpy(), w.standardize("none").to_W(), permutations=0
    )
    # Row-standardised weights give the same counts: what counts is who is a neighbour.
    ours = nq.esda.join_counts(panel, "rich", w, permutations=0).frame["joins"]
    agree(
        "Join counts", [ours[0, 0], ours[0, 1], ours[1, 1]], [theirs.ww, theirs.bw, theirs.bb],
        program="esda", data="US states, 1970",
    )  # fmt: skip


def test_permutations():
    """A checkerboard has fewer same-coloured joins than chance; halves have more."""
    side = 6
    place = np.arange(side**2)
    x, y = place % side, place // side
    rook = (abs(x[:, None] - x) + abs(y[:, None] - y) == 1).astype(float)
    w = links_of(rook)
    board = panel_of_kinds(np.where((x + y) % 2, "dark", "light"))
    halves = panel_of_kinds(np.where(x < 3, "dark", "light"))
    for panel, same in ((board, 0), (halves, 54)):
        result = nq.esda.join_counts(panel, "kind", w, permutations=999, seed=1)
        assert result.frame.loc[("same", ""), "joins"] == same
        assert result.frame.loc[("same", ""), "p_value"] == 0.002
        assert result.frame.loc[("same", ""), "p_normal"] < 1e-4
    greater = nq.esda.join_counts(board, "kind", w, seed=1, alternative="greater")
    assert greater.frame.loc[("same", ""), "p_value"] == 1.0
    again = nq.esda.join_counts(halves, "kind", w, permutations=999, seed=1)
    pd.testing.assert_frame_equal(again.frame, result.frame)
    assert "999 permutations" in repr(result)
    assert "<table" in result._repr_html_()


def test_drawn_moments_agree_with_the_exact_ones():
    """Under random labels the permutation p-value is uniform, so its size is right."""
    rng = np.random.default_rng(0)
    matrix = np.triu(rng.random((30, 30)) < 0.15, 1)
    w = links_of((matrix + matrix.T).astype(float))
    p = [
        nq.esda.join_counts(
            panel_of_kinds(rng.permutation(list("a" * 12 + "b" * 10 + "c" * 8))),
            "kind",
            w,
            permutations=199,
            seed=seed,
        ).frame.loc[("same", ""), "p_value"]
        for seed in range(200)
    ]
    assert 0.01 <= np.mean(np.array(p) <= 0.05) <= 0.10


def test_errors():
    w = links_of(np.ones((5, 5)) - np.eye(5))
    with pytest.raises(DomainError, match="need 2 to 20 categories, 'kind' has 1"):
        nq.esda.join_counts(panel_of_kinds(["a"] * 5), "kind", w)
    with pytest.raises(MissingValuesError, match=r"no value in .* for units 3"):
        nq.esda.join_counts(panel_of_kinds(["a", "b", "a", None, "b"]), "kind", w)
    with pytest.raises(OptionError, match="permutations"):
        nq.esda.join_counts(panel_of_kinds(list("ababa")), "kind", w, permutations=-1)
    frame = pd.DataFrame({"id": [0, 1] * 2, "t": [1, 1, 2, 2], "kind": list("abab")})
    panel = nq.SpatialPanel(frame, unit="id", period="t")
    with pytest.raises(PanelError, match="2 periods: name one, as in period=2"):
        nq.esda.join_counts(panel, "kind", links_of(np.ones((2, 2)) - np.eye(2)))


def test_p_values_of_joins_by_loops():
    rng = np.random.default_rng(11)
    matrix = (rng.random((14, 14)) < 0.3).astype(float)
    np.fill_diagonal(matrix, 0)
    kinds = np.array(list("aaaabbbbbccccc"))
    frame = pd.DataFrame({"id": range(14), "kind": kinds})
    panel = nq.SpatialPanel(frame, unit="id")
    joins = (matrix + matrix.T) / 2
    pairs = [("a", "a"), ("a", "b"), ("a", "c"), ("b", "b"), ("b", "c"), ("c", "c")]

    def counts(of):
        rows = [
            sum(joins[i, j] for i in range(14) for j in range(i) if {of[i], of[j]} == set(pair))
            for pair in pairs
        ]
        same = sum(row for row, (a, b) in zip(rows, pairs, strict=True) if a == b)
        return np.array([*rows, same, sum(rows) - same])

    observed = counts(kinds)
    codes = np.searchsorted(list("abc"), kinds)
    draws = codes[orders_of(14, 30, 5)]
    relocated = np.array([counts(np.array(list("abc"))[row]) for row in draws])
    above = (relocated >= observed - 1e-9).sum(axis=0)
    below = (relocated <= observed + 1e-9).sum(axis=0)
    for alternative, p in (
        ("greater", (1 + above) / 31),
        ("directed", (1 + np.minimum(above, below)) / 31),
        ("two-sided", np.minimum(1, 2 * (1 + np.minimum(above, below)) / 31)),
    ):
        result = nq.esda.join_counts(
            panel, "kind", weights_of(matrix, "keep"), permutations=30, seed=5,
            alternative=alternative,
        )  # fmt: skip
        np.testing.assert_allclose(result.frame["joins"], observed)
        np.testing.assert_allclose(result.frame["p_value"], p)
        score = (result.frame["joins"] - result.frame["expected"]) / result.frame["std_dev"]
        np.testing.assert_allclose(result.frame["z"], score)
        np.testing.assert_allclose(result.frame["p_normal"], 2 * stats.norm.cdf(-score.abs()))
    assert result.sizes.to_dict() == {"a": 4, "b": 5, "c": 5}
    none = nq.esda.join_counts(panel, "kind", weights_of(matrix, "keep"), permutations=0)
    pd.testing.assert_series_equal(none.frame["p_value"], none.frame["p_normal"], check_names=False)


def test_two_to_twenty_categories():
    w = weights_of(ring(42))
    for count in (1, 2, 20, 21):
        frame = pd.DataFrame({"id": range(42), "kind": np.resize(np.arange(count), 42)})
        panel = nq.SpatialPanel(frame, unit="id")
        if count in (2, 20):
            result = nq.esda.join_counts(panel, "kind", w, permutations=0)
            assert len(result.frame) == count * (count + 1) / 2 + 2
        else:
            with pytest.raises(DomainError, match="2 to 20 categories"):
                nq.esda.join_counts(panel, "kind", w, permutations=0)


def test_joins_of_the_period_that_is_named():
    kinds = np.array([["a", "b"], ["b", "b"], ["a", "a"], ["b", "a"]])
    frame = pd.DataFrame(
        {"id": np.repeat(range(4), 2), "t": np.tile([1, 2], 4), "kind": kinds.ravel()}
    )
    panel = nq.SpatialPanel(frame, unit="id", period="t")
    for period, different in ((1, 4), (2, 2)):
        result = nq.esda.join_counts(
            panel, "kind", weights_of(ring(4) + ring(4).T), period=period, permutations=0
        )
        assert result.frame.loc[("different", ""), "joins"] == different


def test_categories_are_of_one_kind():
    from nqp_spatial.errors import NqpError

    w = weights_of(ring(4))
    for kinds, ok in (
        ([1, 2.5, 1, 2.5], True),
        ([True, False, 1, 0], True),
        (["a", 1, 1, "a"], False),
    ):
        frame = pd.DataFrame({"id": range(4), "kind": pd.Series(kinds, dtype=object)})
        panel = nq.SpatialPanel(frame, unit="id")
        if ok:
            nq.esda.join_counts(panel, "kind", w, permutations=0)
        else:
            with pytest.raises(NqpError):
                nq.esda.join_counts(panel, "kind", w, permutations=0)


def test_spread_of_many_joins():
    """Millions of joins: the exact deviation beside that of random labels."""
    from scipy import sparse

    joins_module = import_module("nqp_spatial.esda.joins")
    rng = np.random.default_rng(12)
    n = 3200
    upper = np.triu(rng.random((n, n)) < 0.5, 1)
    joins = sparse.csr_array((upper | upper.T).astype(float))
    sizes = np.array([n // 3, n - n // 3])
    result = joins_module._moments(joins, sizes, [(0, 0), (0, 1), (1, 1)])
    codes = rng.permuted(np.tile(np.repeat([0, 1], sizes), (200, 1)), axis=1).T == 1
    draws = (codes * (joins @ codes.astype(float))).sum(axis=0) / 2
    assert result["expected"][2] == pytest.approx(draws.mean(), rel=1e-3)
    assert result["std_dev"][2] == pytest.approx(draws.std(), rel=0.2)


def test_categories_of_zero_and_one_have_no_decimals():
    panel = nq.datasets.us_income().select(periods=[2009])
    w = nq.weights.contiguity(panel)
    panel = panel.assign(rich=lambda d: (d["relative_income"] > 1).astype(float))
    result = nq.esda.join_counts(panel, "rich", w, permutations=0)
    assert list(map(str, result.sizes.index)) == ["0", "1"]
    labelled = panel.assign(labels={"rich=1": "rich", "rich=0": "poor"})
    again = nq.esda.join_counts(labelled, "rich", w, permutations=0)
    assert list(again.sizes.index) == ["poor", "rich"]
    assert again.frame["joins"].tolist() == result.frame["joins"].tolist()
    names = [text.get_text() for text in nq.plots.join_counts(again).get_yticklabels()]
    assert names[:3] == ["poor – poor", "poor – rich", "rich – rich"]
