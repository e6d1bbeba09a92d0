"""Join counts against enumeration, esda, and permutations of units."""

from __future__ import annotations

from itertools import combinations_with_replacement, permutations

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import DomainError, MissingValuesError, OptionError, PanelError


def panel_of(values, **columns):
    frame = pd.DataFrame({"id": range(len(values)), "kind": values, **columns})
    return nq.SpatialPanel(frame, unit="id")


def weights_of(matrix):
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
    result = nq.esda.join_counts(panel_of(list(values)), "kind", weights_of(matrix), permutations=0)
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


def test_counts_are_esdas(states):
    import esda

    panel, w = states
    panel = panel.select(periods=[panel.periods[0]])
    column = panel.frame.columns[0]
    panel = panel.assign(rich=lambda d: (d[column] > d[column].median()).astype(int))
    theirs = esda.Join_Counts(
        panel.frame["rich"].to_numpy(), w.standardize("none").to_W(), permutations=0
    )
    # Row-standardised weights give the same counts: what counts is who is a neighbour.
    ours = nq.esda.join_counts(panel, "rich", w, permutations=0).frame["joins"]
    assert [ours[0, 0], ours[0, 1], ours[1, 1]] == [theirs.ww, theirs.bw, theirs.bb]


def test_permutations():
    """A checkerboard has fewer same-coloured joins than chance; halves have more."""
    side = 6
    place = np.arange(side**2)
    x, y = place % side, place // side
    rook = (abs(x[:, None] - x) + abs(y[:, None] - y) == 1).astype(float)
    w = weights_of(rook)
    board = panel_of(np.where((x + y) % 2, "dark", "light"))
    halves = panel_of(np.where(x < 3, "dark", "light"))
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
    w = weights_of((matrix + matrix.T).astype(float))
    p = [
        nq.esda.join_counts(
            panel_of(rng.permutation(list("a" * 12 + "b" * 10 + "c" * 8))),
            "kind",
            w,
            permutations=199,
            seed=seed,
        ).frame.loc[("same", ""), "p_value"]
        for seed in range(200)
    ]
    assert 0.01 <= np.mean(np.array(p) <= 0.05) <= 0.10


def test_errors():
    w = weights_of(np.ones((5, 5)) - np.eye(5))
    with pytest.raises(DomainError, match="need 2 to 20 categories, 'kind' has 1"):
        nq.esda.join_counts(panel_of(["a"] * 5), "kind", w)
    with pytest.raises(MissingValuesError, match=r"no value in .* for units 3"):
        nq.esda.join_counts(panel_of(["a", "b", "a", None, "b"]), "kind", w)
    with pytest.raises(OptionError, match="permutations"):
        nq.esda.join_counts(panel_of(list("ababa")), "kind", w, permutations=-1)
    frame = pd.DataFrame({"id": [0, 1] * 2, "t": [1, 1, 2, 2], "kind": list("abab")})
    panel = nq.SpatialPanel(frame, unit="id", period="t")
    with pytest.raises(PanelError, match="2 periods: name one, as in period=2"):
        nq.esda.join_counts(panel, "kind", weights_of(np.ones((2, 2)) - np.eye(2)))
