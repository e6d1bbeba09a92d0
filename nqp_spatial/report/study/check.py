"""Check of a study for errors before it is run."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

from nqp_spatial.core.options import checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import OptionError, sample
from nqp_spatial.report.study._check_files import (
    check_columns,
    check_formulas,
    check_paths,
    check_weights_file,
    read_table,
)
from nqp_spatial.report.study._check_map import check_map
from nqp_spatial.report.study._check_panel import (
    check_groups,
    check_periods,
    check_sizes,
    check_values,
    draft_panel,
)
from nqp_spatial.report.study._findings import Finding, Findings, in_settings
from nqp_spatial.report.study.config import METHODS, StudyConfig, config_and_faults
from nqp_spatial.report.study.runner import run_setup
from nqp_spatial.report.study.starter import starter
from nqp_spatial.report.study.step import setup_code
from nqp_spatial.report.study.steps import every_step

__all__ = ["Finding", "Findings", "check", "starter"]

_OF_MODEL = r"\b(model|effects|estimator|covariance|cluster|cutoff_km|lags)=\s*"


@checked
def check(config: object) -> Findings:
    """Check settings, data, map, weights and models, and report everything that would fail.

    All problems are found in one run: those of the settings, the files, the columns, the map, the
    gaps (with one count over the columns used) and the values. Each is stated with the line of the
    settings file that solves it. No text of the settings is executed: formulas are parsed, and
    refused if they contain anything except columns, operators and known functions.

    Parameters
    ----------
    config : path or mapping
        As in `nqp_spatial.report.study`.

    Returns
    -------
    Findings
        A tuple of `Finding`, with ``.frame`` and ``.failures``.

    Examples
    --------
    >>> check({"data": {"panel": "none.csv"}})[0].level
    'fails'
    """
    try:
        settings, faults = config_and_faults(config, lenient=True)
    except (OptionError, OSError) as error:
        return Findings([Finding("fails", "settings", str(error))])
    findings = [Finding("fails", "settings", fault) for fault in faults]
    if settings is not None:
        findings += _of_data(settings, has_faults=bool(faults))
    return Findings(findings)


def _of_data(settings: StudyConfig, *, has_faults: bool) -> list[Finding]:
    """Return the findings on the files and the data; if nothing fails, on weights and models."""
    formulas = check_formulas(settings)
    findings = list(formulas.values())
    if "model" in formulas:  # the rest is checked without the formula
        model = settings.model.model_copy(update={"formula": None})
        settings = settings.model_copy(update={"model": model})
    settings = settings.model_copy(update={name: None for name in formulas if name in METHODS})
    paths = check_paths(settings)
    findings += paths.values()
    frame, panel = None, None
    if "[data] panel" not in paths:
        frame, words = read_table(settings)
        findings += words
    if frame is not None:
        findings += check_columns(settings, frame)
    if "[data] geometry" not in paths and not (has_faults and _is_refused(settings)):
        findings += check_map(settings, frame)
    if "[weights] path" not in paths:
        findings += check_weights_file(settings)
    if frame is not None:
        panel, words = draft_panel(settings, frame)
        findings += words
    if panel is not None:
        findings += _of_panel(settings, panel)
    if has_faults or any(finding.level == "fails" for finding in findings):
        return findings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the study shows them
        return [*findings, *_of_study(settings)]


def _is_refused(settings: StudyConfig) -> bool:
    """Whether the map is a name without a file, which the settings' own check refuses."""
    name = settings.data.geometry or ""
    return not settings.data.on_shipped_map and not settings.file(name).suffix


def _of_panel(settings: StudyConfig, panel: SpatialPanel) -> list[Finding]:
    findings = []
    for part in (check_values, check_groups, check_periods, check_sizes):
        try:
            findings += part(settings, panel)
        except Exception as error:  # any problem with the data is reported, not raised
            findings.append(Finding("fails", "data", in_settings(error)))
    return findings


def _of_study(settings: StudyConfig) -> list[Finding]:
    """Return the findings on the panel and weights of the study itself, and on its model."""
    try:
        names = run_setup(settings, setup_code(settings), Path())
    except Exception as error:  # any problem with the files is reported, not raised
        return [Finding("fails", "data and weights", in_settings(error))]
    panel, w = names["panel"], names["w"]
    findings = [Finding("ok", "data", repr(panel)), Finding("ok", "weights", repr(w))]
    if len(w.islands):
        findings.append(Finding("warning", "weights", f"no neighbours: {sample(w.islands)}"))
    try:
        panel = _with_index(settings, panel)
    except Exception as error:
        return [*findings, Finding("fails", "index", in_settings(error))]
    return [*findings, *_clubs(settings, panel), *_model(settings, panel, w)]


def _with_index(settings: StudyConfig, panel: SpatialPanel) -> SpatialPanel:
    from nqp_spatial.composite import index

    if not settings.index.indicators:
        return panel
    composite = index(panel, settings.index.indicators, weighting=settings.index.weighting)
    return panel.assign(**{settings.index.name: composite.scores})


def _clubs(settings: StudyConfig, panel: SpatialPanel) -> list[Finding]:
    """Return why the log-t test of the step on convergence would fail, if it would."""
    from nqp_spatial.convergence import log_t

    steps = {step.name: step for step in every_step(settings)}
    step, clubs = steps["convergence"], settings.clubs
    if step.skip_reason or panel.n_periods < step.periods:
        return []
    try:
        log_t(
            panel, settings.outcome_name, discard=clubs.discard, logs=settings.outcome.logs,
            detrend=None if clubs.detrend == "none" else clubs.detrend,
        )  # fmt: skip
    except Exception as error:
        words = f'the step would fail: {in_settings(error)}; or set [study] skip = ["convergence"]'
        return [Finding("warning", "convergence", words)]
    return []


def _model(settings: StudyConfig, panel: SpatialPanel, w: Any) -> list[Finding]:
    from nqp_spatial.regression import fit

    model = settings.model
    if not model.formula:
        return [Finding("ok", "model", "no formula: no model")]
    try:
        result = fit(
            model.formula, panel, w, model=model.model, effects=model.effects, **model.inference
        )
    except Exception as error:
        words = re.sub(_OF_MODEL, r"[model] \1 = ", str(error))
        return [Finding("fails", "model", in_settings(error, words))]
    return [Finding("ok", "model", f"{model.formula}, {result.nobs:,} observations")]
