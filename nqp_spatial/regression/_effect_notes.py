"""Notes on a table of effects: which rows are variables, and at which values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nqp_spatial.core.text import t
from nqp_spatial.regression._evaluation import FormulaSide
from nqp_spatial.regression._variable_slopes import Variable

__all__ = ["notes_on_rows"]


def _unquoted(terms: Iterable[object]) -> str:
    """Return terms for a sentence, without the backticks of columns with odd names."""
    return ", ".join(str(term).replace("`", "") for term in terms)


def notes_on_rows(
    side: FormulaSide,
    variables: Mapping[str, Variable],
    lagged: set[str],
    at: Mapping[str, list[Any]],
) -> Iterator[str]:
    """Yield notes on the rows of effects of variables.

    Parameters
    ----------
    side : FormulaSide
        The right side of the formula.
    variables : mapping
    lagged : set of str
        Columns whose spatial lag enters.
    at : mapping
        Stated values by variable.
    """
    transformed = [v for v in variables.values() if v.is_plain and v.is_transformed]
    if transformed:
        yield t(
            "rows of {terms} are effects of a unit change of that term, not of {names}",
            terms=_unquoted(v.terms[0] for v in transformed),
            names=", ".join(v.name for v in transformed),
        )
    for variable in variables.values():
        if variable.kind == "term" and not variable.is_plain:
            yield t(
                "effects are those of terms, not of {name}, which enters in {terms}: it has no "
                "derivative there",
                name=variable.name,
                terms=_unquoted(variable.terms),
            )
        elif not variable.is_plain:
            yield _on_variable(variable, at)
    yield from _on_senders(side, lagged)
    yield from _on_range(side, variables, at)


def _on_variable(variable: Variable, at: Mapping[str, list[Any]]) -> str:
    """Say which terms the effect of a variable is of, and at which values."""
    words = {"name": variable.name, "terms": ", ".join(map(str, variable.terms))}
    averaged = sorted(variable.moderators - set(at))
    if averaged:
        return t(
            "the effect of {name} is that of {terms} together, averaged over the observed values "
            "of {others}; at= states other values",
            others=", ".join(averaged),
            **words,
        )
    if variable.moderators:
        return t("the effect of {name} is that of {terms} together, at the stated values", **words)
    return t("the effect of {name} is that of {terms} together", **words)


def _on_senders(side: FormulaSide, lagged: set[str]) -> Iterator[str]:
    """Say whose values count in the spatial lag of a product."""
    names = list(map(str, side.spec.column_names))
    products = [
        str(term)
        for term, positions in side.spec.term_indices.items()
        if any(names[position] in lagged for position in positions)
        and len({name for factor in term.factors for name in side.read.columns_in(factor)}) > 1
    ]
    if products:
        yield t(
            "in the spatial lag of {terms} all variables are those of the sender, the unit whose "
            "neighbours are affected",
            terms=", ".join(products),
        )


def _on_range(
    side: FormulaSide, variables: Mapping[str, Variable], at: Mapping[str, list[Any]]
) -> Iterator[str]:
    """Say which stated values lie outside the data."""
    for name, values in at.items():
        if variables[name].kind != "number":
            continue
        observed = side.data[name].to_numpy(dtype=float)
        low, high = float(observed.min()), float(observed.max())
        outside = [value for value in values if not low <= value <= high]
        if outside:
            yield t(
                "{name} was never {values}: observed are {low:.6g} to {high:.6g}",
                name=name,
                values=", ".join(f"{value:g}" for value in outside),
                low=low,
                high=high,
            )
