"""Regression and effects tables, written through maketables to Word, LaTeX or HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from nqp_spatial.errors import OptionError
from nqp_spatial.regression import EffectsResult, RegressionResult

__all__ = ["effects_table", "regression_table"]

ENDINGS = (".docx", ".tex", ".html")
STARS = (0.01, 0.05, 0.1)
_STARS_NOTE = "* p < 0.1, ** p < 0.05, *** p < 0.01."
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body>{body}</body></html>
"""
_PANELS = {"direct": "Direct effects", "indirect": "Indirect effects", "total": "Total effects"}


def regression_table(
    results: RegressionResult | Sequence[RegressionResult] | Mapping[str, RegressionResult],
    path: str | Path,
    *,
    caption: str | None = None,
    notes: str = "",
    digits: int = 3,
) -> Path:
    """Write models side by side to a file.

    Parameters
    ----------
    results : RegressionResult, sequence or mapping
        The models; the keys of a mapping head the columns.
    path : path
        Ends in .docx, .tex or .html, which decides the format. Its folder is made if need be.
    caption : str, optional
        Title of the table.
    notes : str
        Added to the built-in note on standard errors, weights and corrections.
    digits : int
        Decimal places.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    OptionError
        If the ending is unknown or there are no results.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
    >>> regression_table(res, tempfile.mkdtemp() + "/models.tex").name
    'models.tex'
    """
    import maketables

    models = _named(results, RegressionResult)
    target = _target(path)
    clean = _tex if target.suffix == ".tex" else str
    labels: dict[str, str] = {}
    for model in models.values():
        known = model.__maketables_var_labels__
        for name in [*model.__maketables_coef_table__.index, model.spec.outcome]:
            labels[name] = clean(known.get(name, name))
    labels["rho"] = r"$\rho$ (Wy)" if target.suffix == ".tex" else "ρ (Wy)"
    table = maketables.ETable(
        list(models.values()),
        signif_code=[STARS[0], STARS[1], STARS[2]],
        coef_fmt=f"b:.{digits}f* \n (se:.{digits}f)",
        labels=labels,
        felabels={"unit": "Unit effects", "period": "Period effects"},
        model_stats=["N", "ll", "sigma2", "r2_within"],
        model_stats_labels={
            "N": "Observations",
            "ll": "Log-likelihood",
            "sigma2": r"$\sigma^2$" if target.suffix == ".tex" else "σ²",
            "r2_within": r"$R^2$ within" if target.suffix == ".tex" else "R² within",
        },
        model_heads=None if _plain(models) else [clean(name) for name in models],
        notes=clean(_regression_note(models, notes)),
        caption=None if caption is None else clean(caption),
    )
    return _write(table, target)


def effects_table(
    effects: EffectsResult | Sequence[EffectsResult] | Mapping[str, EffectsResult],
    path: str | Path,
    *,
    caption: str | None = None,
    notes: str = "",
    digits: int = 3,
) -> Path:
    """Write direct, indirect and total effects to a file, one panel an effect.

    Parameters
    ----------
    effects : EffectsResult, sequence or mapping
        One or more results of `RegressionResult.effects`; the keys of a mapping head the columns.
    path : path
        Ends in .docx, .tex or .html.
    caption : str, optional
        Title of the table.
    notes : str
        Added to the built-in note on inference.
    digits : int
        Decimal places.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    OptionError
        If the ending is unknown or there are no results.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
    >>> effects_table(res.effects(), tempfile.mkdtemp() + "/effects.docx").name
    'effects.docx'
    """
    import maketables

    columns = _named(effects, EffectsResult)
    target = _target(path)
    clean = _tex if target.suffix == ".tex" else str
    cells = {clean(name): _effects_column(one, digits, clean) for name, one in columns.items()}
    table = maketables.MTable(
        pd.DataFrame(cells).fillna(""),
        notes=clean(_effects_note(columns, notes)),
        caption=None if caption is None else clean(caption),
        rgroup_display=True,
    )
    return _write(table, target)


def _named(results: Any, kind: type) -> dict[str, Any]:
    """Return results by heading; numbers in parentheses where there are no names."""
    if isinstance(results, kind):
        results = [results]
    if not isinstance(results, Mapping):
        results = {f"({number})": one for number, one in enumerate(results, start=1)}
    wrong = [type(one).__name__ for one in results.values() if not isinstance(one, kind)]
    if wrong or not results:
        raise OptionError(
            f"a table needs at least one {kind.__name__}, got {wrong or 'nothing'}; "
            "pass one, a list, or a mapping from headings"
        )
    return dict(results)


def _plain(models: Mapping[str, Any]) -> bool:
    return all(re.fullmatch(r"\(\d+\)", name) for name in models)


def _target(path: str | Path) -> Path:
    target = Path(path)
    if target.suffix not in ENDINGS:
        raise OptionError(
            f"a table is written to a file ending in {', '.join(ENDINGS)}; got {target.name!r}"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _effects_column(effects: EffectsResult, digits: int, clean: Any) -> pd.Series:
    values, keys = [], []
    for kind, heading in _PANELS.items():
        for row in effects.frame[effects.frame["effect"] == kind].itertuples():
            stars = "*" * sum(row.p_value < level for level in STARS)
            values.append(f"{row.estimate:.{digits}f}{stars}\n({row.std_error:.{digits}f})")
            keys.append((heading, clean(effects.labels.get(row.variable, row.variable))))
    return pd.Series(values, index=pd.MultiIndex.from_tuples(keys))


def _regression_note(models: Mapping[str, RegressionResult], notes: str) -> str:
    parts = [f"Standard errors in parentheses. {_STARS_NOTE}"]
    facts: dict[str, list[str]] = {
        "Model": [one.spec.model.upper() for one in models.values()],
        "Weights": [one.weights_spec for one in models.values()],
        "Correction": [one.spec.correction for one in models.values()],
        "Covariance": [one.spec.covariance for one in models.values()],
    }
    parts += [_per_column(words, values) for words, values in facts.items()]
    return " ".join([*(part for part in parts if part), notes]).strip()


def _per_column(words: str, values: list[str]) -> str:
    """Say a fact once where all columns share it, else column by column."""
    if not any(values):
        return ""
    if len(set(values)) == 1:
        return f"{words}: {values[0]}."
    each = "; ".join(f"({n}) {value or 'none'}" for n, value in enumerate(values, start=1))
    return f"{words}: {each}."


def _effects_note(columns: Mapping[str, EffectsResult], notes: str) -> str:
    how = [
        f"{one.draws} draws from the asymptotic distribution" if one.draws else "the delta method"
        for one in columns.values()
    ]
    titles = [one.title for one in columns.values()]
    parts = [
        f"Standard errors in parentheses. {_STARS_NOTE}",
        _per_column("Inference by", how).replace("Inference by:", "Inference by"),
        _per_column("Model", titles),
        notes,
    ]
    return " ".join(part for part in parts if part)


def _write(table: Any, target: Path) -> Path:
    if target.suffix == ".docx":
        table.save(type="docx", file_name=str(target.resolve()), show=False, replace=True)
    elif target.suffix == ".tex":
        target.write_text(str(table.make(type="tex")), encoding="utf-8")
    else:
        body = table.make(type="gt").as_raw_html()
        target.write_text(_PAGE.format(title=target.stem, body=body), encoding="utf-8")
    return target


def _tex(text: str) -> str:
    """Escape what LaTeX would take for a command; math between dollars stays."""
    parts = re.split(r"(\$[^$]*\$)", text)
    return "".join(
        part
        if part.startswith("$")
        else re.sub(r"([<>])", r"$\1$", re.sub(r"([%&#_])", r"\\\1", part))
        for part in parts
    )
