"""Common parts of chains by group: tables, moves by group, tests by reassigning groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec
from nqp_spatial.core.groups import Groups
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.resampling import batches
from nqp_spatial.core.text import t
from nqp_spatial.dynamics._homogeneity import Tests, permutation_tests, stratified_statistics
from nqp_spatial.dynamics._states import States
from nqp_spatial.dynamics._transitions import counts_by_unit

__all__ = ["GroupMoves", "GroupedChains", "group_moves", "reassignment_tests"]

_CELLS = 4_000_000  # units x groups x permutations at once


class GroupedChains(Displayed):
    """A result with chains of several groups, by name."""

    chains: Mapping[str, Any]
    tests: TestSet
    grouping: str
    spec: Spec

    _figure = "steady_states"
    _title = "Markov chains"

    @property
    def frame(self) -> pd.DataFrame:
        """Transition probabilities of all chains, one row per cell; the first level is the group.

        Columns ``moves, probability, std_error``, and bootstrap bounds if requested.
        """
        return pd.concat(
            {name: chain.frame for name, chain in self.chains.items()}, names=["group"]
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of each chain, with its name."""
        return tuple(
            t("{group}: {note}", group=name, note=note)
            for name, chain in self.chains.items()
            for note in chain.notes
        )

    @property
    def mobility(self) -> pd.DataFrame:
        """Mobility indices of each chain; the first level of the index is the group."""
        return pd.concat(
            {name: chain.mobility for name, chain in self.chains.items()}, names=["group"]
        )

    def _blocks(self) -> list[Block]:
        chains = [
            block for name, chain in self.chains.items() for block in (name, *chain._blocks())
        ]
        return [f"{self._title} by {self.grouping}", *chains, *map(repr, self.tests.values())]


@dataclass(frozen=True, eq=False)
class GroupMoves:
    """Moves of units and of groups of units.

    Attributes
    ----------
    grouping : str
        Name of the grouping.
    names : list of str
        Names of the groups.
    codes : ndarray of int
        Group of each unit.
    by_unit : ndarray
        Moves of each unit, shape (units, conditions x states x states).
    counts : ndarray of int
        Shape (groups, conditions, states, states).
    """

    grouping: str
    names: list[str]
    codes: np.ndarray
    by_unit: np.ndarray
    counts: np.ndarray


def group_moves(
    panel: SpatialPanel,
    group: str | pd.Series,
    states: States,
    step: int,
    lag_states: States | None = None,
) -> GroupMoves:
    """Count the moves of each group, by the neighbours' state if there is one."""
    groups = Groups.by_unit(panel, group)
    conditions, n_conditions = None, 1
    if lag_states is not None:
        conditions, n_conditions = lag_states.codes, lag_states.count
    by_unit = counts_by_unit(states.codes, states.count, step, conditions, n_conditions)
    shape = (len(groups), n_conditions, states.count, states.count)
    counts = (groups.indicators().T @ by_unit).reshape(shape).astype(int)
    return GroupMoves(_grouping(group), groups.names, groups.codes, by_unit, counts)


def _grouping(group: str | pd.Series) -> str:
    if isinstance(group, str):
        return group
    return t("group") if group.name is None else str(group.name)


def reassignment_tests(moves: GroupMoves, null: str, permutations: int, seed: int | None) -> Tests:
    """Return tests that groups are equal, by random reassignment of groups to units.

    Parameters
    ----------
    moves : GroupMoves
        Each unit keeps its moves; conditions are strata.
    null : str
    permutations : int
    seed : int, optional
    """
    codes, counts = moves.codes, moves.counts
    rng = np.random.default_rng(seed)
    draws = np.empty((2, permutations))
    for batch in batches(permutations, max(1, _CELLS // (len(codes) * len(counts)))):
        size = batch.stop - batch.start
        permuted = rng.permuted(np.tile(codes, (size, 1)), axis=1)
        members = (permuted[:, None, :] == np.arange(len(counts))[:, None]).astype(float)
        sums = (members.reshape(-1, len(codes)) @ moves.by_unit).reshape(size, *counts.shape)
        draws[:, batch] = stratified_statistics(np.swapaxes(sums, 1, 2))
    rule = t("{permutations} random reassignments of groups to units", permutations=permutations)
    observed = stratified_statistics(np.swapaxes(counts, 0, 1))
    return permutation_tests(observed, draws, null, rule)
