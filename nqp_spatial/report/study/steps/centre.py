"""Centre and periphery: spillovers between groups."""

from __future__ import annotations

from nqp_spatial.core.text import t
from nqp_spatial.regression._formulas import terms_of
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.step import Names, Step, StepOutput, left_out, make_step

__all__ = ["centre"]


def centre(config: StudyConfig) -> Step:
    """Estimate spillovers between groups."""
    title, formula = t("Centre and periphery"), config.model.formula
    if not formula:
        return left_out("centre", title, t("[model] formula is not given"))
    if not config.groups.centre:
        return left_out("centre", title, t("[groups] centre is not given"))
    caption = t("Effects from group (columns) to group (rows).")
    figures = [
        (f"from_group_to_group_{number}", caption)
        for number in range(1, len(terms_of(formula)) + 1)
    ]
    return make_step("centre", title, config, _read, figures=figures)


def _read(names: Names) -> StepOutput:
    output, split, panel = StepOutput(), names["split"], names["panel"]
    rho = split.params.xs("spatial", level="block")
    errors = split.std_errors.xs("spatial", level="block")
    for (_, part), value in rho.items():
        error = errors.xs(part, level="part").iloc[0]
        output.say(t("rho, {part}: {rho:.3f} (s.e. {error:.3f}).",
                     part=part, rho=value, error=error))  # fmt: skip
    for name, matrix in names["matrices"].items():
        caption = t("Total effects of {label}: receivers in rows, senders in columns",
                    label=panel.label(name))  # fmt: skip
        output.show(caption, matrix.matrix(), columns=None)
    output.note(split.notes)
    return output
