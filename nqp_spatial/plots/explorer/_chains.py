"""Markov chains on a page of linked views: states over time, and cells that select transitions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import label, t, translate
from nqp_spatial.dynamics import MarkovResult, SpatialMarkovResult
from nqp_spatial.dynamics._states import classify, values_of
from nqp_spatial.dynamics._transitions import count_transitions
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._theme import SEQUENTIAL
from nqp_spatial.plots.explorer._content import Cells, Content, Variable, hex_colour, ranked
from nqp_spatial.plots.explorer._panel import unit_names
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["chain_content"]


def chain_content(
    result: MarkovResult | SpatialMarkovResult,
    panel: SpatialPanel,
    weights: SpatialWeights | None,
    names: str | None,
    *,
    title: str | None,
) -> Content:
    """Return the states of units over time, and the transition probabilities.

    Raises
    ------
    OptionError
        If the chain was not estimated from this panel.
    """
    chain = result.pooled if isinstance(result, SpatialMarkovResult) else result
    values = values_of(panel, chain.variable, relative=bool(result.spec.relative))
    codes = classify(values, chain.cuts.to_numpy())
    states, step = [str(name) for name in chain.counts.index], int(result.spec.step)
    if not np.array_equal(count_transitions(codes, len(states), step)[0], chain.counts.to_numpy()):
        raise OptionError(
            "the transitions in panel= are not those of the chain: pass the panel from which it "
            "was estimated"
        )
    colours = _shades(len(states))
    words = translate(t("State of {name}", name=chain.label))
    fixed = isinstance(chain.cuts, pd.Series)
    cuts = [float(cut) for cut in chain.cuts] if fixed else []
    number = _relative_label(chain.label, relative=bool(result.spec.relative))
    shown = Variable(
        number, codes, list(zip(states, colours, strict=True)), values=values, cuts=cuts
    )
    variables = {
        "state": Variable(
            words, codes, shown.classes, view=_cells(result, chain, codes, values, panel, weights),
            series="value", cuts=cuts,
        ),
        "value": replace(shown, view=ranked(shown, panel.periods)),
    }  # fmt: skip
    return Content(unit_names(panel, names), panel.periods, variables, title or words)


def _cells(
    result: MarkovResult | SpatialMarkovResult,
    chain: MarkovResult,
    codes: np.ndarray,
    values: np.ndarray,
    panel: SpatialPanel,
    weights: SpatialWeights | None,
) -> Cells:
    """Return the matrix of a chain, or those of all conditions one below the other."""
    states = [_number(name) for name in chain.counts.index]
    rows, starts = states, codes
    heading = t("Transition probabilities")
    row_title = label("column", "own_state")
    if isinstance(result, SpatialMarkovResult):
        levels = result.counts.index
        rows = [" | ".join(_number(state) for state in row) for row in levels]
        heading = t("Transition probabilities by the state of neighbours")
        row_title = t("State of neighbours | current state")
        starts = np.full(codes.shape, -1)
        if weights is not None and result.spec.condition == "neighbours":
            lags = weights.aligned(panel.units) @ values
            starts = classify(lags, result.neighbour_cuts.to_numpy()) * len(states) + codes
        elif result.spec.condition != "neighbours":
            heading = t("Transition probabilities by condition")
            row_title = t("Condition | current state")
    return Cells(
        translate(heading), translate(row_title), translate(label("column", "next_state")), rows,
        states, result.probabilities.to_numpy(), result.counts.to_numpy(), starts,
        int(result.spec.step),
    )  # fmt: skip


def _number(state: object) -> str:
    """Return the number of a state, without its interval."""
    return str(state).partition(":")[0]


def _relative_label(name: str, *, relative: bool) -> str:
    return translate(t("{name} (mean = 1)", name=name)) if relative else name


def _shades(count: int) -> list[str]:
    import matplotlib as mpl

    return [hex_colour(c) for c in mpl.colormaps[SEQUENTIAL](np.linspace(0.12, 0.95, count))]
