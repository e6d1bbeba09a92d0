"""Centre and periphery: spillovers between groups."""

from __future__ import annotations

from nqp_spatial.core.text import t, translate
from nqp_spatial.regression._formulas import terms_of
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.numerals import equal_decimals
from nqp_spatial.report.study.step import Names, Step, StepOutput, left_out, make_step, name_of

__all__ = ["centre"]


def centre(config: StudyConfig) -> Step:
    """Estimate spillovers between groups."""
    title, formula = t("Centre and periphery"), config.model.formula
    if not formula:
        return left_out("centre", title, t("[model] formula is not given"))
    if not config.groups.centre:
        return left_out("centre", title, t("[groups] centre is not given"))
    figures = [
        (
            f"from_group_to_group_{number}",
            t("Total effects of {variable} from group (columns) to group (rows).",
              variable=name_of(config, term)),
        )
        for number, term in enumerate(terms_of(formula), start=1)
    ]  # fmt: skip
    return make_step("centre", title, config, _read, figures=figures)


def _read(names: Names) -> StepOutput:
    output, split, panel = StepOutput(), names["split"], names["panel"]
    rho = split.params.xs("spatial", level="block")
    errors = split.std_errors.xs("spatial", level="block")
    for (_, part), value in rho.items():
        error = errors.xs(part, level="part").iloc[0]
        numbers = equal_decimals(value, error)
        output.say(t("rho, {part}: {rho} (s.e. {error}).",
                     part=part, rho=numbers[0], error=numbers[1]))  # fmt: skip
    for number, (name, matrix) in enumerate(names["matrices"].items(), start=1):
        caption = t("Total effects of {label}: receivers in rows, senders in columns",
                    label=panel.label(name))  # fmt: skip
        everything = {"all": translate(t("all units"))}
        table = matrix.matrix().rename(index=everything, columns=everything)
        output.show(caption, table, columns=None, files=[f"group_effects_{number}"])
    output.note(split.notes)
    return output
