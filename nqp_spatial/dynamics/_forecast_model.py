"""What a forecast needs of a chain: states by cuts of the past, moves by unit, probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.groups import Groups
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.dynamics import _transitions as transitions
from nqp_spatial.dynamics._states import (
    Discretization,
    States,
    classify,
    discretize_values,
    matrix_without_islands,
    state_data,
)
from nqp_spatial.dynamics.markov import MarkovResult
from nqp_spatial.dynamics.markov_by_group import ChainsResult, SpatialChainsResult
from nqp_spatial.dynamics.spatial_markov import SpatialMarkovResult
from nqp_spatial.errors import OptionError, PanelError
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

__all__ = ["AnyChain", "ChainData", "ChainModel", "chain_data", "model_until"]

AnyChain = MarkovResult | SpatialMarkovResult | ChainsResult | SpatialChainsResult


@dataclass(frozen=True, eq=False)
class ChainData:
    """The values behind a chain, and how they are cut.

    Attributes
    ----------
    variable, label : str
    values : ndarray
        Shape (n_units, n_periods).
    states, lag_states : int
        Numbers of own states and of neighbour states; one neighbour state without neighbours.
    discretize, lag_discretize : str or cuts
    step : int
    matrix : csr_array or None
        W of a spatial chain.
    groups : ndarray of int
        Group of each unit, all 0 without groups.
    group_names : tuple of str
        Empty without groups.
    """

    variable: str
    label: str
    values: np.ndarray
    states: int
    lag_states: int
    discretize: Discretization
    lag_discretize: Discretization
    step: int
    matrix: sparse.csr_array | None
    groups: np.ndarray
    group_names: tuple[str, ...]

    @property
    def fixed_shares(self) -> bool:
        """Whether each period has cuts of its own, so that shares of states cannot change."""
        return isinstance(self.discretize, str) and self.discretize == "period-quantiles"


@dataclass(frozen=True, eq=False)
class ChainModel:
    """A chain estimated on the first periods of a panel.

    Attributes
    ----------
    data : ChainData
    until : int
        Number of periods that the chain was estimated on; the forecast starts at the last of them.
    codes : ndarray of int
        State of each unit in all periods of the panel, by the cuts of the first `until`.
    by_unit : ndarray
        Moves of each unit within these periods, shape (n, lag states x states x states).
    cuts, lag_cuts : ndarray
        Ascending; of the lag only with neighbours.
    """

    data: ChainData
    until: int
    codes: np.ndarray
    by_unit: np.ndarray
    cuts: np.ndarray
    lag_cuts: np.ndarray

    @property
    def start(self) -> np.ndarray:
        """State of each unit in the period in which the forecast starts."""
        return np.asarray(self.codes[:, self.until - 1])

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Groups, lag states, states, states."""
        data = self.data
        return max(len(data.group_names), 1), data.lag_states, data.states, data.states

    @cached_property
    def counts(self) -> np.ndarray:
        """Moves by group, shape (groups, lag states, states, states)."""
        return np.asarray(self._sums(np.ones((1, len(self.by_unit))))[0])

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Probabilities; rows never visited have those of all neighbour states, then all groups.

        A state that was never left within the sample stays.
        """
        counts = self.counts
        p = transitions.probabilities(counts)
        for axes in (1, (0, 1)):
            wider = transitions.probabilities(counts.sum(axis=axes, keepdims=True))
            p = np.where(np.isnan(p), wider, p)
        return np.asarray(np.where(np.isnan(p), np.eye(self.data.states), p))

    @property
    def unvisited(self) -> int:
        """Number of rows without any move."""
        return int((self.counts.sum(axis=-1) == 0).sum())

    @cached_property
    def smoothed(self) -> np.ndarray:
        """Probabilities none of which is zero: one more move is added to each row.

        It is divided among next states as in the row of all neighbour states and groups, to which
        one move in equal parts was added.
        """
        counts = self.counts
        pooled = counts.sum(axis=(0, 1))
        pooled = (pooled + 1 / len(pooled)) / (pooled.sum(axis=1, keepdims=True) + 1)
        return np.asarray((counts + pooled) / (counts.sum(axis=-1, keepdims=True) + 1))

    def bootstrapped(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return probabilities of bootstrap samples of units, shape (size, *shape).

        Rows that a sample does not visit have the estimates.
        """
        times = np.zeros((size, len(self.by_unit)))
        rows = np.arange(size)[:, None]
        for group in range(self.shape[0]):
            members = np.flatnonzero(self.data.groups == group)
            # One by one and counted: multinomial draws take ten times as long.
            places = rows * len(members) + rng.integers(0, len(members), (size, len(members)))
            counts = np.bincount(places.ravel(), minlength=size * len(members))
            times[:, members] = counts.reshape(size, len(members))
        p = transitions.probabilities(self._sums(times))
        return np.asarray(np.where(np.isnan(p), self.probabilities, p))

    def _sums(self, times: np.ndarray) -> np.ndarray:
        """Return moves by group, where each unit counts so many times; times are (size, n)."""
        sums = []
        for group in range(self.shape[0]):
            members = np.flatnonzero(self.data.groups == group)
            moves = sparse.csr_array(self.by_unit[members].astype(float))
            sums.append(np.asarray((moves.T @ times[:, members].T).T))
        return np.stack(sums, axis=1).reshape(len(times), *self.shape)


def model_until(data: ChainData, until: int) -> ChainModel:
    """Return the chain estimated on the first `until` periods, with cuts of these periods only."""
    own = _cut(data.values, data.states, data.discretize, until, data.variable)
    conditions, lag_cuts = None, np.empty(0)
    if data.matrix is not None:
        lags = np.asarray(data.matrix @ data.values)
        what = f"the spatial lag of {data.variable}"
        near = _cut(lags, data.lag_states, data.lag_discretize, until, what)
        conditions, lag_cuts = near.codes[:, :until], near.cuts
    by_unit = transitions.counts_by_unit(
        own.codes[:, :until], data.states, data.step, conditions, data.lag_states
    )
    return ChainModel(data, until, own.codes, by_unit, own.cuts, lag_cuts)


def _cut(values: np.ndarray, states: int, how: Discretization, until: int, what: str) -> States:
    """Return the states of all periods by cuts of the first ones, or by a period's own cuts."""
    past = discretize_values(values[:, :until], states, how, what=what)
    if past.cuts.ndim == 2:
        return discretize_values(values, states, how, what=what)
    return States(classify(values, past.cuts), past.cuts, states, past.method)


# -- from the result to its data -------------------------------------------------------------------


def chain_data(
    chain: AnyChain,
    panel: SpatialPanel,
    weights: WeightsLike | None,
    group: str | pd.Series | None,
) -> ChainData:
    """Return the data of a chain from its panel; raise where a forecast would mean nothing."""
    first = _first(chain)
    spec = chain.spec
    if "discretize" not in spec:
        raise OptionError(
            "states of this chain are quadrants, which depend on neighbours through the mean of "
            "all units: forecasts are made of chains from markov and spatial_markov"
        )
    groups, names = _groups_of(chain, panel, group)
    cut = state_data(
        panel, first.variable, states=spec.states, discretize=spec.discretize, step=spec.step,
        relative=spec.relative,
    )  # fmt: skip
    matrix = None
    if isinstance(first, SpatialMarkovResult):
        _require_neighbours_only(spec)
        matrix = _weights_of(first, weights, panel)
    data = ChainData(
        variable=first.variable,
        label=first.label,
        values=cut.values,
        states=cut.states.count,
        lag_states=1 if matrix is None else spec.lag_states,
        discretize=spec.discretize,
        lag_discretize="pooled-quantiles" if matrix is None else spec.lag_discretize,
        step=spec.step,
        matrix=matrix,
        groups=groups,
        group_names=names,
    )
    _require_same_moves(chain, model_until(data, panel.n_periods))
    return data


_GROUPED = (ChainsResult, SpatialChainsResult)


def _first(chain: AnyChain) -> MarkovResult | SpatialMarkovResult:
    """Return the chain, or that of the first group."""
    if isinstance(chain, ChainsResult):
        return next(iter(chain.chains.values()))
    if isinstance(chain, SpatialChainsResult):
        return next(iter(chain.chains.values()))
    return chain


def _groups_of(
    chain: AnyChain, panel: SpatialPanel, group: str | pd.Series | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the group of each unit and the names of groups; 0 and none without groups."""
    if not isinstance(chain, _GROUPED):
        if group is not None:
            raise OptionError("group= goes with chains by group, from markov_by_group")
        return np.zeros(panel.n_units, dtype=int), ()
    by: str | pd.Series = chain.grouping if group is None else group
    if isinstance(by, str) and by not in panel.frame.columns:
        raise OptionError(
            f"the chains are by {by}, which is not a column of the panel: pass the groups of units "
            "as group=; chains by span of time or previous state have no forecast, that of "
            "nqp_spatial.dynamics.markov has"
        )
    groups = Groups.by_unit(panel, by)
    if groups.names != list(chain.chains):
        raise OptionError(f"group= has the groups {groups.names}, the chains {list(chain.chains)}")
    return groups.codes, tuple(groups.names)


def _require_neighbours_only(spec: Any) -> None:
    if spec.get("condition", "neighbours") != "neighbours":
        raise OptionError(
            f"chains with condition={spec.condition!r} have no forecast, those with "
            "condition='neighbours' have"
        )
    by_period = [
        name
        for name in ("discretize", "lag_discretize")
        if isinstance(spec[name], str) and spec[name] == "period-quantiles"
    ]
    if by_period:
        options = " and ".join(f"{name}='period-quantiles'" for name in by_period)
        raise OptionError(
            f"with {options} the cuts of future periods are unknown, and so are neighbours' "
            "states: estimate the chain with pooled quantiles or cuts"
        )


def _weights_of(
    chain: SpatialMarkovResult, weights: WeightsLike | None, panel: SpatialPanel
) -> sparse.csr_array:
    w: SpatialWeights | None = chain.weights if weights is None else as_weights(weights)
    if w is None:
        raise OptionError("a spatial chain needs the weights it was estimated with: pass weights=")
    return matrix_without_islands(w, panel.units, "neighbour state")


def _require_same_moves(chain: AnyChain, model: ChainModel) -> None:
    tables = (
        [part.counts for part in chain.chains.values()]
        if isinstance(chain, _GROUPED)
        else [chain.counts]
    )
    of_chain = np.concatenate([table.to_numpy().ravel() for table in tables])
    of_panel = model.counts.ravel()
    if of_chain.shape != of_panel.shape or (of_chain != of_panel).any():
        raise PanelError(
            f"the chain of {_first(chain).variable} has {of_chain.sum():g} moves, and those of "
            f"this panel ({of_panel.sum():g}) are other moves: pass the panel, weights and groups "
            "from which the chain was estimated, or estimate it again with this panel"
        )
