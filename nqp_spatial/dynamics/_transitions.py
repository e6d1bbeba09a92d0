"""Counts, probabilities and long-run distributions of Markov chains: pure functions on arrays."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csgraph

__all__ = ["count_transitions", "ergodic", "probabilities", "standard_errors"]


def count_transitions(
    own: np.ndarray, states: int, step: int, given: np.ndarray | None = None, groups: int = 1
) -> np.ndarray:
    """Count moves from state to state over `step` periods.

    Parameters
    ----------
    own : ndarray of int
        State of each unit and period, shape (n_units, n_periods).
    states : int
        Number of own states.
    step : int
        Periods between start and end of a move.
    given : ndarray of int, optional
        Group (such as the neighbours' state) at the start, shape of `own`.
    groups : int
        Number of groups.

    Returns
    -------
    ndarray of int
        Shape (groups, states, states): group, state at the start, state at the end.

    Examples
    --------
    >>> count_transitions(np.array([[0, 0, 1], [1, 1, 1]]), 2, 1).tolist()
    [[[1, 1], [0, 2]]]
    """
    start, end = own[:, :-step], own[:, step:]
    key = start * states + end
    if given is not None:
        key = key + given[:, :-step] * states**2
    counts = np.bincount(key.ravel(), minlength=groups * states**2)
    return np.asarray(counts.reshape(groups, states, states))


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
    """Return ``sqrt(p (1 - p) / n_i)``, missing where p is."""
    p = probabilities(counts)
    visits = counts.sum(axis=-1, keepdims=True).astype(float)
    variance = np.divide(p * (1 - p), visits, out=np.full(p.shape, np.nan), where=visits > 0)
    return np.asarray(np.sqrt(variance))


def ergodic(p: np.ndarray) -> tuple[np.ndarray, int, str]:
    """Return the long-run distribution, the number of closed classes, and a note if there is none.

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
    str
        Why there is no unique distribution, or "".

    Examples
    --------
    >>> ergodic(np.array([[0.9, 0.1], [0.3, 0.7]]))[0].round(2).tolist()
    [0.75, 0.25]
    >>> ergodic(np.eye(2))[1:]
    (2, 'the chain has 2 closed classes, so where it ends depends on where it starts')
    """
    size = len(p)
    left = ~np.isnan(p).any(axis=1)  # states that were left at least once, or stayed in
    moves = np.where(left[:, None], np.nan_to_num(p), 0.0)
    entered = moves.any(axis=0)
    result = np.full(size, np.nan)
    if not left.any():
        return result, 0, "no state was visited"
    unknown = np.flatnonzero(~left & entered)
    if len(unknown):
        names = ", ".join(str(state + 1) for state in unknown)
        return result, 0, f"state {names} was entered but never left within the sample"
    at = np.flatnonzero(left)
    inside = moves[np.ix_(at, at)]
    count, labels = csgraph.connected_components(inside > 0, directed=True, connection="strong")
    closed = [
        members
        for members in (np.flatnonzero(labels == label) for label in range(count))
        if np.isclose(inside[np.ix_(members, members)].sum(axis=1), 1).all()
    ]
    if len(closed) != 1:
        return (
            result,
            len(closed),
            (
                f"the chain has {len(closed)} closed classes, so where it ends depends on where it "
                "starts"
            ),
        )
    members = closed[0]
    block = inside[np.ix_(members, members)]
    system = np.vstack([block.T - np.eye(len(members)), np.ones(len(members))])
    target = np.append(np.zeros(len(members)), 1.0)
    result[at] = 0.0
    result[at[members]] = np.linalg.lstsq(system, target, rcond=None)[0]
    return result, 1, ""
