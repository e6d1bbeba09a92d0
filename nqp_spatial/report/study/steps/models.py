"""Steps of a study about models: which one, its effects, centre and periphery."""

from __future__ import annotations

from textwrap import indent

import pandas as pd

from nqp_spatial.regression._formulas import terms_of
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.step import (
    NO_FORMULA,
    Found,
    Names,
    Step,
    drawn,
    literal,
    made,
    tabled,
)
from nqp_spatial.report.study.words import say

__all__ = ["centre_step", "diagnostics_step", "model_step"]


def diagnostics_step(config: StudyConfig) -> Step:
    """Test which model the data speak for."""
    title, of = say("Which model"), config["model"]
    if not of["formula"]:
        return Step("diagnostics", title, "", lambda _: Found(), (), say(NO_FORMULA))
    lines = [
        made(
            "tests", "nq.diagnostics", "panel", literal(of["formula"]), "w", effects=of["effects"]
        ),
        tabled("tests_table", "tests", "specification", lang=config["study"]["lang"]),
    ]

    def read(names: Names) -> Found:
        found, tests = Found(), names["tests"]
        found.say(tests.recommendation)
        columns = ["group", "name", "statistic", "df", "p_value"]
        found.show(say("Specification tests"), tests.table[columns].set_index(["group", "name"]))
        found.show(say("Criteria"), tests.criteria)
        return found

    return Step("diagnostics", title, "\n".join(lines), read)


def model_step(config: StudyConfig) -> Step:
    """Estimate the model and its effects."""
    title, of, study = say("The model"), config["model"], config["study"]
    if not of["formula"]:
        return Step("model", title, "", lambda _: Found(), (), say(NO_FORMULA))
    lines = [
        made(
            "result",
            "nq.fit",
            literal(of["formula"]),
            "panel",
            "w",
            model=of["model"],
            effects=of["effects"],
        ),
        tabled("regression_table", "result", "model", lang=study["lang"]),
    ]
    figures: tuple[tuple[str, str], ...] = ()
    if of["model"] != "ols":
        lines += [
            f"effects = result.effects(draws={of['draws']}, seed={study['seed']})",
            tabled("effects_table", "effects", "effects", lang=study["lang"]),
            drawn(config, "effects", "effects", '"effects"'),
        ]
        figures = (("effects", say("Direct, indirect and total effects with 95 % intervals.")),)

    def read(names: Names) -> Found:
        found, result = Found(), names["result"]
        labels = [result.label(name) for name in result.spec.regressors]
        found.note(result.notes)
        if ("spatial", "rho") in result.params.index:
            rho, error = result.params["spatial", "rho"], result.std_errors["spatial", "rho"]
            text = "rho, the part of the neighbours' outcome: {rho} (s.e. {error})."
            found.say(say(text, rho=f"{rho:.3f}", error=f"{error:.3f}"))
        if "effects" in names:
            for name, of_one in names["effects"].frame.groupby("variable", sort=False):
                rows = of_one.set_index("effect")
                said_of = {"label": result.label(str(name)), "direct": _reading(rows.loc["direct"])}
                # Without rho and W X what others have is zero by the model, not by the data.
                if pd.isna(rows.loc["indirect", "p_value"]):
                    found.say(
                        say("{label}: {direct}; the model has no indirect effect.", **said_of)
                    )
                    continue
                text = "{label}: direct {direct}; indirect {indirect}."
                found.say(say(text, **said_of, indirect=_reading(rows.loc["indirect"])))
            found.say(
                say(
                    "These are associations given the effects and regressors, not causes, unless "
                    "the design of the data says otherwise."
                )
            )
            kept = ["variable", "effect", "estimate", "std_error", "p_value", "conf_low",
                    "conf_high"]  # fmt: skip
            table = names["effects"].frame[kept].set_index(["variable", "effect"])
            found.show(say("Effects"), table.rename(result.label, level=0), given=labels)
        found.show(say("Coefficients"), result.table.rename(result.label, level=1), given=labels)
        return found

    return Step("model", title, "\n".join(lines), read, figures)


def _reading(row: pd.Series) -> str:
    low, high = row["conf_low"], row["conf_high"]
    said = f"{row['estimate']:.3f} [{low:.3f}, {high:.3f}]"
    return said if low > 0 or high < 0 else say("{said}, not told from zero", said=said)


def centre_step(config: StudyConfig) -> Step:
    """Estimate spillovers from group to group."""
    title, of, centre = say("Centre and periphery"), config["model"], config["groups"]["centre"]
    if not (centre and of["formula"]):
        why = say("no [groups] centre is given" if of["formula"] else NO_FORMULA)
        return Step("centre", title, "", lambda _: Found(), (), why)
    picture = drawn(
        config, "effects_matrix", "matrix, label=panel.label(matrix.variable)",
        'f"from_group_to_group_{number}"',
    )  # fmt: skip
    lines = [
        made(
            "split", "nq.spillovers.partitioned", literal(of["formula"]), "panel", "w",
            group=centre, effects=of["effects"],
        ),
        "matrices = {name: split.effects_matrix(name) for name in split.model.spec.regressors}",
        "for number, matrix in enumerate(matrices.values(), start=1):",
        indent(picture, "    "),
    ]  # fmt: skip

    def read(names: Names) -> Found:
        found, split = Found(), names["split"]
        rho = split.params.xs("spatial", level="block")
        errors = split.std_errors.xs("spatial", level="block")
        for (_, part), value in rho.items():
            error = errors.xs(part, level="part").iloc[0]
            text = "rho, {part}: {rho} (s.e. {error})."
            found.say(say(text, part=part, rho=f"{value:.3f}", error=f"{error:.3f}"))
        for name, matrix in names["matrices"].items():
            label = names["panel"].label(name)
            found.show(
                say("Total effects of {label}, receivers by senders", label=label),
                matrix.matrix(),
                given=split.groups.names,
            )
        found.note(split.notes)
        return found

    figures = tuple(
        (f"from_group_to_group_{number}", say("Effects from group (columns) to group (rows)."))
        for number in range(1, len(terms_of(of["formula"])) + 1)
    )
    return Step("centre", title, "\n".join(lines), read, figures)
