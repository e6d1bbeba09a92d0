"""Steps of a study, in their order: a module for its content, a template for its code."""

from __future__ import annotations

from collections.abc import Callable

from nqp_spatial.core.text import t
from nqp_spatial.report.study.config import METHODS, StudyConfig
from nqp_spatial.report.study.step import Step, without_code
from nqp_spatial.report.study.steps.association import association
from nqp_spatial.report.study.steps.centre import centre
from nqp_spatial.report.study.steps.chains import chains
from nqp_spatial.report.study.steps.convergence import convergence
from nqp_spatial.report.study.steps.describe import describe
from nqp_spatial.report.study.steps.diagnostics import diagnostics
from nqp_spatial.report.study.steps.distribution import distribution
from nqp_spatial.report.study.steps.drivers import drivers
from nqp_spatial.report.study.steps.explore import explore
from nqp_spatial.report.study.steps.forecast import forecast
from nqp_spatial.report.study.steps.gradient import gradient
from nqp_spatial.report.study.steps.heterogeneity import heterogeneity
from nqp_spatial.report.study.steps.hotspots import hotspots
from nqp_spatial.report.study.steps.index import index
from nqp_spatial.report.study.steps.mediation import mediation
from nqp_spatial.report.study.steps.model import model
from nqp_spatial.report.study.steps.network import network
from nqp_spatial.report.study.steps.policy import policy
from nqp_spatial.report.study.steps.robustness import robustness

__all__ = ["every_step"]

#: All steps in order; those of `METHODS` are made only if their table is in the settings.
_STEPS: dict[str, Callable[[StudyConfig], Step]] = {
    step.__name__: step
    for step in (
        describe, index, gradient, distribution, chains, forecast, convergence, association,
        hotspots, drivers, network, diagnostics, model, robustness, heterogeneity, mediation,
        centre, policy, explore,
    )
}  # fmt: skip


def every_step(config: StudyConfig) -> list[Step]:
    """Return the steps in order, with their code for these settings."""
    wanted = [
        make for name, make in _STEPS.items() if name not in METHODS or name in config.methods
    ]
    return [
        without_code(step, t("named in [study] skip")) if step.name in config.study.skip else step
        for step in (make(config) for make in wanted)
    ]
