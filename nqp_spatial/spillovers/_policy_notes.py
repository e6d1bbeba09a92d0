"""What a policy evaluation rests on, in notes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nqp_spatial.core.text import Message, t
from nqp_spatial.errors import sample
from nqp_spatial.spillovers._policy_cells import PolicyCells
from nqp_spatial.spillovers._policy_steps import OnTreated
from nqp_spatial.spillovers._policy_tables import Estimates

__all__ = ["notes_on"]

_FEW_CLEAN = 10  # clean units of a period below which its effect is imprecise
_FEW_UNITS = 5  # units of an event time below which a standard error means little


def notes_on(
    cells: PolicyCells,
    counts: pd.DataFrame,
    estimates: Estimates,
    *,
    horizon: int | None,
    on_treated: OnTreated,
    leads: int | None,
) -> list[str]:
    """Return notes on clean cells, pooled event times, and estimates from few units."""
    clean = counts["clean"]
    started = counts.index[(counts["treated"] > 0).to_numpy()]
    least = clean.idxmin()
    notes: list[str] = [
        t(
            "clean cells: {count} of {total}; the fewest are {fewest} units, in {period}",
            count=int(clean.sum()),
            total=cells.clean.size,
            fewest=int(clean.min()),
            period=str(least),
        )
    ]
    few = clean[(clean < _FEW_CLEAN) & clean.index.isin(started)]
    if len(few):
        notes.append(
            t(
                "few clean units carry the period effects of {periods}: {counts}",
                periods=sample(few.index),
                counts=", ".join(str(count) for count in few[:5]),
            )
        )
    if horizon is not None and horizon < cells.since_adoption.max():
        notes.append(t("event time {horizon} pools all later ones with it", horizon=horizon))
    step = estimates.effects.table
    rare = step[(step["units"] < _FEW_UNITS) & ~estimates.effects.undefined]
    if len(rare):
        times = sorted(set(rare["event_time"]))
        notes.append(
            t(
                "effects at event times {times} rest on fewer than {count} units: their standard "
                "errors are too small",
                times=", ".join(map(str, times)),
                count=_FEW_UNITS,
            )
        )
    alone = estimates.effects.undefined
    if alone.any():
        times = sorted(set(step["event_time"][alone]))
        notes.append(
            t(
                "effects at event times {times} rest on a single cluster and have no standard "
                "errors",
                times=", ".join(map(str, times)),
            )
        )
    exposed = int((cells.treated & cells.exposed).sum())
    if exposed and on_treated == "included":
        notes.append(
            t(
                "{count} of {total} treated cells are exposed as well: own effects include what "
                "these receive from others",
                count=exposed,
                total=int(cells.treated.sum()),
            )
        )
    if estimates.leads is None and leads is None and estimates.no_leads is not None:
        notes.append(t("no test of pre-trends: {reason}", reason=estimates.no_leads))
    for part in (estimates.effects, estimates.total, estimates.leads):
        if part is not None:
            notes += [note for note in part.notes if note not in notes]
    return notes


def discarded_note(draws: np.ndarray) -> list[Message]:
    """Return the note on draws that leave no clean cell in some period."""
    empty = int(np.isnan(draws[:, 0]).sum()) if len(draws) else 0
    if not empty:
        return []
    return [
        t(
            "{count} of {total} placebo draws leave no clean cell in some period and are not used",
            count=empty,
            total=len(draws),
        )
    ]
