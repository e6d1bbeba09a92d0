"""A whole study from one file of settings."""

from nqp_spatial.report.study.check import Finding, Findings, check
from nqp_spatial.report.study.runner import StudyResult, study
from nqp_spatial.report.study.starter import starter

__all__ = ["Finding", "Findings", "StudyResult", "check", "starter", "study"]
