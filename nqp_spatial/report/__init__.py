"""Tables for papers (Word, LaTeX, HTML, spreadsheets) and complete studies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nqp_spatial.core.lazy import load_when_used

if TYPE_CHECKING:
    from nqp_spatial.report.study.check import Finding, Findings, check, starter
    from nqp_spatial.report.study.many import studies
    from nqp_spatial.report.study.runner import StudyResult, study
    from nqp_spatial.report.study.runs import StudiesResult
    from nqp_spatial.report.tables.clubs import club_table
    from nqp_spatial.report.tables.dagum import dagum_table
    from nqp_spatial.report.tables.descriptive import descriptive_table
    from nqp_spatial.report.tables.effects import effects_table
    from nqp_spatial.report.tables.groups import group_table
    from nqp_spatial.report.tables.journal_table import JournalTable
    from nqp_spatial.report.tables.markov import transition_table
    from nqp_spatial.report.tables.regression import regression_table
    from nqp_spatial.report.tables.robustness import robustness_table
    from nqp_spatial.report.tables.tests import tests_table

__all__ = [
    "Finding",
    "Findings",
    "JournalTable",
    "StudiesResult",
    "StudyResult",
    "check",
    "club_table",
    "dagum_table",
    "descriptive_table",
    "effects_table",
    "group_table",
    "regression_table",
    "robustness_table",
    "starter",
    "studies",
    "study",
    "tests_table",
    "transition_table",
]

load_when_used(
    __name__,
    {
        "study.check": "Finding Findings check starter",
        "study.many": "studies",
        "study.runner": "StudyResult study",
        "study.runs": "StudiesResult",
        "tables.clubs": "club_table",
        "tables.dagum": "dagum_table",
        "tables.descriptive": "descriptive_table",
        "tables.effects": "effects_table",
        "tables.groups": "group_table",
        "tables.journal_table": "JournalTable",
        "tables.markov": "transition_table",
        "tables.regression": "regression_table",
        "tables.robustness": "robustness_table",
        "tables.tests": "tests_table",
    },
)
