"""The settings of a study with another outcome."""

from __future__ import annotations

from typing import Any

from nqp_spatial.core.text import language, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.regression._formulas import quoted, read_formula
from nqp_spatial.report.study._combinations import faults_of_combinations
from nqp_spatial.report.study.config import StudyConfig

__all__ = ["with_outcome"]


def with_outcome(config: StudyConfig, outcome: str) -> StudyConfig:
    """Return the settings of a study of another column.

    The column takes the place of the outcome under ``[outcome]`` and on the left of each formula
    that has it there; an outcome in logs, ``log_NAME`` of ``[data] logs``, remains in logs.

    Parameters
    ----------
    config : StudyConfig
    outcome : str
        Column of the table.

    Raises
    ------
    OptionError
        If the left side of ``[model] formula`` is not the outcome, so that the same model would be
        estimated for each; if the new outcome is a regressor of the formula.
    """
    former = config.outcome_name
    changes: dict[str, Any] = {
        "outcome": config.outcome.model_copy(update={"variable": outcome}),
        "study": config.study.model_copy(update={"title": _title(config, outcome)}),
    }
    logs = list(config.data.logs)
    for (table, key), formula in config.formulas.items():
        left, _, right = formula.partition("~")
        columns = read_formula(left, name="left side").columns if right else ()
        if columns == (former,):
            name = outcome
        elif columns == (f"log_{former}",) and former in config.data.logs:
            name = f"log_{outcome}"
            logs = list(dict.fromkeys([*logs, outcome]))
        elif table == "model":
            raise OptionError(
                f"[model] formula explains {left.strip()!r}, not the outcome {former!r}: it would "
                f"be the same for {outcome!r}; write a file of settings for each outcome"
            )
        else:
            continue
        if name in read_formula(right, name="right side").columns:
            raise OptionError(
                f"{outcome!r} is a regressor of [{table}] {key}, {formula!r}, and cannot be its "
                "outcome too"
            )
        # What is replaced is the one column of the left side, with or without backticks.
        bare = left.replace(quoted(columns[0]), columns[0])
        changed = f"{bare.replace(columns[0], quoted(name))}~{right}"
        part = changes.get(table, getattr(config, table))
        changes[table] = part.model_copy(update={key: changed})
    changes["data"] = config.data.model_copy(update={"logs": logs})
    other = config.model_copy(update=changes)
    faults = faults_of_combinations(other)
    if faults:
        raise OptionError(f"with the outcome {outcome!r}: {'; '.join(faults)}")
    return other


def _title(config: StudyConfig, outcome: str) -> str:
    """Return the heading of the page, with the outcome."""
    with language(config.study.lang):
        title = config.study.title or translate(t("A study of regional development"))
        name = config.data.labels.get(outcome, outcome)
        return translate(t("{title}: {outcome}", title=title, outcome=name))
