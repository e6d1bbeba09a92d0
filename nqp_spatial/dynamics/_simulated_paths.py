"""Simulated futures of chains: moves of units, and values of units whose neighbours matter.

Without neighbours a unit's future depends on its own state only, so that numbers of units are
drawn from multinomial distributions and probabilities are powers of P. With neighbours all units
move together. A neighbour's state is cut from the mean of values, so a unit that moves from i to j
also needs a value: that of a donor, an observed move from i to j whose value before the move is
close to that of the unit (local bootstrap, Paparoditis and Politis 2002).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nqp_spatial.core.resampling import batches, spawned_seeds
from nqp_spatial.dynamics._forecast_model import ChainModel
from nqp_spatial.dynamics._states import classify

__all__ = ["Donors", "Futures", "donors_of", "future_counts", "future_probabilities", "futures"]

_CELLS = 200_000  # units x draws at once: what stays in the cache
_MOST = 128


@dataclass(frozen=True, eq=False)
class Futures:
    """Forecasts from the last period of a model.

    Attributes
    ----------
    probabilities : ndarray
        Shape (horizon, units, states).
    shares, low, high : ndarray
        Shape (horizon, states).
    group_shares, group_low, group_high : ndarray
        Shape (horizon, groups, states).
    """

    probabilities: np.ndarray
    shares: np.ndarray
    low: np.ndarray
    high: np.ndarray
    group_shares: np.ndarray
    group_low: np.ndarray
    group_high: np.ndarray


def futures(
    model: ChainModel,
    p: np.ndarray,
    horizon: int,
    replications: int,
    seed: int | None,
    *,
    level: float,
    n_jobs: int = 1,
    progress: bool = False,
) -> Futures:
    """Return probabilities of units at `p`, and intervals with bootstrapped probabilities."""
    from joblib import Parallel, delayed
    from tqdm import tqdm

    donors = donors_of(model) if model.data.matrix is not None else None
    # Batches, their order and their seeds do not depend on n_jobs, so neither do the results.
    parts = _batches_of(replications, model)
    seeds = spawned_seeds(seed, len(parts))
    jobs = (
        delayed(_batch)(model, donors, p, horizon, part.stop - part.start, seed)
        for part, seed in zip(parts, seeds, strict=True)
    )
    results = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(jobs)
    bar = tqdm(results, total=len(parts), desc="simulated futures", disable=not progress)
    sums: np.ndarray | float = 0.0
    counts: list[np.ndarray] = []
    for batch_sums, batch_counts in bar:
        sums, counts = sums + batch_sums, [*counts, batch_counts]
    return _summary(model, np.asarray(sums) / replications, np.concatenate(counts), level)


def _batches_of(draws: int, model: ChainModel) -> list[slice]:
    """Return batches of draws that fit into memory; they depend on the data only."""
    size = len(model.start) if model.data.matrix is not None else 1
    return list(batches(draws, max(1, min(_MOST, _CELLS // size))))


def _batch(
    model: ChainModel,
    donors: Donors | None,
    p: np.ndarray,
    horizon: int,
    size: int,
    seed: np.random.SeedSequence,
) -> tuple[np.ndarray, np.ndarray]:
    """Return sums of the units' probabilities and numbers of units in futures of one batch."""
    rng = np.random.default_rng(seed)
    sums = future_probabilities(model, donors, p, horizon, rng, size)
    counts = future_counts(model, donors, model.bootstrapped(size, rng), horizon, rng)
    return sums, counts


def _summary(model: ChainModel, p: np.ndarray, counts: np.ndarray, level: float) -> Futures:
    data, (groups, _, _, k) = model.data, model.shape
    sizes = np.bincount(data.groups, minlength=groups)
    by_group = np.stack([p[:, data.groups == g].mean(axis=1) for g in range(groups)], axis=1)
    if data.fixed_shares:  # those of the last period, whatever the units do
        start = np.bincount(data.groups * k + model.start, minlength=groups * k).reshape(groups, k)
        counts = np.broadcast_to(start, counts.shape)
        by_group = np.broadcast_to(start / sizes[:, None], by_group.shape)
    shares = (by_group * sizes[:, None]).sum(axis=1) / sizes.sum()
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = _limits(counts.sum(axis=2) / sizes.sum(), tails)
    group_low, group_high = _limits(counts / sizes[:, None], tails)
    return Futures(p, shares, low, high, by_group, group_low, group_high)


def _limits(shares: np.ndarray, tails: list[float]) -> np.ndarray:
    """Return quantiles over draws, so that one more draw lies between them with the probability.

    Of R draws the order statistic (R + 1) q, which the draw that came exceeds with probability 1 -
    q exactly; others would be too narrow by about 1 / R.
    """
    return np.asarray(np.quantile(shares, tails, axis=0, method="weibull"))


# -- donors ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Donors:
    """Which observed values a unit may take over after a move.

    Attributes
    ----------
    values : ndarray
        All observed values up to the start, by unit and period, shape (n * periods,).
    ends : ndarray of int
        Places in `values` of the values after moves, sorted by kind of move and value before it.
    first, width : ndarray of int
        Donors of a value that moves to a state: ``ends[first : first + width]``; shape
        (n * periods, states). Width 0: no such move and no such state was observed, and the value
        stays.
    """

    values: np.ndarray
    ends: np.ndarray
    first: np.ndarray
    width: np.ndarray


def donors_of(model: ChainModel) -> Donors:
    """Return the donors of each observed value and next state.

    Of m moves of the kind, the sqrt(m) whose values before the move are closest; ties are all in.
    """
    until, step, k = model.until, model.data.step, model.data.states
    values = model.data.values[:, :until].ravel()
    codes = model.codes[:, :until].ravel()
    places = np.arange(len(values)).reshape(-1, until)
    before, after = places[:, :-step].ravel(), places[:, step:].ravel()
    ends = []
    first = np.zeros((len(values), k), dtype=np.int64)
    width = np.zeros((len(values), k), dtype=np.int64)
    total = 0
    for i in range(k):
        own = np.flatnonzero(codes == i)
        for j in range(k):
            moves = (codes[before] == i) & (codes[after] == j)
            starts, targets = before[moves], after[moves]
            if not len(starts):  # only smoothed probabilities lead here
                starts = targets = np.flatnonzero(codes == j)
            order = np.argsort(values[starts], kind="stable")
            first[own, j], width[own, j] = _windows(values[starts][order], values[own])
            first[own, j] += total
            ends.append(targets[order])
            total += len(order)
    return Donors(values, np.concatenate(ends), first, width)


def _windows(known: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return first place and number of the known values (ascending) that are closest by rank."""
    size = len(known)
    if not size:
        return np.zeros(len(values), dtype=np.int64), np.zeros(len(values), dtype=np.int64)
    wanted = int(np.ceil(np.sqrt(size)))
    low = np.searchsorted(known, values, side="left")
    high = np.searchsorted(known, values, side="right")
    width = np.maximum(high - low, wanted)
    return np.clip((low + high - width + 1) // 2, 0, size - width), width


# -- numbers of units in each state ----------------------------------------------------------------


def future_counts(
    model: ChainModel,
    donors: Donors | None,
    p: np.ndarray,
    horizon: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return numbers of units by state in simulated futures.

    Parameters
    ----------
    model : ChainModel
    donors : Donors or None
        With neighbours.
    p : ndarray
        Probabilities of each draw, shape (draws, groups, lag states, states, states).
    horizon : int
    rng : Generator

    Returns
    -------
    ndarray of int
        Shape (draws, horizon, groups, states).
    """
    if donors is not None:
        return _spatial_paths(model, donors, p, horizon, rng)[0]
    groups, _, k, _ = model.shape
    start = np.bincount(model.data.groups * k + model.start, minlength=groups * k)
    numbers = np.broadcast_to(start.reshape(groups, k), (len(p), groups, k))
    rows = p[:, :, 0] / p[:, :, 0].sum(axis=-1, keepdims=True)
    path = []
    for _ in range(horizon):
        numbers = rng.multinomial(numbers, rows).sum(axis=2)
        path.append(numbers)
    return np.stack(path, axis=1)


def future_probabilities(
    model: ChainModel,
    donors: Donors | None,
    p: np.ndarray,
    horizon: int,
    rng: np.random.Generator,
    draws: int,
) -> np.ndarray:
    """Return the sum over draws of each unit's probabilities, shape (horizon, units, states).

    Without neighbours each draw is exact, ``P^h``. With neighbours it is the row of P that belongs
    to the simulated state and neighbours' state one step before, which varies less than the
    simulated state itself and is exact one step ahead.
    """
    if donors is not None:
        every = np.broadcast_to(p, (draws, *p.shape))
        return _spatial_paths(model, donors, every, horizon, rng, by_unit=True)[1]
    power, path = np.broadcast_to(np.eye(p.shape[-1]), p[:, 0].shape), []
    for _ in range(horizon):
        power = power @ p[:, 0]
        path.append(power[model.data.groups, model.start])
    return draws * np.stack(path)


def _spatial_paths(
    model: ChainModel,
    donors: Donors,
    p: np.ndarray,
    horizon: int,
    rng: np.random.Generator,
    *,
    by_unit: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers by state, and sums of the units' probabilities where they are asked for."""
    matrix = model.data.matrix
    assert matrix is not None
    groups, lags, k, _ = model.shape
    draws, n = len(p), len(model.start)
    flat = p.reshape(-1, k)
    edges = np.cumsum(flat, axis=1)
    # Row of `flat` for draw and group, before lag state and own state are added.
    base = (np.arange(draws) * groups + model.data.groups[:, None]) * lags * k
    members = np.arange(draws) * groups + model.data.groups[:, None]
    place = np.repeat((np.arange(n) * model.until + model.until - 1)[:, None], draws, axis=1)
    state = np.repeat(model.start[:, None], draws, axis=1)
    numbers = np.empty((draws, horizon, groups, k), dtype=np.int64)
    sums = np.zeros((horizon, n, k) if by_unit else (0, 0, 0))
    for ahead in range(horizon):
        near = classify(np.asarray(matrix @ donors.values[place]), model.lag_cuts)
        rows = base + near * k + state
        if by_unit:
            for j in range(k):
                sums[ahead, :, j] = flat[rows, j].sum(axis=1)
        uniform = rng.random((n, draws))
        state = np.zeros((n, draws), dtype=np.int64)
        for j in range(k - 1):
            state += uniform > edges[rows, j]
        width = donors.width[place, state]
        chosen = donors.first[place, state] + (rng.random((n, draws)) * width).astype(np.int64)
        place = np.where(width > 0, donors.ends[np.minimum(chosen, len(donors.ends) - 1)], place)
        cells = np.bincount((members * k + state).ravel(), minlength=draws * groups * k)
        numbers[:, ahead] = cells.reshape(draws, groups, k)
    return numbers, sums
