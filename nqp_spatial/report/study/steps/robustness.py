"""Robustness of the main model to named changes."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nqp_spatial.core.number_format import interval_texts
from nqp_spatial.core.text import Message, label, t
from nqp_spatial.regression._formulas import terms_of
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.step import Names, Step, StepOutput, make_step, name_of

__all__ = ["robustness"]

_COLUMNS = ["estimate", "std_error", "p_value", "conf_low", "conf_high"]
_BASELINE = "baseline"


def robustness(config: StudyConfig) -> Step:
    """Estimate the main model under named changes."""
    variable = (*terms_of(str(config.model.formula)), "")[0]
    caption = t("The effect of {variable} under all changes, sorted by its size, with 95% "
                "intervals; the dots show what was changed.",
                variable=name_of(config, variable))  # fmt: skip
    return make_step("robustness", t("Robustness"), config, _read,
                     figures=[("robustness", caption)])  # fmt: skip


def _read(names: Names) -> StepOutput:
    output, result = StepOutput(), names["robustness"]
    fitted = int(result.changes["fitted"].sum()) - 1
    values = {"count": len(result.changes) - 1, "fitted": fitted}
    output.say(
        t("The model of the main table is estimated again under {count} changes, alone and in all "
          "combinations; {fitted} could be estimated.", **values)
        if result.spec["combine"]
        else t("The model of the main table is estimated again under {count} changes, one at a "
               "time; {fitted} could be estimated.", **values)
    )  # fmt: skip
    lead = result.quantity()
    term = label("effect" if lead["quantity"].iloc[0] == "effect" else "block",
                 str(lead["term"].iloc[0]))  # fmt: skip
    for variable in dict.fromkeys(result.frame["variable"]):
        if variable in result.models[_BASELINE].spec.regressors and variable != "Intercept":
            output.say(_reading(result, variable, term))
    output.note(result.notes)
    _headline(output, result, lead, term)
    _table(output, result, lead, term)
    return output


def _rows(result: Any, variable: str) -> tuple[pd.Series, pd.DataFrame]:
    """Return the estimate of the baseline and those under changes."""
    rows = result.quantity(variable).set_index("change")
    return rows.loc[_BASELINE], rows.drop(index=_BASELINE).dropna(subset="estimate")


def _kept(result: Any, base: pd.Series, changed: pd.DataFrame) -> tuple[int, int]:
    """Count the changes that keep the sign, and those that are significant with it."""
    same = (changed["estimate"] > 0) == (base["estimate"] > 0)
    return int(same.sum()), int((same & (changed["p_value"] < 1 - result.level)).sum())


def _reading(result: Any, variable: str, term: str) -> Message | str:
    base, changed = _rows(result, variable)
    if pd.isna(base["estimate"]) or changed.empty:
        return ""
    same, significant = _kept(result, base, changed)
    estimate, low, high = interval_texts(
        base["estimate"], changed["estimate"].min(), changed["estimate"].max()
    )
    return t(
        "{variable} ({term}): {estimate} in the main model, {low} to {high} under changes. The "
        "sign is the same in {same} of {total} changes, and significant with this sign in "
        "{significant}.",
        variable=result.labels.get(variable, variable), term=term, estimate=estimate, low=low,
        high=high, same=same, significant=significant, total=len(changed),
    )  # fmt: skip


def _headline(output: StepOutput, result: Any, lead: pd.DataFrame, term: str) -> None:
    variable = str(lead["variable"].iloc[0])
    base, changed = _rows(result, variable)
    if changed.empty:
        return
    same, _ = _kept(result, base, changed)
    low, high = interval_texts(changed["estimate"].min(), changed["estimate"].max())
    output.headline(
        t("Robustness: {variable} ({term})",
          variable=result.labels.get(variable, variable), term=term),
        t("{low} to {high}", low=low, high=high),
        t("same sign in {same} of {total} changes", same=same, total=len(changed)),
    )  # fmt: skip


def _table(output: StepOutput, result: Any, lead: pd.DataFrame, term: str) -> None:
    table = lead.set_index("change")[_COLUMNS].assign(
        observations=result.changes["observations"].reindex(lead["change"].to_numpy()).to_numpy()
    )
    variable = str(lead["variable"].iloc[0])
    output.show(
        t("{variable} ({term}) under each change",
          variable=result.labels.get(variable, variable), term=term),
        table, rows="change", files=["robustness"],
    )  # fmt: skip
