"""Rows of effects below each other, and what their notes say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set

from nqp_spatial.core.text import Message, join, t, translate
from nqp_spatial.regression import EffectsResult
from nqp_spatial.report.tables._cells import Estimate
from nqp_spatial.report.tables._columns import Columns
from nqp_spatial.report.tables._headings import row_label

__all__ = [
    "EFFECTS",
    "effect_estimates",
    "horizons_of",
    "inference_of",
    "put_effects",
    "runs_note",
    "statistic_note",
    "terms_note",
]

EFFECTS = ("direct", "indirect", "total")
_RUNS = ("static", "short-run", "long-run")


def horizons_of(results: Iterable[EffectsResult]) -> list[object]:
    """Return the horizons of all results in order of time; static effects are those of short run.

    Without a lag in time an effect is complete within the period. Where other columns have a short
    and a long run, it stands beside the short run.
    """
    horizons = dict.fromkeys(name for result in results for name in result.frame["horizon"])
    runs: list[object] = [name for name in _RUNS if name in horizons]
    if len(runs) > 1 and runs[0] == "static":
        runs = ["short-run", *(name for name in runs if name == "long-run")]
    return [*runs, *sorted(name for name in horizons if name not in _RUNS)]


def effect_estimates(
    effects: EffectsResult, horizon: object, labels: Mapping[str, str], shared: Set[str]
) -> Iterator[tuple[str, str, str, Estimate]]:
    """Yield name, label, kind of effect and estimate of the effects at one horizon."""
    frame = effects.frame
    horizons = set(frame["horizon"])
    source = "static" if horizon == "short-run" and "short-run" not in horizons else horizon
    for row in frame[frame["horizon"] == source].to_dict("records"):
        name = str(row["variable"])
        words = row_label(name, labels, shared) + _stated(row, effects, labels)
        estimate = Estimate(row["estimate"], row["std_error"], row["p_value"])
        yield name, words, row["effect"], estimate


def put_effects(
    columns: Columns,
    impacts: Mapping[str, EffectsResult],
    labels: Mapping[str, Mapping[str, str]],
    shared: Set[str],
) -> None:
    """Fill panels, one for each effect at each horizon."""
    for horizon in horizons_of(impacts.values()):
        for effect in EFFECTS:
            panel = translate(_heading(horizon, effect))
            for heading, result in impacts.items():
                cells = effect_estimates(result, horizon, labels[heading], shared)
                for name, words, kind, cell in cells:
                    if kind == effect:
                        columns.put(heading, (panel, words), cell, name)


def _stated(row: Mapping[object, object], effects: EffectsResult, labels: Mapping[str, str]) -> str:
    """Return the stated values of moderators at which an effect is."""
    values = [f"{labels.get(name, name)} = {_short(row[name])}" for name in effects.moderators]
    return f" ({', '.join(values)})" if values else ""


def _short(value: object) -> object:
    return f"{value:g}" if isinstance(value, float) else value


def _heading(horizon: object, effect: str) -> Message:
    words = {
        "direct": t("Direct effects"), "indirect": t("Indirect effects"),
        "total": t("Total effects"),
    }[effect]  # fmt: skip
    times = {"short-run": t("short run"), "long-run": t("long run")}
    if isinstance(horizon, str):
        when = times.get(horizon)
        return words if when is None else t("{effect}, {horizon}", effect=words, horizon=when)
    when = t("after {count} periods", count=horizon)
    return t("{effect}, {horizon}", effect=words, horizon=when)


def inference_of(effects: EffectsResult) -> Message:
    """Return how standard errors of effects were computed."""
    draws = effects.spec["draws"]
    if draws:
        return t("{count} draws from the asymptotic distribution", count=f"{draws:,}")
    if effects.spec["method"] == "fieller":
        return t("inverted tests (Fieller)")
    return t("the delta method")


def terms_note(results: Iterable[EffectsResult]) -> Message | str:
    """Return what the notes of effects say, such as which terms a row is of, or nothing."""
    notes = list(dict.fromkeys(note for result in results for note in result.notes))
    return t("On effects: {notes}.", notes=join("; ", notes)) if notes else ""


def runs_note(impacts: Mapping[str, EffectsResult]) -> Message | str:
    """Return where effects of models without a lag in time stand, if there are others."""
    static = [n for n, result in impacts.items() if "static" in set(result.frame["horizon"])]
    if not static or "static" in horizons_of(impacts.values()):
        return ""
    return t(
        "Effects of {models} are complete within the period and stand beside those of the short "
        "run.",
        models=", ".join(static),
    )


def statistic_note(statistic: str) -> Message:
    """Return what stands in parentheses."""
    if statistic == "se":
        return t("Standard errors in parentheses.")
    return t("t statistics in parentheses.")
