"""Regression and effects tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Digits, checked
from nqp_spatial.errors import OptionError
from nqp_spatial.plots.said import said
from nqp_spatial.regression import EffectsResult, RegressionResult
from nqp_spatial.report.tables._writers import STARS, STARS_NOTE, target_of, words_in, write_cells

__all__ = ["effects_table", "regression_table"]

# Built-in words of tables, English and Chinese.
_WORDS = {
    "en": {
        "coefficients": "Coefficients",
        "direct": "Direct effects",
        "indirect": "Indirect effects",
        "total": "Total effects",
        "short-run": "short run",
        "long-run": "long run",
        "horizon": "after {} periods",
        "fit": "Model",
        "unit": "Unit effects",
        "period": "Period effects",
        "yes": "yes",
        "no": "no",
        "random": "random",
        "N": "Observations",
        "ll": "Log-likelihood",
        "aic": "AIC",
        "r2": "R² within",
        "constant": "Constant",
        "mean": "mean of {}",
        "se": f"Standard errors in parentheses. {STARS_NOTE}",
        "t": f"t statistics in parentheses. {STARS_NOTE}",
        "model": "Model: {}.",
        "weights": "Weights: {}.",
        "estimator": "Estimated by {}.",
        "correction": "Correction: {}.",
        "covariance": "Covariance: {}.",
        "inference": "Inference on effects by {}.",
        "draws": "{} draws from the asymptotic distribution",
        "delta": "the delta method",
        "likelihood": "likelihood",
        "none": "none",
    },
    "zh": {
        "coefficients": "系数",
        "direct": "直接效应",
        "indirect": "间接效应",
        "total": "总效应",
        "short-run": "短期",
        "long-run": "长期",
        "horizon": "{}期后",
        "fit": "模型",
        "unit": "个体效应",
        "period": "时间效应",
        "yes": "是",
        "no": "否",
        "random": "随机",
        "N": "观测值",
        "ll": "对数似然",
        "aic": "AIC",
        "r2": "组内R²",
        "constant": "常数项",
        "mean": "{}的均值",
        "se": "括号内为标准误。* p < 0.1，** p < 0.05，*** p < 0.01。",
        "t": "括号内为 t 统计量。* p < 0.1，** p < 0.05，*** p < 0.01。",
        "model": "模型：{}。",
        "weights": "权重：{}。",
        "estimator": "估计方法：{}。",
        "correction": "偏误修正：{}。",
        "covariance": "协方差：{}。",
        "inference": "效应的推断：{}。",
        "draws": "渐近分布抽样 {} 次",
        "delta": "delta 方法",
        "likelihood": "极大似然",
        "none": "无",
        "transformation": "变换法",
        "bias": "偏误修正",
        "observed": "观测信息矩阵",
        "expected": "期望信息矩阵",
        "robust": "稳健",
        "cluster": "聚类稳健",
    },
}


@checked
def regression_table(
    results: RegressionResult | Sequence[RegressionResult] | Mapping[Any, RegressionResult],
    path: str | Path,
    *,
    effects: bool | Mapping[Any, EffectsResult] = False,
    statistic: Literal["se", "t"] = "se",
    caption: str | None = None,
    notes: str = "",
    digits: Digits = 3,
    lang: Literal["en", "zh"] = "en",
) -> Path:
    """Write models side by side to a file, with effects below the coefficients if asked for.

    Parameters
    ----------
    results : RegressionResult, sequence or mapping
        The models; the keys of a mapping head the columns.
    path : path
        Ends in .docx, .tex, .html or .xlsx, which decides the format. Its folder is made if need
        be.
    effects : bool or mapping
        Panels of direct, indirect and total effects; true for those of 1 000 draws and seed 0, or
        results of `RegressionResult.effects` by the same headings.
    statistic : {"se", "t"}
        What stands in parentheses: standard errors or t (z) statistics.
    caption : str, optional
        Title of the table.
    notes : str
        Added to the built-in note on standard errors, weights and corrections.
    digits : int
        Decimal places.
    lang : {"en", "zh"}
        Language of the built-in words and of what the result says; `notes` stay as given.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    OptionError
        If the ending or an option is unknown, or there are no results.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
    >>> regression_table(res, tempfile.mkdtemp() + "/models.tex", effects=True).name
    'models.tex'
    """
    models = _named(results, RegressionResult)
    target = target_of(path, digits, caption, notes)
    if statistic not in ("se", "t"):
        raise OptionError(f"statistic must be 'se' or 't', got {statistic!r}")
    words = words_in(lang, _WORDS)
    impacts: dict[str, EffectsResult] = {}
    if effects is True:
        impacts = {name: model.effects(seed=0) for name, model in models.items()}
    elif effects:
        impacts = _named(effects, EffectsResult)
        if set(impacts) != set(models):
            raise OptionError(
                f"effects must have the headings of the models, {', '.join(models)}; got "
                f"{', '.join(map(str, impacts))}"
            )
    columns = {}
    shared = _shared_labels(map(_variable_labels, models.values()))
    for name, model in models.items():
        parts = [_coefficients(model, statistic, digits, words, shared)]
        if name in impacts:
            parts.append(_effects_column(impacts[name], digits, words, statistic, shared))
        parts.append(_facts(model, digits, words))
        columns[name] = pd.concat(parts)
    rows = _rows(list(columns.values()))
    cells = pd.DataFrame({n: column.reindex(rows) for n, column in columns.items()})
    note = _regression_note(models, impacts, statistic, lang, notes)
    return write_cells(cells.fillna(""), target, caption=caption, notes=note)


def _rows(columns: list[pd.Series]) -> list[tuple[str, str]]:
    """Return the rows of all columns: panels as they first come, rows in them likewise."""
    keys = list(dict.fromkeys(key for column in columns for key in column.index))
    panels = list(dict.fromkeys(panel for panel, _ in keys))
    return [key for panel in panels for key in keys if key[0] == panel]


def _cell(value: float, error: float, p: float, statistic: str, digits: int) -> str:
    stars = "*" * sum(p < level for level in STARS)
    inside = error if statistic == "se" else value / error if error > 0 else float("nan")
    return f"{value:.{digits}f}{stars}\n({inside:.{digits if statistic == 'se' else 2}f})"


def _coefficients(
    model: RegressionResult,
    statistic: str,
    digits: int,
    words: dict[str, str],
    shared: set[str],
) -> pd.Series:
    greek = {"rho": "ρ (Wy)", "lam": "λ (Wu)", "phi": "φ"}
    outcome = model.label(model.spec.outcome)
    cells = {}
    for key, row in model.frame.iterrows():
        block, name, *part = key
        label = words["constant"] if name == "Intercept" else _row_label(name, model.labels, shared)
        if block in ("spatial", "random"):
            label = greek[name]
        elif block == "dynamic":
            label = f"{'W × ' if name == 'eta' else ''}{outcome} (t-1)"
        elif block in ("wx", "wmean"):
            label = f"W × {label}"
        if block in ("mean", "wmean"):
            label = words["mean"].format(label)
        if part:  # of a model with several W's in a term
            label = f"{label}, {part[0]}"
        cells[words["coefficients"], label] = _cell(
            row["estimate"], row["std_error"], row["p_value"], statistic, digits
        )
    return pd.Series(cells, dtype=object)


def _shared_labels(columns: Iterable[Mapping[str, str]]) -> set[str]:
    """Return the labels that two variables of one column share, from labels by variable.

    Such variables have their names behind the label, in all columns alike.
    """
    counts = (Counter(labels.values()) for labels in columns)
    return {label for count in counts for label, number in count.items() if number > 1}


def _variable_labels(result: RegressionResult | EffectsResult) -> dict[str, str]:
    """Return the labels of the variables of a model or of its effects."""
    effects = isinstance(result, EffectsResult)
    names = result.frame["variable"] if effects else result.spec.regressors
    return {name: result.labels.get(name, name) for name in names}


def _row_label(name: str, labels: Mapping[str, str], shared: set[str]) -> str:
    """Return the label of a variable's row, with its name behind it where others have the label.

    Examples
    --------
    >>> _row_label("x1", {"x1": "Capital"}, {"Capital"}), _row_label("z", {}, set())
    ('Capital (x1)', 'z')
    """
    label = labels.get(name, name)
    return f"{label} ({name})" if label in shared else label


def _facts(model: RegressionResult, digits: int, words: dict[str, str]) -> pd.Series:
    spec = model.spec
    unit = words["random"] if spec.has_phi else words["yes" if spec.sweeps_units else "no"]
    facts = {
        words["unit"]: unit,
        words["period"]: words["yes" if spec.sweeps_periods else "no"],
        words["N"]: f"{model.nobs:,}",
        words["ll"]: f"{model.loglik:,.{digits}f}" if np.isfinite(model.loglik) else "",
        words["aic"]: f"{model.aic:,.{digits}f}" if np.isfinite(model.loglik) else "",
        "σ²": f"{model.sigma2:.{digits + 1}g}",
        words["r2"]: f"{model.rsquared_within:.{digits}f}",
    }
    return pd.Series({(words["fit"], name): value for name, value in facts.items()}, dtype=object)


@checked
def effects_table(
    effects: EffectsResult | Sequence[EffectsResult] | Mapping[Any, EffectsResult],
    path: str | Path,
    *,
    caption: str | None = None,
    notes: str = "",
    digits: Digits = 3,
    lang: Literal["en", "zh"] = "en",
) -> Path:
    """Write direct, indirect and total effects to a file, one panel an effect.

    Parameters
    ----------
    effects : EffectsResult, sequence or mapping
        One or more results of `RegressionResult.effects`; the keys of a mapping head the columns.
    path : path
        Ends in .docx, .tex, .html or .xlsx.
    caption : str, optional
        Title of the table.
    notes : str
        Added to the built-in note on inference.
    digits : int
        Decimal places.
    lang : {"en", "zh"}
        Language of the built-in words and of what the result says; `notes` stay as given.

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
    columns = _named(effects, EffectsResult)
    target = target_of(path, digits, caption, notes)
    words = words_in(lang, _WORDS)
    shared = _shared_labels(map(_variable_labels, columns.values()))
    series = {
        name: _effects_column(result, digits, words, "se", shared)
        for name, result in columns.items()
    }
    rows = _rows(list(series.values()))
    cells = pd.DataFrame({name: column.reindex(rows) for name, column in series.items()})
    note = _effects_note(columns, words, notes)
    return write_cells(cells.fillna(""), target, caption=caption, notes=note)


def _named(results: Any, kind: type) -> dict[str, Any]:
    """Return results by heading; numbers in parentheses where there are no names."""
    if isinstance(results, kind):
        results = [results]
    if not isinstance(results, Mapping):
        if isinstance(results, str) or not isinstance(results, Iterable):
            results = [results]
        results = {f"({number})": one for number, one in enumerate(results, start=1)}
    wrong = [type(one).__name__ for one in results.values() if not isinstance(one, kind)]
    if wrong or not results:
        raise OptionError(
            f"results must hold at least one {kind.__name__}, got {wrong or 'nothing'}; "
            "pass one, a list, or a mapping from headings"
        )
    named = {str(name): one for name, one in results.items()}
    if len(named) < len(results):
        raise OptionError(f"headings must differ, got {', '.join(map(str, results))}")
    return named


def _effects_column(
    effects: EffectsResult,
    digits: int,
    words: dict[str, str],
    statistic: str,
    shared: set[str],
) -> pd.Series:
    """Return cells by panel (an effect at a horizon) and variable."""
    cells = {}
    for horizon in dict.fromkeys(effects.frame["horizon"]):
        at = effects.frame[effects.frame["horizon"] == horizon]
        when = words.get(horizon, "") if isinstance(horizon, str) else words["horizon"]
        when = when.format(horizon)
        for kind in ("direct", "indirect", "total"):
            heading = f"{words[kind]}, {when}" if when else words[kind]
            for row in at[at["effect"] == kind].itertuples():
                label = _row_label(row.variable, effects.labels, shared)
                cells[heading, label] = _cell(
                    row.estimate, row.std_error, row.p_value, statistic, digits
                )
    return pd.Series(cells, dtype=object)


def _regression_note(
    models: Mapping[Any, RegressionResult],
    impacts: Mapping[Any, EffectsResult],
    statistic: str,
    lang: str,
    notes: str,
) -> str:
    words = words_in(lang, _WORDS)
    facts: dict[str, list[str]] = {
        "model": [one.spec.model.upper() for one in models.values()],
        "weights": [said(one.spec.weights, lang) for one in models.values()],
        "estimator": [
            "GS2SLS" if one.spec.estimator == "gs2sls" else words["likelihood"]
            for one in models.values()
        ],
        "correction": [_worded(one.spec.correction, words) for one in models.values()],
        "covariance": [_worded(one.spec.covariance, words) for one in models.values()],
        "inference": [_inference(one, words) for one in impacts.values()],
    }
    parts = [words[statistic], *(_per_column(key, values, words) for key, values in facts.items())]
    return " ".join([*(part for part in parts if part), notes]).strip()


def _worded(option: str, words: dict[str, str]) -> str:
    """Return an option's name, in the table's language where it has one."""
    return words.get(option, option)


def _inference(effects: EffectsResult, words: dict[str, str]) -> str:
    draws = effects.spec["draws"]
    return words["draws"].format(draws) if draws else words["delta"]


def _per_column(key: str, values: list[str], words: dict[str, str]) -> str:
    """Say a fact once where all columns share it, else column by column."""
    if not any(values):
        return ""
    if len(set(values)) == 1:
        return words[key].format(values[0])
    each = (f"({n}) {value or words['none']}" for n, value in enumerate(values, start=1))
    return words[key].format("; ".join(each))


def _effects_note(columns: Mapping[Any, EffectsResult], words: dict[str, str], notes: str) -> str:
    how = [_inference(one, words) for one in columns.values()]
    titles = [one.title for one in columns.values()]
    parts = [
        words["se"],
        _per_column("inference", how, words),
        _per_column("model", titles, words),
        notes,
    ]
    return " ".join(part for part in parts if part)
