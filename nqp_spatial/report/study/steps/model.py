"""The model and its effects."""

from __future__ import annotations

import pandas as pd

from nqp_spatial.core.number_format import interval_texts
from nqp_spatial.core.text import Message, t
from nqp_spatial.regression import RegressionResult
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.step import Names, Step, StepOutput, left_out, make_step, name_of

__all__ = ["model"]

_MOST_HEADLINES = 3  # variables
_GREEK = {"rho": "ρ", "lam": "λ", "tau": "τ", "eta": "η", "sigma2": "σ²"}
_COLUMNS = [
    "variable", "effect", "estimate", "std_error", "p_value", "conf_low", "conf_high",
]  # fmt: skip


def model(config: StudyConfig) -> Step:
    """Estimate the model and its effects."""
    title = t("The model")
    formula = config.model.formula
    if not formula:
        return left_out("model", title, t("[model] formula is not given"))
    figures = []
    if config.has_effects:
        outcome = name_of(config, _outcome(formula))
        caption = t("Direct, indirect and total effects on {outcome}, with 95% intervals.",
                    outcome=outcome)  # fmt: skip
        figures = [("effects", caption)]
    return make_step("model", title, config, _read, figures=figures)


def _outcome(formula: str) -> str:
    term = formula.partition("~")[0].strip()
    return term if "(" in term else term.strip("`")


def _read(names: Names) -> StepOutput:
    output, result = StepOutput(), names["result"]
    output.note(result.notes)
    if ("spatial", "rho") in result.params.index:
        rho, error = interval_texts(result.params["spatial", "rho"],
                                    result.std_errors["spatial", "rho"])  # fmt: skip
        output.say(
            t(
                "rho, the spatial autoregressive coefficient: {rho} (s.e. {error}).",
                rho=rho, error=error,
            )
        )  # fmt: skip
        output.headline(t("Spatial autoregressive coefficient ρ"), rho,
                        t("standard error {error}", error=error))  # fmt: skip
    if "effects" in names:
        _show_effects(output, names["effects"].frame, result)
    table = result.frame.rename(result.label, level=1).rename(_GREEK, level=1)
    output.show(t("Coefficients of the model"), table, rows=("block", None), files=["model"])
    return output


def _show_effects(output: StepOutput, frame: pd.DataFrame, result: RegressionResult) -> None:
    for place, (variable, rows) in enumerate(frame.groupby("variable", sort=False)):
        effects = rows.set_index("effect")
        output.say(_effects_of(result.label(str(variable)), effects))
        if place < _MOST_HEADLINES:
            _headlines(output, result.label(str(variable)), effects)
    output.say(
        t(
            "These are associations conditional on the fixed effects and the regressors. They are "
            "causal only where the research design supports it."
        )
    )
    table = frame[_COLUMNS].set_index(["variable", "effect"]).rename(result.label, level=0)
    output.show(
        t("Direct, indirect and total effects"), table, rows=(None, "effect"), files=["effects"]
    )


def _headlines(output: StepOutput, variable: str, rows: pd.DataFrame) -> None:
    """Add the direct and the indirect effect of a variable to the opening of the page."""
    terms = {
        "direct": t("{variable}: direct effect", variable=variable),
        "indirect": t("{variable}: indirect effect (spillover)", variable=variable),
    }
    for effect, term in terms.items():
        row = rows.loc[effect]
        if pd.isna(row["p_value"]):  # zero by construction
            continue
        estimate, low, high = interval_texts(*row[["estimate", "conf_low", "conf_high"]])
        interval = t("[{low}, {high}]", low=low, high=high)
        if row["conf_low"] <= 0 <= row["conf_high"]:
            interval = t("{interval}, not significantly different from zero", interval=interval)
        output.headline(term, estimate, interval)


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
    numbers = interval_texts(row["estimate"], row["conf_low"], row["conf_high"])
    values = dict(zip(("estimate", "low", "high"), numbers, strict=True))
    if row["conf_low"] > 0 or row["conf_high"] < 0:
        return t("{estimate} [{low}, {high}]", **values)
    return t("{estimate} [{low}, {high}], not significantly different from zero", **values)
