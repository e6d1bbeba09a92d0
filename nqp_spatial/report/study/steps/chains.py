"""Markov chains of states, by neighbours and by group, with tests."""

from __future__ import annotations

import numpy as np

from nqp_spatial.core.inference import HypothesisTest, NotApplicable
from nqp_spatial.core.text import Message, t
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.numerals import p_words
from nqp_spatial.report.study.page import tests_of
from nqp_spatial.report.study.step import Names, Step, StepOutput, make_step, name_of

__all__ = ["chains"]


def chains(config: StudyConfig) -> Step:
    """Estimate Markov chains, for all units, by neighbours and by group."""
    name = name_of(config, config.outcome_name)
    figures = [
        ("transitions", t("Transition probabilities of {outcome}, for all units and by the state "
                          "of their neighbours.", outcome=name)),
        ("steady_states", t("Shares of the states of {outcome} in the sample and in the long run, "
                            "with intervals.", outcome=name)),
    ]  # fmt: skip
    if config.groups.centre:
        caption = t("Transition probabilities of {outcome} by {group}.",
                    outcome=name, group=name_of(config, config.groups.centre))  # fmt: skip
        figures.append(("transitions_by_group", caption))
    return make_step(
        "chains", t("Markov chains"), config, _read, figures=figures,
        periods=config.dynamics.step + 1,
    )  # fmt: skip


def _read(names: Names) -> StepOutput:
    output, chain, spatial = StepOutput(), names["chain"], names["spatial"]
    stay = float(np.nanmean(np.diag(chain.probabilities)))
    output.headline(
        t("Probability of staying in the same state"), f"{stay:.2f}",
        t("mean of {states} states, per {step} period(s)",
          states=len(chain.probabilities), step=chain.spec["step"]),
    )  # fmt: skip
    output.say(
        t(
            "A unit stays in its state from one period to the next with probability {stay:.2f} on "
            "average; the slowest deviation from the long run is halved in {half:.1f} periods.",
            stay=stay, half=chain.half_life,
        ),
        _neighbours(spatial.tests.get("lr_permutation", spatial.tests["lr"])),
        _stability(names["subsamples"].tests["lr"]),
    )  # fmt: skip
    if "by_group" in names:
        output.say(_groups(names["by_group"].tests["lr_permutation"].p_value))
    # The chain of all units has the same notes in both results.
    output.note(dict.fromkeys([*chain.notes, *spatial.notes]))
    probabilities = chain.probabilities.assign(moves=chain.counts.sum(axis=1))
    output.show(
        t("Transition probabilities, with the number of moves from each state"), probabilities,
        files=["transitions"],
    )  # fmt: skip
    output.show(t("Indices of mobility"), chain.mobility, rows="measure", files=["mobility"])
    output.show(
        t("Tests whether transitions depend on the neighbours' state"),
        tests_of(spatial.tests.values()), files=["neighbour_tests"],
    )  # fmt: skip
    return output


def _neighbours(test: HypothesisTest | NotApplicable) -> Message:
    if isinstance(test, NotApplicable):
        return t("No test of neighbours: {reason}.", reason=test.reason)
    values = {"lr": test.statistic, "p": p_words(test.p_value)}
    if test.p_value < 0.05:
        return t(
            "Transitions depend on the neighbours' state (LR = {lr:.1f}, {p}, from random "
            "reassignment of units with their histories).",
            **values,
        )
    return t(
        "Transitions do not depend significantly on the neighbours' state (LR = {lr:.1f}, "
        "{p}, from random reassignment of units with their histories).",
        **values,
    )


def _stability(test: HypothesisTest | NotApplicable) -> Message | str:
    if isinstance(test, NotApplicable):
        return ""
    if test.p_value < 0.05:
        return t("The two halves of the sample differ significantly ({p}, transitions assumed "
                 "independent).", p=p_words(test.p_value))  # fmt: skip
    return t("The two halves of the sample do not differ significantly ({p}, transitions "
             "assumed independent).", p=p_words(test.p_value))  # fmt: skip


def _groups(p_value: float) -> Message:
    if p_value < 0.05:
        return t("The groups differ significantly ({p}).", p=p_words(p_value))
    return t("The groups do not differ significantly ({p}).", p=p_words(p_value))
