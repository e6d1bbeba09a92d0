"""`Specification`: what one model is estimated from, to be changed in one respect at a time."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import pandas as pd

from nqp_spatial.core.display import Block, Displayed, notes_of
from nqp_spatial.core.options import PassedTo, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import listed, t
from nqp_spatial.regression.fit import fit
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

__all__ = ["Specification"]

Weights = SpatialWeights | Mapping[str, SpatialWeights] | None


@dataclass(frozen=True, repr=False, eq=False)
class Specification(Displayed):
    """Formula, panel, weights and options of one model.

    A change of `robustness` is a function that takes a specification and returns a new one, by
    `replaced`, `with_options` or `with_units`.

    Attributes
    ----------
    formula : str
    panel : SpatialPanel
    weights : SpatialWeights, mapping of these by term, or None
    options : dict
        Options of `fit`, by name.
    notes : tuple of str
        What the changes did to the sample.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> baseline = nq.regression.Specification("lgsp ~ lpc", panel, w, {"effects": "unit"})
    >>> baseline.with_units(["TX", "OK", "LA", "AR"]).fit().n_units
    4
    """

    formula: str
    panel: SpatialPanel
    weights: Weights = None
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        formula: str,
        panel: SpatialPanel,
        weights: WeightsLike | Mapping[str, WeightsLike] | None,
        options: Mapping[str, Any],
    ) -> Specification:
        """Return a specification from the arguments of `fit`."""
        return cls(formula, panel, matched(weights), dict(options))

    @checked
    def replaced(
        self,
        *,
        formula: str | None = None,
        panel: SpatialPanel | None = None,
        weights: WeightsLike | Mapping[str, WeightsLike] | None = None,
        note: str = "",
    ) -> Specification:
        """Return a specification with another formula, panel or weights.

        Parameters
        ----------
        formula, panel, weights
            Those of this specification, if not given.
        note : str
            What this does to the sample, added to `notes`.

        Returns
        -------
        Specification
        """
        return replace(
            self,
            formula=self.formula if formula is None else formula,
            panel=self.panel if panel is None else panel,
            weights=self.weights if weights is None else matched(weights),
            notes=(*self.notes, *([note] if note else [])),
        )

    @checked
    def with_options(self, **options: Annotated[object, PassedTo("fit")]) -> Specification:
        """Return a specification with other options of `fit`."""
        return replace(self, options={**self.options, **options})

    @checked
    def with_units(self, units: Iterable[Hashable], *, note: str = "") -> Specification:
        """Return the specification of some units, with weights among them.

        Weights are standardised again, as they were, from the raw weights
        (`SpatialWeights.subset`).

        Parameters
        ----------
        units : iterable
            Ids to keep.
        note : str
            Added to `notes`.

        Returns
        -------
        Specification

        Raises
        ------
        UnmatchedIdsError
            If the panel has no such unit.
        """
        panel = self.panel.select(units=units)
        changed = self.replaced(panel=panel, note=note)
        again = t("spatial weights among the remaining units, standardised again")
        if self.weights is None:
            return changed
        if isinstance(self.weights, SpatialWeights):
            subset = self.weights.subset(panel.units)
            changed = changed.replaced(weights=subset, note=again)
            return changed.replaced(note=_islands_note([self.weights], [subset]))
        subsets = {term: w.subset(panel.units) for term, w in self.weights.items()}
        changed = changed.replaced(weights=subsets, note=again)
        return changed.replaced(note=_islands_note(self.weights.values(), subsets.values()))

    def fit(self) -> RegressionResult:
        """Return the estimated model; the same as `fit` with these arguments.

        Raises
        ------
        NqpError
            As `fit` does.
        """
        result: RegressionResult = fit(self.formula, self.panel, self.weights, **self.options)
        return result

    @property
    def frame(self) -> pd.DataFrame:
        """The parts of the specification in words."""
        options = {name: str(value) for name, value in self.options.items()}
        parts = {"formula": self.formula, "weights": weights_words(self.weights), **options}
        return pd.DataFrame({"value": parts})

    def _blocks(self) -> list[Block]:
        size = t(
            "{units} units x {periods} periods",
            units=self.panel.n_units, periods=self.panel.n_periods,
        )  # fmt: skip
        return [t("Specification, {size}", size=size), self.frame, *notes_of(self.notes)]


def _islands_note(before: Iterable[SpatialWeights], after: Iterable[SpatialWeights]) -> str:
    """Return which units lost their last neighbour, if any."""
    islands = {
        unit
        for old, new in zip(before, after, strict=True)
        for unit in new.islands.difference(old.islands, sort=False)
    }
    if not islands:
        return ""
    return t(
        "units left without neighbours ({count}): {units}",
        count=len(islands), units=listed(sorted(islands, key=str)),
    )  # fmt: skip


def matched(weights: WeightsLike | Mapping[str, WeightsLike] | None) -> Weights:
    """Return weights of any class as `SpatialWeights`."""
    if weights is None:
        return None
    if isinstance(weights, Mapping) and not isinstance(weights, SpatialWeights):
        return {str(term): as_weights(w) for term, w in weights.items()}
    return as_weights(weights)


def weights_words(weights: Weights) -> str:
    """Return weights in words."""
    if weights is None:
        return ""
    if isinstance(weights, SpatialWeights):
        return weights.spec.words
    return "; ".join(f"{term}: {w.spec.words}" for term, w in weights.items())


def without_caches(weights: Weights) -> Weights:
    """Return weights with nothing computed from them yet, so that no fit depends on another."""
    if weights is None:
        return None
    if isinstance(weights, SpatialWeights):
        return replace(weights, cache={})
    return {term: replace(w, cache={}) for term, w in weights.items()}
