"""Tables for papers: Word, LaTeX and HTML."""

from nqp_spatial.report.tables import effects_table, regression_table

__all__ = ["effects_table", "regression_table"]
