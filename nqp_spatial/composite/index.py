"""`index`: one number a unit and period from several indicators."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
import pandas as pd

from nqp_spatial.composite._normalise import Normalisation, normalised
from nqp_spatial.composite._weighting import combined, scheme_weights
from nqp_spatial.core.display import Block, Displayed
from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import DomainError, OptionError, PanelError, sample

__all__ = ["CompositeIndex", "index"]

Aggregation = Literal["additive", "geometric", "topsis"]
Directions = Mapping[str, str | Mapping[str, str]]


@dataclass(frozen=True, repr=False, eq=False)
class CompositeIndex(Displayed):
    """A composite index, with every step to it.

    Attributes
    ----------
    scores : Series
        By (unit, period).
    dimensions : DataFrame
        Scores of the dimensions by (unit, period); of a flat index none.
    weights : Series
        By indicator, or (dimension, indicator); they add up to one.
    table : DataFrame
        By indicator: direction, least and largest value, what the weighting was made of (such as
        entropy and redundancy), the weight inside its dimension, that of the dimension, and both.
    scaled : DataFrame
        Scaled indicators by (unit, period), larger is better.
    spec : dict
        Normalisation, weighting, aggregation, and what the caller gave to them.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> found = nq.composite.index(cities, {"patents": "+", "energy": "-"})
    >>> found.weights.sum().round(12), found.scores.between(0, 1).all()
    (np.float64(1.0), np.True_)
    """

    scores: pd.Series
    dimensions: pd.DataFrame
    weights: pd.Series
    table: pd.DataFrame
    scaled: pd.DataFrame
    spec: dict[str, Any]
    notes: tuple[str, ...]

    @property
    def contributions(self) -> pd.DataFrame:
        """What each indicator adds to each additive score, by (unit, period).

        Columns are those of `weights`: ``contributions.T.groupby(level="dimension").sum().T`` has
        what dimensions add.
        """
        if self.spec["aggregation"] != "additive":
            raise OptionError(
                f"contributions add up in an additive index; this one is "
                f"{self.spec['aggregation']!r}"
            )
        found = self.scaled * self.weights.to_numpy()
        return found.set_axis(self.weights.index, axis=1)

    @property
    def obstacles(self) -> pd.DataFrame:
        """Obstacle degrees ``w_j (1 - z_j) / sum_k w_k (1 - z_k)``, by (unit, period)."""
        if (self.scaled.to_numpy() > 1).any() or (self.scaled.to_numpy() < 0).any():
            raise DomainError(
                "obstacles are what is lacking to one: use normalisation='min-max' or 'target'"
            )
        lacking = (1 - self.scaled) * self.weights.to_numpy()
        # A unit that is best in everything has no obstacle.
        return lacking.div(lacking.sum(axis=1).replace(0, np.nan), axis=0).fillna(0.0)

    def _blocks(self) -> list[Block]:
        said = ", ".join(f"{key}={value}" for key, value in self.spec.items() if value is not None)
        return [f"Composite index: {said}", self.table, *self.notes]


@checked
def index(
    panel: SpatialPanel,
    indicators: Directions,
    *,
    normalisation: Normalisation = "min-max",
    weighting: str | Sequence[str] = "entropy",
    combine: Literal["mean", "game"] = "mean",
    across: Literal["same", "equal"] | Mapping[str, float] = "same",
    aggregation: Aggregation = "additive",
    given: Mapping[str, float] | None = None,
    targets: Mapping[str, tuple[float, float]] | None = None,
    base: Hashable | None = None,
    shift: float = 0.0,
) -> CompositeIndex:
    """Make one index of several indicators.

    Scaled ``z = (x - min) / (max - min)`` over all units and periods together, so that scores
    compare over time (``1 - z`` where less is better); weights w; ``sum w z``, ``prod z^w`` or
    TOPSIS's closeness ``d- / (d+ + d-)`` to the best and from the worst of the weighted z.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced, complete in the indicators.
    indicators : mapping
        ``{column: "+" | "-"}``, or ``{dimension: {column: "+" | "-"}}``.
    normalisation : {"min-max", "min-max-by-period", "z-score", "target", "base-year"}
        ``min-max-by-period`` compares inside periods only; ``target`` takes `targets`;
        ``base-year`` divides by the mean of the period `base`.
    weighting : str or list of str
        ``entropy``: p = z / sum z, e = -sum p ln p / ln N, w ~ 1 - e; ``critic``: s_j sum_k (1 -
        r_jk) (Diakoulaki et al. 1995); ``cv``: standard deviation over mean; ``pca``: squared
        loadings on the first component; ``scatter``: leading eigenvector of sum_t Z_t'Z_t (Guo
        2002); ``equal``; ``given``. Several are combined.
    combine : {"mean", "game"}
        How several weightings are combined.
    across : {"same", "equal"} or mapping
        Weights of dimensions: by the same weighting of their scores, equal, or given. Inside
        each dimension weights add up to one. With ``given`` weights dimensions weigh what their
        indicators do.
    aggregation : {"additive", "geometric", "topsis"}
    given : mapping, optional
        Weight of each indicator, for ``weighting="given"``; they are made to add up to one.
    targets : mapping, optional
        Worst and best value of each indicator.
    base : hashable, optional
        A period.
    shift : float
        Added to every z. It changes entropy weights, so it is zero unless it is asked for; a
        geometric index needs it where some z are zero.

    Returns
    -------
    CompositeIndex

    Raises
    ------
    OptionError
        If an option, a direction or a weight is unknown or absent.
    DomainError
        If an indicator is constant, or a value does not fit the weighting or aggregation.
    PanelError
        If an indicator is in two dimensions.
    UnknownColumnError, MissingValuesError, UnbalancedPanelError
        As `SpatialPanel.values`; missing cells are listed.

    Notes
    -----
    Sources: Shannon's entropy for weights: Zeleny, M. (1982), Multiple Criteria Decision Making;
    Diakoulaki, D. et al. (1995), Computers and Operations Research 22, 763-770; squared loadings:
    OECD (2008), Handbook on Constructing Composite Indicators; Hwang, C. and Yoon, K. (1981),
    Multiple Attribute Decision Making.

    Examples
    --------
    >>> import numpy as np
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> planted = cities.truth.index_weights
    >>> found = nq.composite.index(cities, planted["direction"].to_dict(), weighting="given",
    ...                            given=planted["weight"].to_dict())
    >>> bool(np.allclose(found.scores, cities.frame["nqp"]))
    True
    """
    if aggregation not in get_args(Aggregation):
        raise OptionError(
            f"aggregation must be one of {', '.join(get_args(Aggregation))}; got {aggregation!r}"
        )
    if not (isinstance(shift, int | float) and 0 <= shift < np.inf):
        raise OptionError(f"shift must be a number from 0, got {shift!r}")
    dimension, directions = _flat(indicators)
    z, table = normalised(panel, directions, normalisation, targets=targets, base=base)
    z = z + shift
    names = list(directions)
    schemes = [weighting] if isinstance(weighting, str) else list(weighting)
    if not schemes:
        raise OptionError("weighting must name at least one scheme")
    groups = {d: [names.index(k) for k in some] for d, some in dimension.items()}
    found = {s: _one_scheme(s, z, names, groups, across, given) for s in schemes}
    notes: list[str] = []
    for s, (_, _, steps) in found.items():
        alone = len(found) == 1 and not set(steps.columns) & set(table.columns)
        extra = steps if alone else steps.add_prefix(f"{s}: ")
        table = table.join(extra)
        against = [k for k in names if s == "pca" and (steps["loading"] < 0)[k]]
        if against:
            notes.append(f"pca: {sample(against)} go against the others on the first component")
    if len(found) == 1:
        inside, of_dimension, _ = next(iter(found.values()))
    else:
        inside, shares = combined({s: one[0] for s, one in found.items()}, combine)
        of_dimension = np.average([one[1] for one in found.values()], axis=0, weights=shares)
        whole = np.array([inside[at].sum() for at in groups.values()])
        for (_, at), total in zip(groups.items(), whole, strict=True):
            inside[at] /= total
        counted = ", ".join(f"{name} {share:.3f}" for name, share in shares.items())
        notes.append(f"weightings combined by {combine}: {counted}")
    per_indicator = np.empty(len(names))
    for value, at in zip(of_dimension, groups.values(), strict=True):
        per_indicator[at] = value
    weight = inside * per_indicator
    if len(dimension) > 1:
        table.insert(0, "dimension", [d for d, some in dimension.items() for _ in some])
        table["weight_inside"], table["weight_of_dimension"] = inside, per_indicator
    table["weight"] = weight
    rows = panel.frame.index
    parts = {d: _aggregated(z[:, :, at], inside[at], aggregation) for d, at in groups.items()}
    scores = _aggregated(z, weight, aggregation)
    labels: pd.Index = pd.Index(names, name="indicator")
    if len(dimension) > 1:
        pairs = [(d, k) for d, some in dimension.items() for k in some]
        labels = pd.MultiIndex.from_tuples(pairs, names=["dimension", "indicator"])
    return CompositeIndex(
        scores=pd.Series(scores.ravel(), rows, name="index"),
        dimensions=pd.DataFrame(
            {d: v.ravel() for d, v in parts.items()} if len(dimension) > 1 else {}, rows
        ),
        weights=pd.Series(weight, labels, name="weight"),
        table=table,
        scaled=pd.DataFrame(z.reshape(-1, len(names)), rows, pd.Index(names, name="indicator")),
        spec={
            "normalisation": normalisation,
            "weighting": weighting if isinstance(weighting, str) else "+".join(schemes),
            "aggregation": aggregation,
            "shift": shift or None,
            "base": base,
        },
        notes=tuple(notes),
    )


def _flat(indicators: Directions) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the indicators of each dimension, and the direction of each indicator."""
    if not isinstance(indicators, Mapping) or not indicators:
        raise OptionError("indicators must be a mapping from columns to '+' or '-', not empty")
    nested = [isinstance(value, Mapping) for value in indicators.values()]
    if any(nested) and not all(nested):
        raise OptionError("indicators must all be in dimensions, or none of them")
    if not all(nested):
        flat = cast(Mapping[str, str], indicators)
        return {"index": list(flat)}, dict(flat)
    deep = cast(Mapping[str, Mapping[str, str]], indicators)
    if empty := [d for d, some in deep.items() if not some]:
        raise OptionError(f"dimensions without indicators: {sample(empty)}")
    every = [name for some in deep.values() for name in some]
    if twice := sorted({name for name in every if every.count(name) > 1}):
        raise PanelError(f"indicators are in several dimensions: {sample(twice)}")
    directions = {name: sign for some in deep.values() for name, sign in some.items()}
    return {d: list(some) for d, some in deep.items()}, directions


def _one_scheme(
    scheme: str,
    z: np.ndarray,
    names: list[str],
    groups: dict[str, list[int]],
    across: str | Mapping[str, float],
    given: Mapping[str, float] | None,
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Return weights inside dimensions, weights of dimensions, and the steps."""
    if scheme == "given":
        raw = _given(given, names)
        if idle := [d for d, at in groups.items() if not raw[at].sum() > 0]:
            raise OptionError(f"dimensions without any weight: {sample(idle)}; leave them out")
        inside, steps = raw.copy(), pd.DataFrame(index=pd.Index(names, name="indicator"))
        for at in groups.values():
            inside[at] = raw[at] / raw[at].sum()
        of_dimension = np.array([raw[at].sum() for at in groups.values()])
        return inside, of_dimension / of_dimension.sum(), steps
    inside, parts = np.empty(len(names)), []
    for at in groups.values():
        inside[at], steps = scheme_weights(scheme, z[:, :, at], [names[j] for j in at])
        parts.append(steps)
    if len(groups) == 1:
        return inside, np.ones(1), pd.concat(parts)
    if isinstance(across, Mapping):
        of_dimension = _given(across, list(groups))
    elif across == "equal":
        of_dimension = np.full(len(groups), 1 / len(groups))
    elif across == "same":
        scores = np.stack([z[:, :, at] @ inside[at] for at in groups.values()], axis=2)
        of_dimension, _ = scheme_weights(scheme, scores, list(groups))
    else:
        raise OptionError(f"across must be 'same', 'equal' or a mapping; got {across!r}")
    return inside, of_dimension, pd.concat(parts)


def _given(given: Mapping[str, float] | None, names: list[str]) -> np.ndarray:
    if given is None or set(given) != set(names):
        raise OptionError(
            f"wanted a weight for each of {sample(names, 20)}; got "
            f"{'none' if given is None else sample(list(given), 20)}"
        )
    try:
        raw = np.array([given[name] for name in names], dtype=float)
    except (TypeError, ValueError):
        raise OptionError(f"weights must be numbers; got {dict(given)}") from None
    if not np.isfinite(raw).all() or (raw < 0).any() or not raw.sum() > 0:
        raise OptionError(
            f"weights must be finite and not negative, nor all zero; got {dict(given)}"
        )
    return np.asarray(raw / raw.sum())


def _aggregated(z: np.ndarray, weight: np.ndarray, how: Aggregation) -> np.ndarray:
    """Return scores, shape (units, periods)."""
    if how == "additive":
        return np.asarray(z @ weight)
    if how == "geometric":
        if (z <= 0).any():
            raise DomainError(
                "a geometric index needs positive scaled values, and min-max scaling makes the "
                "least zero: pass a shift= and report it, or use another aggregation"
            )
        return np.asarray(np.exp(np.log(z) @ weight))
    weighted = z * weight
    best, worst = weighted.max(axis=(0, 1)), weighted.min(axis=(0, 1))
    to_best = np.linalg.norm(weighted - best, axis=2)
    to_worst = np.linalg.norm(weighted - worst, axis=2)
    return np.asarray(to_worst / (to_best + to_worst))
