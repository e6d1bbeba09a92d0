"""Changes of the formula: another outcome, more controls or fewer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nqp_spatial.core.text import join, t
from nqp_spatial.errors import OptionError, UnknownColumnError, sample
from nqp_spatial.regression._formulas import quoted
from nqp_spatial.regression.diagnostics._sample_changes import read
from nqp_spatial.regression.diagnostics.specification import Specification

__all__ = ["added", "dropped", "other_formula", "other_outcome"]


def other_formula(specification: Specification, value: Any) -> Specification:
    """Take another formula."""
    if not isinstance(value, str):
        raise OptionError(f"formula must be text such as 'y ~ x1 + x2', got {value!r}")
    return specification.replaced(note=t("formula {formula}", formula=value), formula=value)


def other_outcome(specification: Specification, value: Any) -> Specification:
    """Take another left side: a column, or an expression such as ``log(y)``."""
    if not isinstance(value, str):
        raise OptionError(f"outcome must be the name of a column, got {value!r}")
    side = specification.formula.partition("~")[2].strip()
    formula = f"{_written(specification, value)} ~ {side}"
    note = t("the outcome is {outcome}, in its own units", outcome=value)
    return specification.replaced(note=note, formula=formula)


def added(specification: Specification, value: Any) -> Specification:
    """Add regressors: a column, a list, or terms of a formula."""
    names = _names(value, "added controls")
    terms = " + ".join(_written(specification, name) for name in names)
    note = t("with {names}", names=join(", ", names))
    return specification.replaced(note=note, formula=f"{specification.formula} + {terms}")


def dropped(specification: Specification, value: Any) -> Specification:
    """Leave out regressors: all terms that contain one of the named columns."""
    names = set(_names(value, "dropped controls"))
    formula = read(specification)
    terms, matched, has_intercept = [], set(), False
    for term in formula.parsed.rhs:
        if str(term) == "1":
            has_intercept = True
            continue
        columns = {name for factor in term.factors for name in formula.columns_in(factor)}
        hits = names & (columns | {str(term)})
        matched |= hits
        if not hits:
            factors = [_written(specification, str(factor)) for factor in term.factors]
            terms.append(":".join(factors))
    if absent := sorted(names - matched):
        raise UnknownColumnError(
            f"dropped controls names {sample(absent)}, which the formula "
            f"{specification.formula!r} does not have"
        )
    side = " + ".join(terms if has_intercept else ["0", *terms]) or "1"
    outcome = specification.formula.partition("~")[0].strip()
    note = t("without {names}", names=join(", ", sorted(names)))
    return _without_lags(specification, names).replaced(note=note, formula=f"{outcome} ~ {side}")


def _without_lags(specification: Specification, names: set[str]) -> Specification:
    """Leave dropped regressors out of `durbin`, which lists those to be lagged."""
    durbin = specification.options.get("durbin")
    if durbin is None:
        return specification
    columns = [durbin] if isinstance(durbin, str) else list(durbin)
    return specification.with_options(durbin=[name for name in columns if name not in names])


def _names(value: Any, change: str) -> list[str]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Iterable) or not (names := list(names)):
        raise OptionError(f"{change} must name at least one column, got {value!r}")
    if not all(isinstance(name, str) for name in names):
        raise OptionError(f"{change} must be names of columns, got {sample(names)}")
    return names


def _written(specification: Specification, name: str) -> str:
    """Return a column as a formula writes it, in backticks if need be; a term as it is."""
    return quoted(name) if name in specification.panel.frame.columns else name
