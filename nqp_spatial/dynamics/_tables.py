"""Common parts of the tables of all chains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nqp_spatial.core.display import Block, Displayed

__all__ = ["DrawnByChain", "TransitionTables", "mobility_frame", "rounded_probabilities"]


class TransitionTables(Displayed):
    """A result with counts, probabilities and standard errors of moves, rows by columns."""

    counts: pd.DataFrame
    probabilities: pd.DataFrame
    std_errors: pd.DataFrame
    intervals: pd.DataFrame | None

    _figure = "transitions"

    @property
    def frame(self) -> pd.DataFrame:
        """One row per cell: ``moves, probability, std_error``, and bootstrap bounds if requested.

        The index has the states before and after the move, and the condition if there is one.
        """
        columns = {
            "moves": self.counts.stack(future_stack=True),
            "probability": self.probabilities.stack(future_stack=True),
            "std_error": self.std_errors.stack(future_stack=True),
        }
        if self.intervals is not None:
            columns |= {name: self.intervals[name] for name in ("conf_low", "conf_high")}
        return pd.DataFrame(columns)


class DrawnByChain(Displayed):
    """A result whose figure is that of its chain."""

    chain: TransitionTables

    def plot(self, **options: Any) -> Any:
        """Plot the transition probabilities; options as in `nqp_spatial.plots.transitions`.

        Returns
        -------
        Figure
        """
        return self.chain.plot(**options)


def rounded_probabilities(result: TransitionTables) -> Block:
    """Return transition probabilities and the number of moves from each state, for display."""
    return result.probabilities.round(3).assign(moves=result.counts.sum(axis=1))


def mobility_frame(indices: Mapping[Any, tuple[float, float]], names: list[str]) -> pd.DataFrame:
    """Return mobility indices with their standard errors, one row each."""
    table = pd.DataFrame.from_dict(indices, orient="index", columns=["estimate", "std_error"])
    if len(names) > 1:
        table.index = pd.MultiIndex.from_tuples(list(indices))
    return table.rename_axis(names)
