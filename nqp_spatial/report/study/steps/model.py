"""The model and its effects."""

from __future__ import annotations

import pandas as pd

from nqp_spatial.core.text import Message, t
from nqp_spatial.regression import RegressionResult
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.step import Names, Step, StepOutput, left_out, make_step

__all__ = ["model"]

_COLUMNS = [
    "variable", "effect", "estimate", "std_error", "p_value", "conf_low", "conf_high",
]  # fmt: skip


def model(config: StudyConfig) -> Step:
    """Estimate the model and its effects."""
    title = t("The model")
    if not config.model.formula:
        return left_out("model", title, t("[model] formula is not given"))
    figures = []
    if config.has_effects:
        figures = [("effects", t("Direct, indirect and total effects with 95 % intervals."))]
    return make_step("model", title, config, _read, figures=figures)


def _read(names: Names) -> StepOutput:
    output, result = StepOutput(), names["result"]
    output.note(result.notes)
    if ("spatial", "rho") in result.params.index:
        output.say(
            t(
                "rho, the spatial autoregressive coefficient: {rho:.3f} (s.e. {error:.3f}).",
                rho=result.params["spatial", "rho"], error=result.std_errors["spatial", "rho"],
            )
        )  # fmt: skip
    if "effects" in names:
        _show_effects(output, names["effects"].frame, result)
    table = result.frame.rename(result.label, level=1)
    output.show(t("Coefficients"), table, rows=("block", None))
    return output


def _show_effects(output: StepOutput, frame: pd.DataFrame, result: RegressionResult) -> None:
    for variable, rows in frame.groupby("variable", sort=False):
        output.say(_effects_of(result.label(str(variable)), rows.set_index("effect")))
    output.say(
        t(
            "These are associations conditional on the fixed effects and the regressors. They are "
            "causal only where the research design supports it."
        )
    )
    table = frame[_COLUMNS].set_index(["variable", "effect"]).rename(result.label, level=0)
    output.show(t("Effects"), table, rows=(None, "effect"))


def _effects_of(variable: str, rows: pd.DataFrame) -> Message:
    direct = _reading(rows.loc["direct"])
    # Without rho and W X the indirect effects are zero by construction, not because of the data.
    if pd.isna(rows.loc["indirect", "p_value"]):
        return t("{variable}: {direct}; the model has no indirect effect.",
                 variable=variable, direct=direct)  # fmt: skip
    return t(
        "{variable}: direct {direct}; indirect {indirect}.",
        variable=variable, direct=direct, indirect=_reading(rows.loc["indirect"]),
    )  # fmt: skip


def _reading(row: pd.Series) -> Message:
    values = {"estimate": row["estimate"], "low": row["conf_low"], "high": row["conf_high"]}
    if values["low"] > 0 or values["high"] < 0:
        return t("{estimate:.3f} [{low:.3f}, {high:.3f}]", **values)
    return t(
        "{estimate:.3f} [{low:.3f}, {high:.3f}], not significantly different from zero", **values
    )
