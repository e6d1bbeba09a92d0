"""The steps of a study, in order."""

from __future__ import annotations

from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.step import Step, unfit_step
from nqp_spatial.report.study.steps.convergence import convergence_step
from nqp_spatial.report.study.steps.models import centre_step, diagnostics_step, model_step
from nqp_spatial.report.study.steps.places import (
    association_step,
    describe_step,
    gradient_step,
    index_step,
)
from nqp_spatial.report.study.steps.times import chains_step, distribution_step
from nqp_spatial.report.study.words import say

__all__ = ["every_step"]


def every_step(config: StudyConfig) -> list[Step]:
    """Return the steps in order, with their code for these settings."""
    makers = (
        describe_step, index_step, gradient_step, distribution_step, chains_step, convergence_step,
        association_step, diagnostics_step, model_step, centre_step,
    )  # fmt: skip
    skipped = set(config["study"]["skip"])
    steps = [make(config) for make in makers]
    return [
        step if step.name not in skipped else unfit_step(step, say("named in [study] skip"))
        for step in steps
    ]
