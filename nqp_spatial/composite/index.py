"""`index`: one number per unit and period from several indicators."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import pandas as pd

from nqp_spatial.composite._normalise import Normalisation, normalised
from nqp_spatial.composite._weighting import combined, scheme_weights
from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Nonnegative, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Message, join, label, listed, t
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
        Scores of the dimensions by (unit, period); without columns for a flat index.
    weights : Series
        By indicator, or (dimension, indicator); they add up to one.
    indicators : DataFrame
        By indicator: direction, smallest and largest value, what the weighting was computed from
        (such as entropy and redundancy), the weight inside its dimension, that of the dimension,
        and their product.
    scaled : DataFrame
        Scaled indicators by (unit, period), larger is better.
    spec : Spec
        Normalisation, weighting, aggregation and the other options.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> result = nq.composite.index(cities, {"patents": "+", "energy": "-"})
    >>> result.weights.sum().round(12), result.scores.between(0, 1).all()
    (np.float64(1.0), np.True_)
    """

    scores: pd.Series
    dimensions: pd.DataFrame
    weights: pd.Series
    indicators: pd.DataFrame
    scaled: pd.DataFrame
    spec: Spec
    notes: tuple[str, ...]

    _figure = "index_weights"

    @property
    def frame(self) -> pd.DataFrame:
        """The scores by (unit, period), column ``index``."""
        return self.scores.to_frame()

    @property
    def tests(self) -> TestSet:
        """No tests."""
        return TestSet()

    @property
    def contributions(self) -> pd.DataFrame:
        """Contribution of each indicator to each additive score, by (unit, period).

        Columns are those of `weights`; ``contributions.T.groupby(level="dimension").sum().T`` gives
        the contributions of dimensions.
        """
        if self.spec["aggregation"] != "additive":
            raise OptionError(
                f"contributions add up in an additive index; this one is "
                f"{self.spec['aggregation']!r}"
            )
        weighted = self.scaled * self.weights.to_numpy()
        return weighted.set_axis(self.weights.index, axis=1)

    @property
    def obstacles(self) -> pd.DataFrame:
        """Obstacle degrees ``w_j (1 - z_j) / sum_k w_k (1 - z_k)``, by (unit, period)."""
        if (self.scaled.to_numpy() > 1).any() or (self.scaled.to_numpy() < 0).any():
            raise DomainError(
                "obstacles are distances to one: use normalisation='min-max' or 'target'"
            )
        lacking = (1 - self.scaled) * self.weights.to_numpy()
        # A unit that is best in all indicators has no obstacle.
        return lacking.div(lacking.sum(axis=1).replace(0, np.nan), axis=0).fillna(0.0)

    def _blocks(self) -> list[Block]:
        options = {name: value for name, value in self.spec.items() if value is not None}
        return [
            f"Composite index: {Spec(**options)!r}",
            self.indicators,
            *notes_of(self.notes),
        ]


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
    indicator_weights: Mapping[str, float] | None = None,
    targets: Mapping[str, tuple[float, float]] | None = None,
    base_period: Hashable | None = None,
    shift: Nonnegative = 0.0,
) -> CompositeIndex:
    """Combine several indicators into one index.

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
        ``min-max-by-period`` compares within periods only; ``target`` takes `targets`;
        ``base-year`` divides by the mean of the period `base_period`.
    weighting : str or list of str
        ``entropy``: p = z / sum z, e = -sum p ln p / ln N, w ~ 1 - e; ``critic``: s_j sum_k (1 -
        r_jk) (Diakoulaki et al. 1995); ``cv``: standard deviation over mean; ``pca``: squared
        loadings on the first component; ``scatter``: leading eigenvector of sum_t Z_t'Z_t (Guo
        2002); ``equal``; ``given``. Several are combined.
    combine : {"mean", "game"}
        How several weightings are combined.
    across : {"same", "equal"} or mapping
        Weights of dimensions: by the same weighting of their scores, equal, or as passed. Inside
        each dimension weights add up to one. With ``weighting="given"`` the weight of a dimension
        is the sum of those of its indicators.
    aggregation : {"additive", "geometric", "topsis"}
    indicator_weights : mapping, optional
        Weight of each indicator, for ``weighting="given"``; they are rescaled to add up to one.
    targets : mapping, optional
        Worst and best value of each indicator.
    base_period : hashable, optional
        A period, for ``normalisation="base-year"``.
    shift : float
        Added to every z. It changes entropy weights and is therefore zero by default; a geometric
        index needs it where some z are zero.

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
    >>> result = nq.composite.index(cities, planted["direction"].to_dict(), weighting="given",
    ...                             indicator_weights=planted["weight"].to_dict())
    >>> bool(np.allclose(result.scores, cities.frame["nqp"]))
    True
    """
    by_dimension, directions = _flat(indicators)
    schemes = [weighting] if isinstance(weighting, str) else list(weighting)
    if not schemes:
        raise OptionError("weighting must name at least one scheme")
    _require_used(
        by_dimension, schemes, normalisation, combine, across, indicator_weights, targets,
        base_period,
    )  # fmt: skip
    z, table = normalised(
        panel, directions, normalisation, targets=targets, base_period=base_period
    )
    z = z + shift
    names = list(directions)
    positions = {d: [names.index(name) for name in group] for d, group in by_dimension.items()}
    results = {
        scheme: _one_scheme(scheme, z, names, positions, across, indicator_weights)
        for scheme in schemes
    }
    table, notes = _with_steps(table, {scheme: steps for scheme, (_, _, steps) in results.items()})
    weight_inside, of_dimension, _ = next(iter(results.values()))
    if len(results) > 1:
        weight_inside, shares = combined({s: result[0] for s, result in results.items()}, combine)
        of_dimension = np.average([r[1] for r in results.values()], axis=0, weights=shares)
        for columns in positions.values():
            weight_inside[columns] /= weight_inside[columns].sum()
        notes.append(_combination(combine, shares))
    per_indicator = np.empty(len(names))
    for value, columns in zip(of_dimension, positions.values(), strict=True):
        per_indicator[columns] = value
    weight = weight_inside * per_indicator
    labels: pd.Index = pd.Index(names, name="indicator")
    pairs = [(d, name) for d, group in by_dimension.items() for name in group]
    if len(by_dimension) > 1:
        table.insert(0, "dimension", [d for d, _ in pairs])
        table["weight_inside"], table["weight_of_dimension"] = weight_inside, per_indicator
        labels = pd.MultiIndex.from_tuples(pairs, names=["dimension", "indicator"])
    table["weight"] = weight
    rows = panel.frame.index
    parts = {
        d: _aggregated(z[:, :, columns], weight_inside[columns], aggregation).ravel()
        for d, columns in positions.items()
    }
    return CompositeIndex(
        scores=pd.Series(_aggregated(z, weight, aggregation).ravel(), rows, name="index"),
        dimensions=pd.DataFrame(parts if len(by_dimension) > 1 else {}, rows),
        weights=pd.Series(weight, labels, name="weight"),
        indicators=table,
        scaled=pd.DataFrame(z.reshape(-1, len(names)), rows, pd.Index(names, name="indicator")),
        spec=Spec(
            normalisation=normalisation,
            weighting="+".join(schemes),
            combine=combine if len(schemes) > 1 else None,
            across=across if len(by_dimension) > 1 else None,
            aggregation=aggregation,
            indicator_weights=indicator_weights,
            targets=targets,
            base_period=base_period,
            shift=shift or None,
        ),
        notes=tuple(notes),
    )


def _require_used(
    by_dimension: Mapping[str, list[str]],
    schemes: list[str],
    normalisation: str,
    combine: str,
    across: str | Mapping[str, float],
    indicator_weights: Mapping[str, float] | None,
    targets: Mapping[str, tuple[float, float]] | None,
    base_period: Hashable | None,
) -> None:
    """Refuse options that would change nothing."""
    if indicator_weights is not None and "given" not in schemes:
        raise OptionError(f"indicator_weights= is for weighting='given', not {'+'.join(schemes)!r}")
    if targets is not None and normalisation != "target":
        raise OptionError(f"targets= is for normalisation='target', not {normalisation!r}")
    if base_period is not None and normalisation != "base-year":
        raise OptionError(f"base_period= is for normalisation='base-year', not {normalisation!r}")
    if combine == "game" and len(schemes) < 2:
        raise OptionError(
            f"combine='game' combines several weightings, and there is one, {schemes[0]!r}; pass "
            "a list of them, as in weighting=['entropy', 'critic']"
        )
    if across != "same" and len(by_dimension) < 2:
        raise OptionError(
            "across= weighs dimensions, and the indicators are in none; pass indicators="
            "{dimension: {column: '+' or '-'}}"
        )
    if across != "same" and set(schemes) == {"given"}:
        raise OptionError(
            "across= does not apply to weighting='given': the weight of a dimension is the sum of "
            "those of its indicators"
        )


def _with_steps(
    table: pd.DataFrame, steps: dict[str, pd.DataFrame]
) -> tuple[pd.DataFrame, list[Message]]:
    """Return a table with the steps of each scheme added, and notes on them."""
    notes = []
    for scheme, step in steps.items():
        prefixed = len(steps) > 1 or bool(set(step.columns) & set(table.columns))
        table = table.join(step.add_prefix(f"{scheme}_") if prefixed else step)
        if scheme == "pca" and (negative := list(step.index[step["loading"] < 0])):
            notes.append(
                t(
                    "principal component: {indicators} have negative loadings on the first "
                    "component, unlike the others",
                    indicators=listed(negative),
                )
            )
    return table, notes


def _combination(combine: str, shares: pd.Series) -> Message:
    """Return how several weightings were combined, in words."""
    parts = [
        t("{scheme} {share:.3f}", scheme=label("weighting", scheme), share=share)
        for scheme, share in shares.items()
    ]
    return t(
        "weightings combined by {method}: {shares}",
        method=label("combination", combine), shares=join(", ", parts),
    )  # fmt: skip


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
    if empty := [d for d, group in deep.items() if not group]:
        raise OptionError(f"dimensions without indicators: {sample(empty)}")
    names = [name for group in deep.values() for name in group]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise PanelError(f"indicators are in several dimensions: {sample(repeated)}")
    directions = {name: sign for group in deep.values() for name, sign in group.items()}
    return {d: list(group) for d, group in deep.items()}, directions


def _one_scheme(
    scheme: str,
    z: np.ndarray,
    names: list[str],
    positions: dict[str, list[int]],
    across: str | Mapping[str, float],
    indicator_weights: Mapping[str, float] | None,
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Return weights inside dimensions, weights of dimensions, and the steps."""
    if scheme == "given":
        raw = _shares(indicator_weights, names)
        if idle := [d for d, columns in positions.items() if not raw[columns].sum() > 0]:
            raise OptionError(f"dimensions without any weight: {sample(idle)}; leave them out")
        weight_inside, steps = raw.copy(), pd.DataFrame(index=pd.Index(names, name="indicator"))
        for columns in positions.values():
            weight_inside[columns] = raw[columns] / raw[columns].sum()
        of_dimension = np.array([raw[columns].sum() for columns in positions.values()])
        return weight_inside, of_dimension / of_dimension.sum(), steps
    weight_inside, parts = np.empty(len(names)), []
    for columns in positions.values():
        weight_inside[columns], steps = scheme_weights(
            scheme, z[:, :, columns], [names[j] for j in columns]
        )
        parts.append(steps)
    if len(positions) == 1:
        return weight_inside, np.ones(1), pd.concat(parts)
    if isinstance(across, Mapping):
        of_dimension = _shares(across, list(positions))
    elif across == "equal":
        of_dimension = np.full(len(positions), 1 / len(positions))
    else:
        scores = [z[:, :, columns] @ weight_inside[columns] for columns in positions.values()]
        of_dimension, _ = scheme_weights(scheme, np.stack(scores, axis=2), list(positions))
    return weight_inside, of_dimension, pd.concat(parts)


def _shares(weights: Mapping[str, float] | None, names: list[str]) -> np.ndarray:
    """Return the caller's weights in the order of names, rescaled to add up to one."""
    if weights is None or set(weights) != set(names):
        raise OptionError(
            f"wanted a weight for each of {sample(names, 20)}; got "
            f"{'none' if weights is None else sample(list(weights), 20)}"
        )
    raw = np.array([weights[name] for name in names], dtype=float)
    if not np.isfinite(raw).all() or (raw < 0).any() or not raw.sum() > 0:
        raise OptionError(
            f"weights must be finite and not negative, nor all zero; got {dict(weights)}"
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
                "smallest zero: pass a shift= and report it, or use another aggregation"
            )
        return np.asarray(np.exp(np.log(z) @ weight))
    weighted = z * weight
    best, worst = weighted.max(axis=(0, 1)), weighted.min(axis=(0, 1))
    to_best = np.linalg.norm(weighted - best, axis=2)
    to_worst = np.linalg.norm(weighted - worst, axis=2)
    return np.asarray(to_worst / (to_best + to_worst))
