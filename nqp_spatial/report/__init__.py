"""Tables for papers: Word, LaTeX, HTML and spreadsheets."""

from nqp_spatial.report.result_tables import (
    club_table,
    dagum_table,
    descriptive_table,
    tests_table,
    transition_table,
)
from nqp_spatial.report.tables import effects_table, regression_table

__all__ = [
    "club_table",
    "dagum_table",
    "descriptive_table",
    "effects_table",
    "regression_table",
    "tests_table",
    "transition_table",
]
