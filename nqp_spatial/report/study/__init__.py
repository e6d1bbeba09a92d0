"""A complete study from one settings file."""

from nqp_spatial.report.study.check import Finding, Findings, check
from nqp_spatial.report.study.runner import StudyResult, study
from nqp_spatial.report.study.starter import starter

__all__ = ["Finding", "Findings", "StudyResult", "check", "starter", "study"]
