"""Compiled loops of permutations: neighbours that are drawn for a unit, and relocated units."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = [
    "LANES",
    "conditional_draws",
    "relocated_forms",
    "relocated_joins",
    "relocated_products",
    "sorted_draws",
    "tail_counts",
]

# Up to so many units the draws are those of esda, each from a shuffle of all units.
_SHUFFLED = 10_000
#: Relocations that are computed side by side, in one instruction.
LANES = 8
# Constants of splitmix64, the generator of Steele, Lea and Flood (2014).
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_HALF, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)


def conditional_draws(size: int, n: int, permutations: int, seed: int) -> np.ndarray:
    """Draw positions for the neighbours of a unit, without replacement, among the n - 1 others.

    Parameters
    ----------
    size : int
        Largest number of neighbours.
    n, permutations, seed : int
        Units, draws, and the seed of numba's generator.

    Returns
    -------
    ndarray of int32
        Shape (size, permutations), positions from 0 to n - 2. Up to 10 000 units the stream is that
        of `esda.crand.vec_permutations`, so that one seed gives the p-values of
        `esda.Moran_Local`; beyond, where each shuffle would take longer than all statistics,
        positions are drawn until they differ.
    """
    draw = _shuffled if n <= _SHUFFLED or size > n // 4 else _distinct
    return np.asarray(draw(size, n, permutations, seed))


@njit(cache=True, nogil=True)
def _shuffled(size: int, n: int, permutations: int, seed: int) -> np.ndarray:
    np.random.seed(seed)
    draws = np.empty((size, permutations), dtype=np.int32)
    others = np.empty(n - 1, dtype=np.int32)
    for k in range(permutations):
        for i in range(n - 1):
            others[i] = i
        for i in range(n - 2, 0, -1):  # Fisher and Yates, as numpy.random.choice
            j = np.random.randint(0, i + 1)
            others[i], others[j] = others[j], others[i]
        for c in range(size):
            draws[c, k] = others[c]
    return draws


@njit(cache=True, nogil=True)
def _distinct(size: int, n: int, permutations: int, seed: int) -> np.ndarray:
    np.random.seed(seed)
    draws = np.empty((size, permutations), dtype=np.int32)
    last = np.full(n - 1, -1, dtype=np.int32)  # the draw in which a position was last taken
    for k in range(permutations):
        for c in range(size):
            position = np.random.randint(0, n - 1)
            while last[position] == k:
                position = np.random.randint(0, n - 1)
            last[position] = k
            draws[c, k] = position
    return draws


def sorted_draws(draws: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where each position begins among the sorted cells of the draws, and these cells.

    Parameters
    ----------
    draws : ndarray
        From `conditional_draws`.
    n : int
        Units.

    Returns
    -------
    bounds, cells : ndarray of int64
        Cells (row times permutations plus column) of position p are those from ``bounds[p]`` to
        ``bounds[p + 1]``; shapes (n,) and (draws.size,).
    """
    bounds = np.concatenate([[0], np.cumsum(np.bincount(draws.ravel(), minlength=n - 1))])
    return bounds, np.argsort(draws, axis=None)


@njit(cache=True, nogil=True)
def tail_counts(
    indptr: np.ndarray,
    weights: np.ndarray,
    slope: np.ndarray,
    values: np.ndarray,
    observed: np.ndarray,
    squared: bool,
    draws: np.ndarray,
    bounds: np.ndarray,
    cells: np.ndarray,
    start: int,
    stop: int,
) -> np.ndarray:
    """Count draws whose statistic reaches the observed one from above and from below.

    The statistic of unit i is ``sum_j w_ij (slope_i v_j + v_j^2)``, the squares only if `squared`.
    All units share the draws. The values drawn for unit i and for unit i + 1 differ only where
    position i was drawn, since the unit itself is skipped: they are kept in a table, which is small
    enough for the cache, and the few cells that differ are changed from unit to unit. Sums of the
    first 1, 2, ... rows of the table serve all units with equal weights.

    Parameters
    ----------
    indptr, weights : ndarray
        W in rows.
    slope, values, observed : ndarray
        What stays with a unit, what its neighbours draw, and its observed statistic; shape (n,).
    squared : bool
        Whether squares are part of the statistic.
    draws, bounds, cells : ndarray
        From `conditional_draws` and `sorted_draws`.
    start, stop : int
        Which units.

    Returns
    -------
    ndarray
        Shape (stop - start, 2): draws at least, and at most, as large. A tie counts in both.
    """
    permutations = draws.shape[1]
    counts = np.zeros((stop - start, 2), dtype=np.int64)
    size, largest = 0, 0.0
    for i in range(start, stop):
        size = max(size, indptr[i + 1] - indptr[i])
    for value in values:
        largest = max(largest, abs(value))
    table = _drawn_values(values, draws, size, start)
    # In few rows or long ones the sums would change more often than they are used.
    summed = 16 * size * size <= indptr[stop] - indptr[start]
    sums = np.zeros((size + 1 if summed else 0, permutations))
    squares = np.zeros((size + 1 if summed and squared else 0, permutations))
    for k in range(permutations if summed else 0):
        _add_up(table, sums, squares, squared, 0, k)
    lag, lag_of_squares = np.empty(permutations), np.empty(permutations if squared else 0)
    for i in range(start, stop):
        for number in range(bounds[i - 1] if i > start else bounds[i], bounds[i]):
            c, k = cells[number] // permutations, cells[number] % permutations
            if c < size:
                table[c, k] = values[i - 1]
                if summed:
                    _add_up(table, sums, squares, squared, c, k)
        row = weights[indptr[i] : indptr[i + 1]]
        total, equal = 0.0, summed
        for weight in row:
            total += abs(weight)
            equal &= weight == row[0]
        # The same values summed in another order are a tie.
        reach = (abs(slope[i]) / 2 + largest) ** 2 if squared else abs(slope[i]) * largest
        tolerance = 1e-12 * total * reach
        of_values, of_squares, factor = lag, lag_of_squares, 1.0
        if equal:
            of_values, factor = sums[len(row)], row[0] if len(row) else 0.0
            if squared:
                of_squares = squares[len(row)]
        else:
            _lags(row, table, lag, lag_of_squares, squared)
        counts[i - start, 0], counts[i - start, 1] = _tails(
            of_values, of_squares, slope[i], factor, squared, observed[i], tolerance
        )
    return counts


@njit(cache=True, nogil=True)
def _drawn_values(values: np.ndarray, draws: np.ndarray, size: int, unit: int) -> np.ndarray:
    """Return the values that are drawn for the first neighbours of a unit, without its own."""
    table = np.empty((size, draws.shape[1]))
    for c in range(size):
        for k in range(draws.shape[1]):
            table[c, k] = values[draws[c, k] + (draws[c, k] >= unit)]
    return table


@njit(cache=True, nogil=True)
def _add_up(
    table: np.ndarray, sums: np.ndarray, squares: np.ndarray, squared: bool, first: int, k: int
) -> None:
    """Sum column k of the table from a row on; row m of the sums is that of the first m rows."""
    for c in range(first, len(table)):
        sums[c + 1, k] = sums[c, k] + table[c, k]
        if squared:
            squares[c + 1, k] = squares[c, k] + table[c, k] ** 2


@njit(cache=True, nogil=True)
def _lags(
    row: np.ndarray, table: np.ndarray, lag: np.ndarray, lag_of_squares: np.ndarray, squared: bool
) -> None:
    """Fill in the weighted sums of the drawn values and of their squares."""
    for k in range(len(lag)):
        lag[k] = 0.0
    for k in range(len(lag_of_squares)):
        lag_of_squares[k] = 0.0
    # Draws are the inner loop, so that they run side by side in one instruction.
    for c in range(len(row)):
        weight, drawn_values = row[c], table[c]
        for k in range(len(lag)):
            lag[k] += weight * drawn_values[k]
        if squared:
            for k in range(len(lag)):
                lag_of_squares[k] += weight * drawn_values[k] ** 2


@njit(cache=True, nogil=True)
def _tails(
    lag: np.ndarray,
    lag_of_squares: np.ndarray,
    slope: float,
    weight: float,
    squared: bool,
    observed: float,
    tolerance: float,
) -> tuple[int, int]:
    """Count the draws in both tails."""
    low, high, above, below = observed - tolerance, observed + tolerance, 0, 0
    factor = weight * slope
    if squared:
        for k in range(len(lag)):
            statistic = factor * lag[k] + weight * lag_of_squares[k]
            above += statistic >= low
            below += statistic <= high
    else:
        for k in range(len(lag)):
            statistic = factor * lag[k]
            above += statistic >= low
            below += statistic <= high
    return above, below


@njit(cache=True, nogil=True)
def _mixed(number: np.uint64) -> np.uint64:
    """Return 64 random bits of a number."""
    number = (number ^ (number >> np.uint64(30))) * _FIRST
    number = (number ^ (number >> np.uint64(27))) * _SECOND
    return number ^ (number >> np.uint64(31))


@njit(cache=True, nogil=True)
def _relocate(
    values: np.ndarray, work: np.ndarray, moved: np.ndarray, key: np.uint64, draw: int, lane: int
) -> None:
    """Write values in random order into a column of `moved`, all orders with equal probability.

    Fisher and Yates's shuffle with the unbiased bounded numbers of Lemire (2019). The numbers
    depend on the key and on the number of the draw only.
    """
    n = len(values)
    for i in range(n):
        work[i] = values[i]
    state = _mixed(key + _mixed(np.uint64(draw) * _STEP + _FIRST))
    bits = np.uint64(0)
    for i in range(n):
        bound = np.uint64(n - i)
        if i % 2 == 0:  # two numbers of 32 bits at once
            state += _STEP
            bits = _mixed(state)
        else:
            bits >>= _HALF
        product = (bits & _LOW) * bound
        if (product & _LOW) < bound:
            short = (_LOW - bound + np.uint64(1)) % bound
            while (product & _LOW) < short:
                state += _STEP
                product = (_mixed(state) & _LOW) * bound
        place = i + np.int64(product >> _HALF)
        moved[i, lane] = work[place]
        work[place] = work[i]


@njit(cache=True, nogil=True)
def relocated_forms(
    indptr: np.ndarray,
    indices: np.ndarray,
    weights: np.ndarray,
    squares: np.ndarray,
    products: np.ndarray,
    z: np.ndarray,
    key: np.uint64,
    start: int,
    stop: int,
) -> np.ndarray:
    """Return ``sum_i z_i (squares_i z_i + products_i + sum_j w_ij z_j)`` of relocated z.

    Parameters
    ----------
    indptr, indices, weights : ndarray
        A matrix in rows, of pairs of units once each.
    squares, products : ndarray
        Shapes (n,) and (periods, n).
    z : ndarray
        Shape (periods, n); all periods are relocated in the same way.
    key : uint64
        Of the random numbers.
    start, stop : int
        Which relocations; each depends on the key and on its number only.

    Returns
    -------
    ndarray
        Shape (stop - start, periods).
    """
    periods, n = z.shape
    forms = np.empty((stop - start, periods))
    moved, work = np.zeros((n, LANES)), np.empty(n)
    # Several periods share the order of the units; one alone is relocated without it.
    units = np.arange(n if periods > 1 else 0).astype(np.int32)
    places, orders = np.empty_like(units), np.zeros((len(units), LANES), dtype=np.int32)
    total, factor = np.empty(LANES), np.empty(LANES)
    for first in range(start, stop, LANES):
        count = min(LANES, stop - first)
        for lane in range(count):
            if periods > 1:
                _relocate(units, places, orders, key, first + lane, lane)
            else:
                _relocate(z[0], work, moved, key, first + lane, lane)
        for s in range(periods):
            for i in range(len(units)):
                for lane in range(LANES):
                    moved[i, lane] = z[s, orders[i, lane]]
            for lane in range(LANES):
                total[lane] = 0.0
            for i in range(n):
                for lane in range(LANES):
                    factor[lane] = squares[i] * moved[i, lane] + products[s, i]
                for link in range(indptr[i], indptr[i + 1]):
                    j, weight = indices[link], weights[link]
                    for lane in range(LANES):
                        factor[lane] += weight * moved[j, lane]
                for lane in range(LANES):
                    total[lane] += factor[lane] * moved[i, lane]
            for lane in range(count):
                forms[first - start + lane, s] = total[lane]
    return forms


@njit(cache=True, nogil=True)
def relocated_products(
    products: np.ndarray, z: np.ndarray, key: np.uint64, start: int, stop: int
) -> np.ndarray:
    """Return ``sum_i products_i z_i`` of relocated z, as `relocated_forms` without links.

    Nothing but the order of one relocation is kept, so that many units stay near the processor.
    """
    periods, n = z.shape
    sums = np.zeros((stop - start, periods))
    units = np.arange(n).astype(np.int32)
    work, order, moved = np.empty_like(units), np.empty((n, 1), np.int32), np.empty((n, 1))
    values = np.empty(n)
    for draw in range(start, stop):
        if periods > 1:
            _relocate(units, work, order, key, draw, 0)
        else:
            _relocate(z[0], values, moved, key, draw, 0)
        for s in range(periods):
            total = 0.0
            for i in range(n):
                value = z[s, order[i, 0]] if periods > 1 else moved[i, 0]
                total += products[s, i] * value
            sums[draw - start, s] = total
    return sums


@njit(cache=True, nogil=True)
def relocated_joins(
    indptr: np.ndarray,
    indices: np.ndarray,
    weights: np.ndarray,
    codes: np.ndarray,
    categories: int,
    key: np.uint64,
    start: int,
    stop: int,
) -> np.ndarray:
    """Return weighted numbers of pairs by the categories of both ends, for relocated categories.

    Parameters
    ----------
    indptr, indices, weights : ndarray
        A matrix in rows, of pairs of units once each.
    codes : ndarray of int32
        Category of each unit, shape (n,).
    categories : int
        Number of categories.
    key, start, stop
        As in `relocated_forms`.

    Returns
    -------
    ndarray
        Shape (stop - start, categories ** 2): category of the first end times `categories`, plus
        that of the second.
    """
    n = len(codes)
    joins = np.zeros((stop - start, categories * categories))
    moved, work = np.zeros((n, LANES), dtype=np.int32), np.empty(n, dtype=np.int32)
    for first in range(start, stop, LANES):
        count = min(LANES, stop - first)
        for lane in range(count):
            _relocate(codes, work, moved, key, first + lane, lane)
        for i in range(n):
            for link in range(indptr[i], indptr[i + 1]):
                j, weight = indices[link], weights[link]
                for lane in range(count):
                    pair = moved[i, lane] * categories + moved[j, lane]
                    joins[first - start + lane, pair] += weight
    return joins
