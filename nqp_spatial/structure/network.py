"""`network`: who is linked with whom by gravity, how central units are, which blocks they form."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Annotated, Any

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.display import Spec
from nqp_spatial.core.options import Jobs, Nonnegative, Positive, Range, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.sizes import require_memory
from nqp_spatial.core.text import t
from nqp_spatial.errors import DomainError, OptionError, PanelError, sample
from nqp_spatial.structure._concor import block_densities, block_table, concor
from nqp_spatial.structure._graphs import krackhardt, shortest_paths
from nqp_spatial.structure._gravity import (
    Threshold,
    distances,
    mass_of,
    positive,
    retained,
    strengths,
)
from nqp_spatial.structure._network_result import NetworkResult

__all__ = ["NetworkResult", "network"]

_BYTES_PER_PAIR = 40


@checked
def network(
    panel: SpatialPanel,
    mass: str | Sequence[str],
    *,
    period: Hashable | None = None,
    share: str | None = None,
    distance: pd.DataFrame | None = None,
    gap: str | None = None,
    power: Positive = 2.0,
    threshold: Threshold | Nonnegative = "row-mean",
    splits: Annotated[int, Range(0, 6)] = 2,
    n_jobs: Jobs = 1,
    progress: bool = False,
) -> NetworkResult:
    """Make the directed network of a modified gravity model and describe it.

    ``F_ij = k_ij M_i M_j / D_ij ** power`` with ``k_ij = S_i / (S_i + S_j)`` is the strength from i
    (sender) to j (receiver); there is a link where it is above the threshold.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced, complete in the columns.
    mass : str or sequence of str
        Positive columns; M is their geometric mean.
    period : hashable, optional
        One period. By default each period has its network.
    share : str, optional
        The positive column S of the origin's share k; M by default.
    distance : DataFrame, optional
        D between units, positive, rows and columns named by unit. By default kilometres on the
        great circle between points or centroids.
    gap : str, optional
        A column g, such as income per head: the distance is ``D_ij / |g_i - g_j|``, so that units
        of equal g have no link.
    power : float
    threshold : {"row-mean", "mean", "none"} or float
        Links are strengths above the mean of what the sender has with the n - 1 others, above the
        mean of all, all positive ones, or those above a number.
    splits : int
        How often CONCOR splits units into blocks; 2 for four blocks, 0 for none.
    n_jobs : int
        Threads for shortest paths; the result is the same for any number.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    NetworkResult

    Raises
    ------
    MissingValuesError, UnbalancedPanelError, DomainError
        If cells are missing, not positive, or there are fewer than three units.
    GeometryError, CrsError
        If kilometres are wanted and the panel has no coordinates.
    UnmatchedIdsError
        If distances are of other units.
    ConvergenceError
        If CONCOR finds no blocks.
    OptionError, UnknownColumnError, PanelError
        If an option is out of range, or a column or period is unknown.

    Notes
    -----
    Krackhardt's measures are one less the share of violations: of pairs that no path joins
    (connectedness, directions ignored), of pairs with paths both ways among those with a path
    (hierarchy), of links beyond n - 1 in each component among those possible (efficiency,
    directions ignored). Other programs count links, not pairs, in the last.

    Roles: a block whose share of links within is at least as expected is a net receiver if it
    receives more links from other blocks than it sends, and two-way if not; a block with a smaller
    share is a broker if it receives more, and a net sender if not.

    Sources: Krackhardt (1994), Graph theoretical dimensions of informal organizations; Breiger,
    Boorman and Arabie (1975), Journal of Mathematical Psychology 12(3), 328-383, for CONCOR; Burt
    (1976), Social Forces 55(1), 93-122, and Wasserman and Faust (1994), p. 414, for roles; Brandes
    (2001), Journal of Mathematical Sociology 25(2), 163-177, for betweenness.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> states = nq.datasets.us_income()
    >>> result = nq.structure.network(states, mass="income", period=2009)
    >>> result.blocks["role"].nunique() <= 4
    True
    """
    from tqdm import tqdm

    names = [mass] if isinstance(mass, str) else list(mass)
    _require_names(names)
    section = panel if period is None else panel.select(periods=[panel.period(period)])
    n = section.n_units
    if n < 3:
        raise DomainError(f"a network needs three units or more, the panel has {n}")
    require_memory(_BYTES_PER_PAIR * n**2, f"a network of {n} units", "select fewer units")
    masses = mass_of(section, names)
    shares = masses if share is None else positive(section, share)
    gaps = None if gap is None else section.values(gap)
    between = distances(section, distance)
    links = {
        label: retained(
            strengths(
                masses[:, place], shares[:, place], between,
                None if gaps is None else gaps[:, place], power,
            ),
            threshold,
        )
        for place, label in enumerate(section.periods.tolist())
    }  # fmt: skip
    bar = tqdm(links.values(), desc="periods", disable=not progress)
    tables = [_described(matrix, section.units, splits, n_jobs) for matrix in bar]
    joined = [
        pd.concat([table[part] for table in tables], keys=list(links), names=["period"])
        for part in range(4)
    ]
    label = ", ".join(panel.label(name) for name in names)
    return NetworkResult(
        frame=joined[0].droplevel(1),
        nodes=joined[1],
        blocks=joined[2],
        block_links=joined[3],
        units=section.units,
        label=label,
        spec=Spec(
            mass=names, period=period, share=share,
            distance=t("great-circle km") if distance is None else t("a table"),
            gap=gap, power=float(power), threshold=threshold, splits=splits,
        ),
        notes=_notes(joined[1], joined[2], splits),
        _links=links,
    )  # fmt: skip


def _require_names(names: list[str]) -> None:
    if not names:
        raise OptionError("mass must name at least one column")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise PanelError(f"mass names {sample(repeated)} twice")


def _described(
    links: sparse.csr_array, units: pd.Index, splits: int, n_jobs: int
) -> tuple[pd.DataFrame, ...]:
    """Return the tables of one period: the network, its units, its blocks, links of blocks."""
    n = len(units)
    paths = shortest_paths(links, n_jobs)
    pattern = sparse.csr_array(links != 0, dtype=float)
    out_degree, in_degree = (pattern.sum(axis=axis).astype(int) for axis in (1, 0))
    returned = float(pattern.multiply(pattern.T).sum())
    connectedness, hierarchy, efficiency = krackhardt(pattern, paths.reach)
    measures: dict[str, Any] = {
        "links": links.nnz,
        "density": links.nnz / (n * (n - 1)),
        "reciprocity": returned / links.nnz if links.nnz else np.nan,
        "connectedness": connectedness,
        "hierarchy": hierarchy,
        "efficiency": efficiency,
    }
    nodes = pd.DataFrame(
        {
            "out_degree": out_degree,
            "in_degree": in_degree,
            "degree": (out_degree + in_degree) / (n - 1),
            "closeness_in": paths.closeness_in,
            "closeness_out": paths.closeness_out,
            "betweenness": paths.betweenness,
        },
        index=units.rename("unit"),
    )
    block = concor(pattern, splits) if splits else np.zeros(n, dtype=int)
    densities = block_densities(pattern, block)
    blocks = block_table(densities, block) if block.any() else _NO_BLOCKS
    if block.any():
        roles = np.concatenate([["isolated"], blocks["role"].to_numpy()])
        nodes = nodes.assign(block=block, role=roles[block])
    return pd.DataFrame([measures]), nodes, blocks, densities


_NO_BLOCKS = pd.DataFrame(
    columns=["units", "internal", "sent", "received", "internal_share", "expected_share", "role"],
    index=pd.Index([], name="block", dtype=int),
)


def _notes(nodes: pd.DataFrame, blocks: pd.DataFrame, splits: int) -> tuple[str, ...]:
    notes = []
    alone = nodes.index[(nodes["out_degree"] + nodes["in_degree"]) == 0]
    if len(alone):
        ids = alone.get_level_values("unit").unique()
        notes.append(t("units without any link: {units}", units=sample(ids)))
    if splits and len(blocks):
        counts = blocks.groupby(level="period").size()
        few = counts.index[counts < 2**splits]
        if len(few):
            notes.append(
                t(
                    "CONCOR cannot split further: fewer than {count} blocks in {periods}",
                    count=2**splits, periods=sample(few),
                )
            )  # fmt: skip
    return tuple(notes)
