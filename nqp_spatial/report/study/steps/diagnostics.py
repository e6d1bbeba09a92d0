"""Specification tests: the model that the data favour."""

from __future__ import annotations

from nqp_spatial.core.text import label, t
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.page import tests_of
from nqp_spatial.report.study.step import Names, Step, StepOutput, left_out, make_step

__all__ = ["diagnostics"]


def diagnostics(config: StudyConfig) -> Step:
    """Test which model the data favour."""
    title = t("Choice of the model")
    if not config.model.formula:
        return left_out("diagnostics", title, t("[model] formula is not given"))
    return make_step("diagnostics", title, config, _read)


def _read(names: Names) -> StepOutput:
    output, result = StepOutput(), names["tests"]
    output.say(result.recommendation)
    output.note(result.notes)
    groups = [label("test group", group) for group in result.frame["group"]]
    output.show(
        t("Specification tests"), tests_of(result.tests.values(), groups), files=["specification"]
    )
    output.show(
        t("Information criteria of the models"), result.criteria.rename(str.upper),
        files=["information_criteria"],
    )  # fmt: skip
    return output
