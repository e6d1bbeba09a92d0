"""Diversity by hand and by loops."""

from __future__ import annotations

import numpy as np
import pytest

import nqp_spatial as nq
from nqp_spatial.errors import DomainError, OptionError
from tests.structure.panels import panel_of, panel_of_columns


def test_diversity():
    panel = panel_of_columns(a=[[2], [4], [0]], b=[[2], [0], [3]], c=[[0], [0], [3]])
    result = nq.structure.diversity(panel, list("abc"))
    np.testing.assert_allclose(result["shannon"], [np.log(2), 0, np.log(2)])
    np.testing.assert_allclose(result["simpson"], [0.5, 0, 0.5])
    # Shares by unit: a (1/2, 1, 0), b (1/2, 0, 1/2), c (0, 0, 1/2).
    a, b, c = np.array([0.5, 1, 0]), np.array([0.5, 0, 0.5]), np.array([0, 0, 0.5])

    def cosine(u, v):
        return u @ v / np.linalg.norm(u) / np.linalg.norm(v)

    assert result["relatedness"].iloc[0] == pytest.approx(cosine(a, b))
    assert result["relatedness"].iloc[2] == pytest.approx(cosine(b, c))
    assert np.isnan(result["relatedness"].iloc[1])
    with pytest.raises(DomainError, match="parts are all zero have no shares: 1"):
        nq.structure.diversity(panel.assign(a=[1.0, 0, 1]), list("abc"))


def test_diversity_by_loops():
    rng = np.random.default_rng(10)
    x = rng.random((6, 2, 4)) * (rng.random((6, 2, 4)) < 0.8)
    x[0, :, 0] += 0.1
    x[1] = [[0, 0, 0, 2.0], [0, 0, 0, 1]]  # all in one part
    x[:, :, 1] = 0  # a part that nobody has
    x[2:, :, 2] += 0.1
    panel = panel_of(x[:, :, 0], b=x[:, :, 1], c=x[:, :, 2], d=x[:, :, 3])
    result = nq.structure.diversity(panel, ["x", "b", "c", "d"])
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
            row = result.loc[(i, t)]
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
