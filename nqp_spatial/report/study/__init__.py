"""A complete study from one settings file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nqp_spatial.core.lazy import load_when_used

if TYPE_CHECKING:
    from nqp_spatial.report.study.check import Finding, Findings, check
    from nqp_spatial.report.study.runner import StudyResult, study
    from nqp_spatial.report.study.starter import starter

__all__ = ["Finding", "Findings", "StudyResult", "check", "starter", "study"]

load_when_used(
    __name__,
    {
        "check": "Finding Findings check",
        "runner": "StudyResult study",
        "starter": "starter",
    },
)
