"""Posterior of many sums of candidate weights, with effort where the probability is.

Each log marginal likelihood is an integral over rho. Its log-determinant is interpolated, and a
node is added, where the error matters most, to every sum whose probability could still change by
more than a tolerance: unlikely sums need one factorisation, likely ones are exact to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import logsumexp
from tqdm import tqdm

from nqp_spatial.regression.likelihood.mixed_determinants import Determinants, MixedDeterminants

__all__ = ["MixturePosterior", "mixture_posterior"]

# In u = artanh(r rho) the integrand is smooth; beyond these ends rho is within 1e-8 of its bounds.
_EDGE = 10.0
_POINTS, _ZOOMS, _CANDIDATES = 129, 7, 33
# A density below exp(-38) of its maximum is nothing.
_DROP = 38.0
_MOST_NODES = 24
_TOLERANCE = 1e-10
_AT_ONCE = 1024  # sums whose grids are evaluated together


class DataTerms(Protocol):
    """The part of the log density of rho, or lam, that depends on the data."""

    def value(self, sums: np.ndarray, rho: np.ndarray) -> np.ndarray:
        """Return the terms of each of the sums at rho, both shape (sums, points)."""
        ...


@dataclass(frozen=True, eq=False)
class MixturePosterior:
    """Posterior of the sums and, within each, of rho.

    Attributes
    ----------
    log_marginal : ndarray
        Shape (sums,).
    error : ndarray
        Estimates of their errors due to interpolation.
    grid, log_density : ndarray
        Points u of each sum, shape (sums, points), and the log density there.
    radii : ndarray
    """

    log_marginal: np.ndarray
    error: np.ndarray
    grid: np.ndarray
    log_density: np.ndarray
    radii: np.ndarray

    @classmethod
    def without_rho(cls, log_marginal: np.ndarray) -> MixturePosterior:
        """Return the posterior of models that have no spatial coefficient."""
        nothing = np.zeros((len(log_marginal), 0))
        zeros = np.zeros(len(log_marginal))
        return cls(log_marginal, zeros, nothing, nothing, zeros)

    @property
    def probability(self) -> np.ndarray:
        """Return the posterior probabilities of the sums, equally likely a priori."""
        return np.asarray(np.exp(self.log_marginal - logsumexp(self.log_marginal)))

    @property
    def largest_change(self) -> float:
        """Return the estimated error in the probability of any set of sums, at most."""
        return float(self.probability @ np.expm1(self.error))

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the posterior mean and standard deviation of rho in each sum."""
        density = np.exp(self.log_density - self.log_density.max(axis=1, keepdims=True))
        density /= density.sum(axis=1, keepdims=True)
        rho = np.tanh(self.grid) / self.radii[:, None]
        mean = (density * rho).sum(axis=1)
        return mean, np.sqrt((density * (rho - mean[:, None]) ** 2).sum(axis=1))

    def draws(self, which: int, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draw rho in one of the sums, by the inverse of its distribution function."""
        density = np.exp(self.log_density[which] - self.log_density[which].max())
        steps = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
        u = np.interp(rng.random(count) * steps[-1], steps, self.grid[which])
        return np.asarray(np.tanh(u) / self.radii[which])


class _Density:
    """Log density of u in each of the sums."""

    def __init__(
        self, terms: DataTerms, determinants: Determinants, periods: float, *, drops_root: bool
    ) -> None:
        self.terms, self.determinants = terms, determinants
        self.periods, self.drops_root = periods, drops_root

    def value(self, sums: np.ndarray, u: np.ndarray) -> np.ndarray:
        x = np.tanh(u)
        rho = x / self.determinants.radii[sums][:, None]
        logs = self.periods * self.determinants.value(sums, u) + self.terms.value(sums, rho)
        if self.drops_root:
            logs = logs - self.periods * np.log1p(-rho)
        # The prior of rho is uniform on its interval: drho / length = (1 - x^2) du / 2.
        return np.asarray(logs - 2 * np.log(np.cosh(u)) - np.log(2))

    def window(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return points that cover all of the density, and its logs there."""
        low, high = np.full(len(sums), -_EDGE), np.full(len(sums), _EDGE)
        for _ in range(_ZOOMS):
            grid = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, _CANDIDATES)
            logs = self.value(sums, grid)
            inside = logs > logs.max(axis=1, keepdims=True) - _DROP
            first = np.maximum(inside.argmax(axis=1) - 1, 0)
            last = np.minimum(_CANDIDATES - inside[:, ::-1].argmax(axis=1), _CANDIDATES - 1)
            rows = np.arange(len(sums))
            narrower = ((last - first) < 0.7 * _CANDIDATES).any()
            low, high = grid[rows, first], grid[rows, last]
            if not narrower:
                break
        grid = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, _POINTS)
        return grid, self.value(sums, grid)


def mixture_posterior(
    terms: DataTerms,
    determinants: Determinants,
    periods: float,
    *,
    drops_root: bool,
    progress: bool = False,
) -> MixturePosterior:
    """Integrate rho out of every sum.

    Parameters
    ----------
    terms : object
        With `value`: the part of the log density that depends on the data.
    determinants : Determinants
        Nodes are added to it.
    periods : float
        Number of log-determinants in the likelihood.
    drops_root : bool
        Whether each of them excludes ``ln(1 - rho)``.
    progress : bool

    Returns
    -------
    MixturePosterior
    """
    density = _Density(terms, determinants, periods, drops_root=drops_root)
    count = len(determinants.shares)
    grid, logs = np.empty((count, _POINTS)), np.empty((count, _POINTS))
    log_marginal, error = np.empty(count), np.full(count, np.inf)
    active = np.arange(count)
    _evaluate(density, active, grid, logs, log_marginal)
    if not isinstance(determinants, MixedDeterminants):
        return MixturePosterior(log_marginal, np.zeros(count), grid, logs, determinants.radii)
    change = np.full(count, np.inf)
    with tqdm(total=count, desc="sets of weights", disable=not progress) as bar:
        for _ in range(_MOST_NODES):
            nodes = _next_nodes(determinants, active, grid[active], logs[active])
            determinants.add_nodes(active, nodes)
            before, last = log_marginal[active].copy(), change[active]
            _evaluate(density, active, grid, logs, log_marginal)
            change[active] = np.abs(log_marginal[active] - before)
            # A small step may be luck: a tenth of the step before it is a floor.
            error[active] = np.maximum(change[active], np.where(np.isinf(last), 0, 0.1 * last))
            probability = np.exp(log_marginal - logsumexp(log_marginal))
            small = np.minimum(error[active], 700)
            remaining = active[probability[active] * np.expm1(small) > _TOLERANCE]
            bar.update(len(active) - len(remaining))
            active = remaining
            if not len(active):
                break
    return MixturePosterior(log_marginal, error, grid, logs, determinants.radii)


def _evaluate(
    density: _Density,
    active: np.ndarray,
    grid: np.ndarray,
    logs: np.ndarray,
    log_marginal: np.ndarray,
) -> None:
    for start in range(0, len(active), _AT_ONCE):
        sums = active[start : start + _AT_ONCE]
        grid[sums], logs[sums] = density.window(sums)
        steps = grid[sums, 1] - grid[sums, 0]
        log_marginal[sums] = logsumexp(logs[sums], axis=1) + np.log(steps)


def _next_nodes(
    determinants: MixedDeterminants, sums: np.ndarray, grid: np.ndarray, logs: np.ndarray
) -> np.ndarray:
    """Return the points where the error of interpolation weighs most (weighted Leja points).

    The error is x^5 prod_j (v - v_j), v = tanh(u / 2), times a slowly varying function; a root of
    the density keeps nodes where it matters and yet covers its tails.
    """
    weight = (logs - logs.max(axis=1, keepdims=True)) / 4
    weight = weight + 5 * np.log(np.abs(np.tanh(grid)) + 1e-12)
    v = np.tanh(grid / 2)
    for place in range(determinants.nodes.shape[1]):
        nodes = determinants.nodes[sums, place][:, None]
        gap = np.abs(v - nodes)
        weight = weight + np.where(np.isnan(gap), 0.0, np.log(gap + 1e-300))
    return np.asarray(grid[np.arange(len(sums)), weight.argmax(axis=1)])
