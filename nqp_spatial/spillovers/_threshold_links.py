"""Log-determinants of models that differ by the threshold at which links change their coefficient.

With links in the order of their scores each part is a range of links, and the pattern of ``I -
sum_k rho_k W_k`` is the same for all thresholds: one analysis serves all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy import sparse

from nqp_spatial.regression.likelihood.link_systems import LinkSums, LinkSystem
from nqp_spatial.regression.likelihood.several_lags import AscentLags, LagMatrices, SparseLags

__all__ = ["CutLags", "OrderedLinks"]


@dataclass(frozen=True, eq=False)
class OrderedLinks:
    """Links in the order of their scores.

    Attributes
    ----------
    rows, columns, weights, scores : ndarray
        Shape (links,).
    size : int
        Rows of W.
    """

    rows: np.ndarray
    columns: np.ndarray
    weights: np.ndarray
    scores: np.ndarray
    size: int

    @classmethod
    def by_score(
        cls, rows: np.ndarray, columns: np.ndarray, weights: np.ndarray, scores: np.ndarray,
        size: int,
    ) -> OrderedLinks:  # fmt: skip
        """Return the links in order; rows and columns as whole numbers of one type."""
        order = np.argsort(scores, kind="stable")
        return cls(
            rows[order].astype(np.int64), columns[order].astype(np.int64), weights[order],
            scores[order], size,
        )  # fmt: skip

    def below(self, gammas: Sequence[float] | np.ndarray) -> np.ndarray:
        """Return how many links have a score at or below each threshold."""
        return np.searchsorted(self.scores, np.asarray(gammas, dtype=float), side="right")

    @cached_property
    def system(self) -> LinkSystem:
        """The pattern of all links, analysed at the first use."""
        return LinkSystem(self.rows, self.columns, self.size)

    @cached_property
    def largest_row_sum(self) -> float:
        """The largest sum of absolute weights in a row."""
        sums = np.bincount(self.rows, np.abs(self.weights), minlength=self.size)
        return float(sums.max())

    def ends(self, cuts: Sequence[int]) -> np.ndarray:
        """Return first and last positions of the parts between sorted cuts, shape (parts + 1,)."""
        return np.array([0, *sorted(cuts), len(self.rows)])


class _RangeSums(LinkSums):
    """Sums of parts that are ranges of ordered links."""

    def __init__(self, links: OrderedLinks, ends: np.ndarray) -> None:
        self._links, self._ends, self._sizes = links, ends, np.diff(ends)
        self.n, self.n_links = links.size, len(links.rows)

    @property
    def system(self) -> LinkSystem:
        """The pattern of all links."""
        return self._links.system

    def weights(self, coefs: np.ndarray) -> np.ndarray:
        """Return the weights of the links in the sum, shape (links,)."""
        return np.asarray(self._links.weights * np.repeat(coefs, self._sizes))

    def traces(self, inverse: np.ndarray) -> np.ndarray:
        """Return ``tr W_k Z`` of each part, from Z at the turned links."""
        running = np.concatenate([[0.0], np.cumsum(self._links.weights * inverse)])
        return np.diff(running[self._ends])

    def largest_row_sum(self, coefs: np.ndarray) -> float:
        """Return the largest sum of absolute weights in a row."""
        weights = np.abs(self.weights(coefs))
        return float(np.bincount(self._links.rows, weights, minlength=self.n).max())


class CutLags(SparseLags):
    """The lags of the parts between cuts; ascents start from the Hessian of the cuts before."""

    @classmethod
    def at(cls, links: OrderedLinks, cuts: Sequence[int], memory: dict[str, np.ndarray]) -> CutLags:
        """Return the lags of the parts between cuts.

        Parameters
        ----------
        links : OrderedLinks
        cuts : sequence of int
            Numbers of links below the thresholds.
        memory : dict of ndarray
            What ascents remember; shared by thresholds near each other.
        """
        ends = links.ends(cuts)
        matrices = [
            sparse.csr_array(
                (links.weights[a:b], (links.rows[a:b], links.columns[a:b])),
                shape=(links.size, links.size),
            )
            for a, b in pairwise(ends)
        ]
        lags = cls(matrices)
        lags.__dict__["sums"] = _RangeSums(links, ends)
        lags.__dict__["memory"] = memory
        return lags

    def for_ascents(self) -> LagMatrices:
        """Return the same determinants, with the Hessian that the last ascents have left."""
        memory: dict[str, np.ndarray] = self.__dict__["memory"]
        memory.pop("gradient", None)  # that of other parts
        return AscentLags(self.matrices, self, memory)
