"""Tables for models and designs, which run only if the settings file has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from nqp_spatial.errors import OptionError
from nqp_spatial.regression._formulas import columns_of
from nqp_spatial.report.study._faults import SettingError
from nqp_spatial.report.study._setting_kinds import Method, Names, Text, each_once

__all__ = ["Heterogeneity", "Mediation", "Policy", "Robustness"]


def _changes(changes: Any) -> Any:
    """Check the named changes of a robustness table, as the function itself does."""
    from nqp_spatial.regression.diagnostics.changes import read_changes

    if not isinstance(changes, dict) or not changes:
        return changes
    try:
        read_changes(changes)
    except OptionError as error:
        raise SettingError("sentences", f"changes: {error}") from None
    return changes


def _edges(edges: list[float]) -> list[float]:
    if len(edges) < 2 or edges[0] != 0 or sorted(set(edges)) != edges:
        raise SettingError("sentences", f"rings_km must rise from 0, such as [0, 100], got {edges}")
    return edges


Changes = Annotated[dict[str, Any], BeforeValidator(_changes)]
Edges = Annotated[list[Annotated[float, Field(ge=0)]], AfterValidator(_edges)]
OtherWeights = Literal["queen", "rook", "knn", "distance-band", "inverse-distance"]


class Mediation(Method):
    """[mediation]."""

    mediator: Text = Field(description='formula of the mediator, such as "m ~ x1 + x2"')
    outcome: Text | None = Field(
        None,
        description='with the mediator, such as "y ~ m + x1 + x2"; that of [model] if left out',
    )
    variables: Names = Field([], description="whose paths are wanted; all of the mediator if empty")
    method: Literal["draws", "bootstrap", "delta"] = Field("draws", description="of the intervals")
    draws: int = Field(1999, ge=2, le=10**6, description="draws or bootstrap samples")

    @property
    def formulas(self) -> dict[str, str]:
        """Formulas, by key."""
        written = {"mediator": self.mediator, "outcome": self.outcome}
        return {key: formula for key, formula in written.items() if formula}


class Robustness(Method):
    """[robustness]."""

    changes: Changes = Field(
        {"winsorised": 0.01, "lagged regressors": 1},
        description="named changes of the model, as in nqp_spatial.robustness",
    )
    weights: Annotated[list[OtherWeights], AfterValidator(each_once)] = Field(
        [], description="other weights, with k, cutoff_km and power of [weights]"
    )
    combine: bool = Field(False, description="whether all combinations are fitted too")

    @property
    def named_columns(self) -> dict[str, list[str]]:
        """Columns of the data, by the key that names them."""
        return {"changes": list(dict.fromkeys(_columns_of_changes(self.changes)))}


def _columns_of_changes(changes: Mapping[str, Any]) -> Iterator[str]:
    """Yield the columns that changes name."""
    for name, value in changes.items():
        if name in ("outcome", "formula") and isinstance(value, str):
            yield from columns_of(value if "~" in value else f"{value} ~ 1")
        elif name in ("added controls", "cluster", "endogenous", "instruments"):
            yield from [value] if isinstance(value, str) else value
        elif name in ("without", "only") and isinstance(value, Mapping):
            yield from value
        elif isinstance(value, Mapping):
            yield from _columns_of_changes(value)


class Heterogeneity(Method):
    """[heterogeneity]."""

    by: Text | None = Field(None, description="column of groups, each with its own model")
    threshold: Text | None = Field(
        None, description="column at whose values coefficients change (Hansen)"
    )
    regime: Names = Field([], description="terms whose coefficients change; the first if empty")
    thresholds: int = Field(1, ge=1, le=3, description="number of thresholds")

    @property
    def named_columns(self) -> dict[str, list[str]]:
        """Columns of the data, by the key that names them."""
        return {key: [name] for key in ("by", "threshold") if (name := getattr(self, key))}


class Policy(Method):
    """[policy]."""

    treatment: Text = Field(description="column that is 1 from the adoption on, else 0")
    rings_km: Edges | None = Field(
        None, description="edges of rings, such as [0, 100, 200]; the weights if left out"
    )
    controls: Names = Field([], description="columns that the policy does not change")
    on_treated: Literal["apart", "pooled", "included"] = Field(
        "apart", description="how exposure of treated units counts"
    )
    leads: int | None = Field(None, ge=0, description="periods before that are tested; up to 3")
    horizon: int | None = Field(None, ge=0, description="the last event time; all if left out")
    cluster: Text | None = Field(None, description="column of clusters; the units if left out")
    placebo_within: Text | None = Field(
        None, description="column of groups within which placebo dates are exchanged"
    )

    @property
    def named_columns(self) -> dict[str, list[str]]:
        """Columns of the data, by the key that names them."""
        single = {"treatment": self.treatment, "cluster": self.cluster,
                  "placebo_within": self.placebo_within}  # fmt: skip
        columns = {key: [name] for key, name in single.items() if name}
        return columns | {"controls": list(self.controls)}
