"""Tables for papers (Word, LaTeX, HTML, spreadsheets) and whole studies."""

from nqp_spatial.report.study.check import Finding, check, starter
from nqp_spatial.report.study.runner import StudyResult, study
from nqp_spatial.report.tables.regression import effects_table, regression_table
from nqp_spatial.report.tables.results import (
    club_table,
    dagum_table,
    descriptive_table,
    tests_table,
    transition_table,
)

__all__ = [
    "Finding",
    "StudyResult",
    "check",
    "club_table",
    "dagum_table",
    "descriptive_table",
    "effects_table",
    "regression_table",
    "starter",
    "study",
    "tests_table",
    "transition_table",
]
