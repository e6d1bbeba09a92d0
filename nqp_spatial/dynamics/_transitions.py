"""Counts, probabilities and long-run distributions of Markov chains: pure functions on arrays."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csgraph

from nqp_spatial.core.text import Message, t

__all__ = [
    "count_transitions",
    "counts_by_unit",
    "ergodic",
    "probabilities",
    "standard_errors",
]


def _move_codes(
    codes: np.ndarray, states: int, step: int, conditions: np.ndarray | None
) -> np.ndarray:
    """Return the code of each move: its condition, its start and its end."""
    moves = np.asarray(codes[:, :-step] * states + codes[:, step:])
    return moves if conditions is None else moves + conditions[:, :-step] * states**2


def count_transitions(
    codes: np.ndarray,
    states: int,
    step: int,
    conditions: np.ndarray | None = None,
    n_conditions: int = 1,
) -> np.ndarray:
    """Count moves from state to state over `step` periods.

    Parameters
    ----------
    codes : ndarray of int
        State of each unit and period, shape (n_units, n_periods).
    states : int
        Number of states.
    step : int
        Periods between start and end of a move.
    conditions : ndarray of int, optional
        Condition (such as the neighbours' state) at the start, shape of `codes`.
    n_conditions : int
        Number of conditions.

    Returns
    -------
    ndarray of int
        Shape (conditions, states, states): condition, state at the start, state at the end.

    Examples
    --------
    >>> count_transitions(np.array([[0, 0, 1], [1, 1, 1]]), 2, 1).tolist()
    [[[1, 1], [0, 2]]]
    """
    moves = _move_codes(codes, states, step, conditions)
    counts = np.bincount(moves.ravel(), minlength=n_conditions * states**2)
    return np.asarray(counts.reshape(n_conditions, states, states))


def counts_by_unit(
    codes: np.ndarray,
    states: int,
    step: int,
    conditions: np.ndarray | None = None,
    n_conditions: int = 1,
) -> np.ndarray:
    """Return the moves of each unit, shape (units, conditions x states x states)."""
    cells = n_conditions * states**2
    moves = _move_codes(codes, states, step, conditions)
    moves = moves + np.arange(len(codes))[:, None] * cells
    return np.bincount(moves.ravel(), minlength=len(codes) * cells).reshape(len(codes), cells)


def probabilities(counts: np.ndarray) -> np.ndarray:
    """Return maximum-likelihood probabilities; rows that were never visited are missing.

    Examples
    --------
    >>> probabilities(np.array([[1, 3], [0, 0]])).tolist()
    [[0.25, 0.75], [nan, nan]]
    """
    visits = counts.sum(axis=-1, keepdims=True).astype(float)
    missing = np.full(counts.shape, np.nan)
    return np.asarray(np.divide(counts, visits, out=missing, where=visits > 0))


def standard_errors(counts: np.ndarray) -> np.ndarray:
    """Return ``sqrt(p (1 - p) / n_i)``, missing where p is missing."""
    p = probabilities(counts)
    visits = counts.sum(axis=-1, keepdims=True).astype(float)
    variance = np.divide(p * (1 - p), visits, out=np.full(p.shape, np.nan), where=visits > 0)
    return np.asarray(np.sqrt(variance))


def ergodic(p: np.ndarray) -> tuple[np.ndarray, int, Message | None]:
    """Return the long-run distribution, the number of closed classes, and any problem.

    Parameters
    ----------
    p : ndarray
        Transition probabilities, shape (states, states); rows never visited are missing.

    Returns
    -------
    ndarray
        The distribution ``pi = pi P``, shape (states,). States outside the closed class have 0;
        states never visited at all are missing; all are missing if it is not unique.
    int
        Number of closed classes among the states that occur.
    Message or None
        Why there is no unique distribution.

    Examples
    --------
    >>> ergodic(np.array([[0.9, 0.1], [0.3, 0.7]]))[0].round(2).tolist()
    [0.75, 0.25]
    >>> ergodic(np.eye(2))[1:]
    (2, 'the chain has 2 closed classes, so where it ends depends on where it starts')
    """
    size = len(p)
    occurs = ~np.isnan(p).any(axis=1)  # states from which at least one move starts
    moves = np.where(occurs[:, None], np.nan_to_num(p), 0.0)
    result = np.full(size, np.nan)
    if not occurs.any():
        return result, 0, t("no state was visited")
    unknown = np.flatnonzero(~occurs & moves.any(axis=0))
    if len(unknown):
        states = ", ".join(str(state + 1) for state in unknown)
        return result, 0, t(
            "state {states} was entered but never left within the sample", states=states
        )  # fmt: skip
    positions = np.flatnonzero(occurs)
    known = moves[np.ix_(positions, positions)]
    count, labels = csgraph.connected_components(known > 0, directed=True, connection="strong")
    classes = (np.flatnonzero(labels == label) for label in range(count))
    closed = [
        members
        for members in classes
        if np.isclose(known[np.ix_(members, members)].sum(axis=1), 1).all()
    ]
    if len(closed) != 1:
        return result, len(closed), t(
            "the chain has {count} closed classes, so where it ends depends on where it starts",
            count=len(closed),
        )  # fmt: skip
    members = closed[0]
    block = known[np.ix_(members, members)]
    system = np.vstack([block.T - np.eye(len(members)), np.ones(len(members))])
    target = np.append(np.zeros(len(members)), 1.0)
    result[positions] = 0.0
    result[positions[members]] = np.linalg.lstsq(system, target, rcond=None)[0]
    return result, 1, None
