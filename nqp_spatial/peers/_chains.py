"""Markov chains, counted again by giddy."""

from __future__ import annotations

from typing import Any

import numpy as np

from nqp_spatial.core.provenance import Call
from nqp_spatial.core.text import t
from nqp_spatial.peers._quantities import NoPeerError, Quantity, quantity
from nqp_spatial.weights.spatial_weights import as_weights

__all__ = ["lisa_markov", "markov", "rank_mobility", "spatial_markov"]


def _values(call: Call, variable: str) -> np.ndarray:
    values = call.arguments["panel"].values(variable)
    if call.arguments.get("relative"):
        values = values / values.mean(axis=0)
    step = int(call.arguments.get("step", 1))
    if step != 1:
        raise NoPeerError(t("giddy counts moves from each period to the next; use step=1"))
    return np.asarray(values)


def _classes(values: np.ndarray, cuts: Any) -> np.ndarray:
    """Return the states by the cuts of our chain: what is compared is the chain, not the cuts."""
    edges = np.asarray(cuts.to_numpy(dtype=float))
    if edges.ndim == 1:
        return np.searchsorted(edges, values, side="left")
    by_period = edges if edges.shape[0] == values.shape[1] else edges.T
    columns = [
        np.searchsorted(by_period[t], values[:, t], side="left") for t in range(values.shape[1])
    ]
    return np.stack(columns, axis=1)


def markov(call: Call, result: Any) -> list[Quantity]:
    """Compare moves, probabilities, the long run and first passages."""
    import giddy

    classes = _classes(_values(call, result.variable), result.cuts)
    theirs = giddy.markov.Markov(classes, classes=np.arange(len(result.counts)), summary=False)
    rows = [
        quantity("counts", result.counts.to_numpy(), theirs.transitions, "giddy"),
        quantity("probabilities", result.probabilities.to_numpy(), theirs.p, "giddy"),
    ]
    if result.closed_classes == 1 and not np.isnan(result.probabilities.to_numpy()).any():
        rows.append(quantity("ergodic", result.ergodic, theirs.steady_state, "giddy"))
        times = result.first_passage.to_numpy()
        # Where a state may never be reached the time is infinite; giddy gives some large number.
        if np.isfinite(times).all():
            rows.append(quantity("first_passage", times, giddy.ergodic.mfpt(theirs.p), "giddy"))
    return rows


def spatial_markov(call: Call, result: Any) -> list[Quantity]:
    """Compare moves, probabilities and tests of the chains by the neighbours' state."""
    import giddy

    arguments = call.arguments
    if arguments["condition"] != "neighbours":
        raise NoPeerError(t("giddy has no chains by the state of a group"))
    if result.own_cuts.ndim > 1 or result.neighbour_cuts.ndim > 1:
        raise NoPeerError(t("giddy takes cuts for all periods together; ours are by period"))
    values = _values(call, result.variable)
    weights = as_weights(arguments["weights"]).reordered(arguments["panel"].units)
    k, m = result.counts.shape[1], result.counts.shape[0] // result.counts.shape[1]
    theirs = giddy.markov.Spatial_Markov(
        values, weights.to_W(), fixed=True, k=k, m=m, discrete=False,
        cutoffs=result.own_cuts.to_numpy(dtype=float),
        lag_cutoffs=result.neighbour_cuts.to_numpy(dtype=float),
    )  # fmt: skip
    shape = (m, k, k)
    rows = [quantity("counts", result.counts.to_numpy().reshape(shape), theirs.T, "giddy")]
    visited = result.counts.to_numpy().reshape(shape).sum(axis=2) > 0
    known = result.probabilities.to_numpy(dtype=float).reshape(shape)[visited]
    rows.append(quantity("probabilities", known, theirs.P[visited], "giddy"))
    tests = result.tests
    for name, statistic, p_value in (("lr", theirs.LR, theirs.LR_p_value),
                                     ("chi2", theirs.Q, theirs.Q_p_value)):  # fmt: skip
        if hasattr(tests[name], "statistic"):
            rows.append(quantity(f"{name}, statistic", tests[name].statistic, statistic, "giddy"))
            ours = tests[name].p_value
            # giddy subtracts from one, which leaves few digits of a tiny p-value.
            wanted = 6.0 if ours > 1e-9 else 1.0
            rows.append(quantity(f"{name}, p_value", ours, p_value, "giddy", wanted=wanted))
    every = tests["chi2_all_cells"]
    # With other numbers of states giddy takes own states for the neighbours' in these degrees.
    if hasattr(every, "df") and k == m:
        rows.append(quantity("chi2_all_cells, df", every.df, theirs.x2_dof, "giddy"))
    return rows


def lisa_markov(call: Call, result: Any) -> list[Quantity]:
    """Compare moves between the quadrants of the Moran scatter plot."""
    import giddy

    arguments = call.arguments
    values = _values(call, arguments["variable"])
    weights = as_weights(arguments["weights"]).reordered(arguments["panel"].units)
    theirs = giddy.markov.LISA_Markov(values, weights.to_W(), permutations=0)
    order = ["HH", "LH", "LL", "HL"]
    chain = result.chain
    counts, p = chain.counts.loc[order, order], chain.probabilities.loc[order, order]
    return [
        quantity("counts", counts.to_numpy(), theirs.transitions, "giddy"),
        quantity("probabilities", p.to_numpy(), theirs.p, "giddy"),
    ]


def rank_mobility(call: Call, result: Any) -> list[Quantity]:
    """Compare Kendall's tau of the first and the last period."""
    import giddy

    values = _values(call, call.arguments["variable"])
    frame = result.frame
    theirs = [
        giddy.rank.Tau(values[:, t], values[:, t + 1]).tau for t in range(values.shape[1] - 1)
    ]
    return [quantity("tau", frame["tau"], theirs, "giddy")]
