"""`NetworkResult`: a directed network of units, as tables, as a graph and as weights."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import checked
from nqp_spatial.core.periods import period_like
from nqp_spatial.core.text import t
from nqp_spatial.errors import OptionError, sample
from nqp_spatial.weights.spatial_weights import (
    Islands,
    SpatialWeights,
    Standardization,
    WeightsSpec,
    build,
)

if TYPE_CHECKING:
    from networkx import DiGraph

__all__ = ["NetworkResult"]


@dataclass(frozen=True, repr=False, eq=False)
class NetworkResult(Displayed):
    """A directed network of units, in one period or in each.

    Attributes
    ----------
    frame : DataFrame
        By period: ``links``; ``density``, of n (n - 1) possible links; ``reciprocity``, the share
        of links that are returned; ``connectedness, hierarchy, efficiency`` of Krackhardt. Missing
        where there are no links, or too few for a measure to be about any pair.
    nodes : DataFrame
        By (period, unit): ``out_degree, in_degree``; ``degree``, their sum over n - 1;
        ``closeness_in`` (networkx's `closeness_centrality`) and ``closeness_out`` (the same of the
        reversed network); ``betweenness``, over (n - 1)(n - 2); ``block`` (0 of a unit without
        links) and ``role``.
    blocks : DataFrame
        By (period, block): ``units``; links ``internal``, ``sent`` to and ``received`` from other
        blocks; ``internal_share`` of the links that the block sends; ``expected_share``, (units of
        the block - 1) / (n - 1); ``role``.
    block_links : DataFrame
        By (period, sender, receiver), blocks both: ``links``, ``density`` and ``image``, whether
        the density is above that of the network.
    units : Index
    label : str
        The masses in words.
    spec : Spec
        ``mass, share, distance, gap, power, threshold, splits``.
    notes : tuple of str
    tests : TestSet
        Empty; see `qap_correlation` and `mrqap`.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> result = nq.structure.network(nq.datasets.us_income(), "income", period=2009)
    >>> w = result.as_weights(islands="keep")
    >>> w.n_links == result.frame.loc[2009, "links"]
    np.True_
    """

    _figure: ClassVar[str] = "network_degrees"

    frame: pd.DataFrame
    nodes: pd.DataFrame
    blocks: pd.DataFrame
    block_links: pd.DataFrame
    units: pd.Index
    label: str
    spec: Spec
    notes: tuple[str, ...] = ()
    tests: TestSet = field(default_factory=TestSet)
    _links: dict[Hashable, sparse.csr_array] = field(default_factory=dict)

    @property
    def periods(self) -> pd.Index:
        """Periods of the network."""
        return self.frame.index

    @property
    def links(self) -> pd.DataFrame:
        """Strength of each link, by (period, sender, receiver)."""
        tables = {}
        for period, matrix in self._links.items():
            senders = np.repeat(np.arange(len(self.units)), np.diff(matrix.indptr))
            ids = [self.units[senders], self.units[matrix.indices]]
            index = pd.MultiIndex.from_arrays(ids, names=["sender", "receiver"])
            tables[period] = pd.DataFrame({"strength": matrix.data}, index=index)
        return pd.concat(tables, names=["period"])

    @checked
    def matrix(
        self,
        *,
        period: Hashable | None = None,
        values: Literal["links", "strength"] = "links",
    ) -> pd.DataFrame:
        """Return the network as a table, from sender (row) to receiver (column).

        Parameters
        ----------
        period : hashable, optional
            Needed if there are several.
        values : {"links", "strength"}
            One for each link, or its strength.

        Returns
        -------
        DataFrame

        Raises
        ------
        OptionError
            If there are several periods and none is named, or it is unknown.
        """
        return pd.DataFrame(
            self._values(period, values).toarray(), index=self.units, columns=self.units
        )

    @checked
    def graph(self, *, period: Hashable | None = None) -> DiGraph:
        """Return the network as a `networkx.DiGraph` with the attribute ``strength``.

        Parameters
        ----------
        period : hashable, optional
            Needed if there are several.

        Returns
        -------
        networkx.DiGraph

        Raises
        ------
        OptionError
            If there are several periods and none is named, or it is unknown.
        """
        import networkx as nx

        matrix = self._values(period, "strength")
        graph = nx.from_scipy_sparse_array(
            matrix, create_using=nx.DiGraph, edge_attribute="strength"
        )
        return nx.relabel_nodes(graph, dict(enumerate(self.units)))

    @checked
    def as_weights(
        self,
        *,
        period: Hashable | None = None,
        values: Literal["links", "strength"] = "links",
        standardize: Standardization = "row",
        islands: Islands = "error",
    ) -> SpatialWeights:
        """Return the network as spatial weights: ``w[receiver, sender]``.

        Parameters
        ----------
        period : hashable, optional
            Needed if there are several.
        values : {"links", "strength"}
            One for each link, or its strength.
        standardize : {"row", "spectral", "minmax", "none"}
            As in `SpatialWeights.standardize`.
        islands : {"error", "keep"}
            Units that receive no link.

        Returns
        -------
        SpatialWeights
            The transpose of `matrix`: rows receive.

        Raises
        ------
        IslandError
            If units receive no link and are not to be kept.
        OptionError
            If there are several periods and none is named, or it is unknown.

        Notes
        -----
        A network made from the outcome or the regressors of a model is not exogenous to it.

        Examples
        --------
        >>> import nqp_spatial as nq
        >>> states = nq.datasets.us_income()
        >>> result = nq.structure.network(states, "income", period=1929)
        >>> result.as_weights(islands="keep").n_units
        48
        """
        label = self._period(period)
        parameters = {
            "variable": self.label,
            "power": float(self.spec.power),
            "periods": str(label)
            if len(self.periods) > 1 or self.spec.period is not None
            else None,
            "values": None if values == "links" else t("strength"),
        }
        spec = WeightsSpec(t("gravity network"), parameters)
        received = sparse.csr_array(self._values(label, values).T)
        return build(received, self.units, spec, standardize=standardize, islands=islands)

    def _period(self, period: Hashable | None) -> Hashable:
        if period is None:
            if len(self.periods) > 1:
                raise OptionError(
                    f"the network has {len(self.periods)} periods; pass period=, one of "
                    f"{sample(self.periods, 8)}"
                )
            only: Hashable = self.periods.tolist()[0]
            return only
        chosen = period_like(period, self.periods)
        if chosen not in self.periods:
            raise OptionError(
                f"the network has no period {period!r}; it has {sample(self.periods, 8)}"
            )
        return chosen

    def _values(
        self, period: Hashable | None, values: Literal["links", "strength"]
    ) -> sparse.csr_array:
        matrix = self._links[self._period(period)].copy()
        if values == "links":
            matrix.data = np.ones_like(matrix.data)
        return matrix

    def _blocks(self) -> list[Block]:
        count = len(self.units)
        parts: list[Block] = [
            t("Gravity network of {mass}; {count} units", mass=self.label, count=count),
            self.frame,
        ]
        if len(self.periods) == 1 and len(self.blocks):
            shown = ["units", "sent", "received", "internal_share", "expected_share", "role"]
            parts += [t("Blocks"), self.blocks.droplevel("period")[shown]]
        return [*parts, *notes_of(self.notes)]
