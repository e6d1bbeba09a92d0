"""Scores of probability forecasts of states, beside simple forecasts, and tests of their gaps."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import linalg

from nqp_spatial.core.inference import HypothesisTest, NotApplicable, two_sided_p
from nqp_spatial.core.text import Message, label, t
from nqp_spatial.dynamics._forecast_model import ChainModel
from nqp_spatial.dynamics._transitions import count_transitions

__all__ = [
    "RIVALS",
    "SCORES",
    "rival_forecasts",
    "score_tests",
    "scores",
    "scores_frame",
    "words_of_test",
]

_WAVES = 8
_DENSE = 1000
#: All are losses: smaller is better.
SCORES = ("log_score", "brier", "rps")
RIVALS = ("persistence", "climatology")


def rival_forecasts(model: ChainModel, horizon: int) -> dict[str, np.ndarray]:
    """Return forecasts by persistence and by past shares, shape (horizon, units, states).

    Persistence: the share of past moves over h steps that ended where they began is the probability
    to stay, ``(m + 1/2) / (M + 1)``; the other states have equal parts of the remainder.
    Climatology: shares of states in all past observations, ``(m_j + 1/2) / (M + k / 2)``.
    """
    past, k, step = model.codes[:, : model.until], model.data.states, model.data.step
    persistence = []
    for ahead in range(1, horizon + 1):
        moves = count_transitions(past, k, ahead * step)[0]
        stay = (np.trace(moves) + 0.5) / (moves.sum() + 1)
        matrix = np.full((k, k), (1 - stay) / (k - 1))
        np.fill_diagonal(matrix, stay)
        persistence.append(matrix[model.start])
    shares = (np.bincount(past.ravel(), minlength=k) + 0.5) / (past.size + k / 2)
    climatology = np.broadcast_to(shares, (horizon, len(past), k))
    return {"persistence": np.stack(persistence), "climatology": np.asarray(climatology)}


def scores(forecast: np.ndarray, actual: np.ndarray) -> dict[str, np.ndarray]:
    """Return losses, each of shape (horizon, units).

    ``-log p_s`` of the state s that came; Brier's ``sum_j (p_j - d_j)^2``; the ranked probability
    score ``sum_j (P_j - D_j)^2 / (k - 1)`` with cumulative sums P and D, for which states in the
    neighbourhood of s are less wrong than states far away.

    Parameters
    ----------
    forecast : ndarray
        Shape (horizon, units, states).
    actual : ndarray of int
        Shape (horizon, units).

    Examples
    --------
    >>> losses = scores(np.array([[[0.5, 0.3, 0.2]]]), np.array([[0]]))
    >>> {name: round(float(loss[0, 0]), 3) for name, loss in losses.items()}
    {'log_score': 0.693, 'brier': 0.38, 'rps': 0.145}
    """
    outcome = np.eye(forecast.shape[-1])[actual]
    came = np.take_along_axis(forecast, actual[..., None], axis=-1)[..., 0]
    gaps = np.cumsum(forecast - outcome, axis=-1)[..., :-1]
    return {
        "log_score": -np.log(came),
        "brier": ((forecast - outcome) ** 2).sum(axis=-1),
        "rps": (gaps**2).mean(axis=-1),
    }


def scores_frame(losses: dict[str, dict[str, np.ndarray]], periods: pd.Index) -> pd.DataFrame:
    """Return mean losses by forecast and period."""
    parts = {
        name: pd.DataFrame({key: loss.mean(axis=1) for key, loss in table.items()}, periods)
        for name, table in losses.items()
    }
    return pd.concat(parts, names=["forecast", "period"]).reset_index()


# -- tests -----------------------------------------------------------------------------------------


def score_tests(
    losses: dict[str, dict[str, np.ndarray]], matrix: sparse.csr_array | None
) -> dict[str, HypothesisTest | NotApplicable]:
    """Test that the chain and each rival forecast equally well, for each score.

    Parameters
    ----------
    losses : dict
        Of ``chain`` and the rivals, then by score, shape (horizon, units).
    matrix : csr_array or None
        W, for scores that are correlated in space.
    """
    waves = None if matrix is None else long_waves(matrix)
    tests: dict[str, HypothesisTest | NotApplicable] = {}
    for score in SCORES:
        for rival in RIVALS:
            gaps = (losses[rival][score] - losses["chain"][score]).mean(axis=0)
            tests[f"{score}_{rival}"] = _gap_test(score, rival, gaps, waves)
    return tests


def words_of_test(score: str, rival: str) -> tuple[Message, Message]:
    """Return name and null of the test of a score."""
    words = label("forecast", rival)
    name = t("{score}: chain and {rival}", score=label("column", score), rival=words)
    return name, t("the chain and {rival} forecast equally well", rival=words)


def _gap_test(
    score: str, rival: str, gaps: np.ndarray, waves: np.ndarray | None
) -> HypothesisTest | NotApplicable:
    name, null = words_of_test(score, rival)
    error, df = standard_error(gaps, waves)
    if not error > 1e-12 * np.abs(gaps).max(initial=0.0):
        return NotApplicable(name, null, t("the scores of all units differ by the same amount"))
    statistic = float(gaps.mean() / error)
    p_value = float(two_sided_p(statistic, df))
    return HypothesisTest(name, null, statistic, "t", df, p_value, _rule(waves))


def _rule(waves: np.ndarray | None) -> Message:
    if waves is None:
        return t("positive if the chain is better; clustered by unit, units independent")
    return t("positive if the chain is better; clustered by unit, units correlated in space")


def standard_error(gaps: np.ndarray, waves: np.ndarray | None) -> tuple[float, int]:
    """Return the standard error of a mean and its degrees of freedom.

    Independent units: ``s / sqrt(n)`` with n - 1. Units correlated in space: ``sqrt(sum_j (v_j'
    d)^2 / (q n))`` with q, where the orthonormal v_j vary as slowly over the map as any that add to
    zero. Neighbours' correlation enters their products with d as it enters the mean of d, and
    without it both have the same variance, so that t has q degrees of freedom exactly under
    normality.
    """
    n = len(gaps)
    if waves is None:
        return float(gaps.std(ddof=1) / np.sqrt(n)), n - 1
    products = waves.T @ gaps
    return float(np.sqrt((products @ products) / (len(products) * n))), len(products)


def long_waves(matrix: sparse.csr_array) -> np.ndarray:
    """Return the q = 8 (n / 6 if that is less) first eigenvectors of ``M (W + W') M / 2``.

    M subtracts the mean, so that the vectors have the largest Moran's I of all (Griffith 2003).
    Projections on a few vectors of low frequency are the robust errors of Mueller (2007) for time
    series and of Mueller and Watson (2022) for space.
    """
    n = matrix.shape[0]
    q = max(1, min(_WAVES, n // 6))
    symmetric = sparse.csr_array((matrix + matrix.T) / 2)
    if n <= _DENSE:
        dense = symmetric.toarray()
        dense = dense - dense.mean(axis=0) - dense.mean(axis=1)[:, None] + dense.mean()
        return np.asarray(np.linalg.eigh(dense)[1][:, -q:])

    def product(x: np.ndarray) -> np.ndarray:
        x = np.ravel(x)
        y = symmetric @ (x - x.mean())
        return np.asarray(y - y.mean())

    operator = linalg.LinearOperator((n, n), matvec=product, dtype=float)
    start = np.cos(np.arange(n))  # any fixed vector: the same result each time
    return np.asarray(linalg.eigsh(operator, k=q, which="LA", v0=start)[1])
