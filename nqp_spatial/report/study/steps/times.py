"""Steps of a study about time: the distribution and chains of states."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nqp_spatial.core.inference import NotApplicable
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.step import Found, Names, Step, drawn, literal, made, tabled
from nqp_spatial.report.study.words import say

__all__ = ["chains_step", "distribution_step"]


def distribution_step(config: StudyConfig) -> Step:
    """Draw how the distribution moves: densities, modes, kernels."""
    y, seed, relative = config.outcome, config["study"]["seed"], config["dynamics"]["relative"]
    times = config["study"]["replications"]
    step = max(config["dynamics"]["step"], 1)
    kernel = "nq.dynamics.stochastic_kernel"
    lines = [
        f"densities = nq.dynamics.density(panel, {literal(y)}, relative={relative})",
        drawn(config, "density_ridges", "densities", '"ridges"'),
        drawn(config, "density_waterfall", "densities", '"waterfall"'),
        made(
            "modes",
            "nq.dynamics.modality",
            "panel",
            literal(y),
            "periods=[panel.periods[0], panel.periods[-1]]",
            relative=relative,
            replications=times,
            seed=seed,
        ),
        made("kernel", kernel, "panel", literal(y), step=step, relative=relative),
        drawn(config, "kernel_contour", "kernel", '"kernel"'),
        made("around", kernel, "panel", literal(y), "weights=w", step=step, relative=relative),
        drawn(config, "kernel_contour", "around", '"kernel_of_neighbours"'),
    ]

    def read(names: Names) -> Found:
        found, densities = Found(), names["densities"]
        spread = densities.values.std()
        narrower = spread.iloc[-1] < spread.iloc[0]
        text = "The distribution narrowed" if narrower else "The distribution widened"
        found.say(
            say(
                f"{text}: the standard deviation {'of relative values ' * relative}went from "
                "{first} to {last}.",
                first=f"{spread.iloc[0]:.3f}",
                last=f"{spread.iloc[-1]:.3f}",
            )
        )
        for period in names["modes"].modes.index:
            count = names["modes"].modes[period]
            text = "In {period}, Silverman's test speaks for {count} mode(s) (5 %)."
            more = "In {period}, Silverman's test speaks for more than three modes (5 %)."
            many = pd.isna(count)
            found.say(say(more, period=period) if many else say(text, period=period, count=count))
        line = names["kernel"].expected
        slope = float(np.polyfit(line.index, line, 1)[0])
        found.say(
            say(
                "Of a gap between two units, {share} is left {step} period(s) later: ",
                share=f"{slope:.0%}", step=step,
            )
            + say("gaps hardly close." if slope > 0.95 else "gaps close slowly."
                  if slope > 0.8 else "gaps close.")
        )  # fmt: skip
        found.show(say("Silverman's test of modes"), names["modes"].frame)
        return found

    figures = (
        ("ridges", say("Densities by period, with medians.")),
        ("waterfall", say("The same in three dimensions.")),
        ("kernel", say("Where units of each level are later; on the dashed line nothing moves.")),
        ("kernel_of_neighbours", say("The same given the neighbours' mean.")),
    )
    return Step(
        "distribution", say("The distribution"), "\n".join(lines), read, figures,
        periods=step + 1,
    )  # fmt: skip


def chains_step(config: StudyConfig) -> Step:
    """Estimate chains of states, by neighbours and by group, with tests."""
    y, study, of = config.outcome, config["study"], config["dynamics"]
    options: Names = {
        "states": of["states"], "step": of["step"], "relative": of["relative"],
    }  # fmt: skip
    lines = [
        made(
            "chain",
            "nq.dynamics.markov",
            "panel",
            literal(y),
            **options,
            replications=study["replications"],
            seed=study["seed"],
        ),
        made(
            "spatial",
            "nq.dynamics.spatial_markov",
            "panel",
            literal(y),
            "w",
            **options,
            lag_states=of["lag_states"],
            permutations=study["permutations"],
            seed=study["seed"],
        ),
        made("spans", "nq.dynamics.time_homogeneity", "panel", literal(y), **options),
        drawn(config, "transitions", "spatial", '"transitions"'),
        drawn(config, "steady_states", "chain", '"steady_states"'),
        tabled("transition_table", "spatial", "transitions", lang=study["lang"]),
    ]
    figures = [
        ("transitions", say("Transition probabilities, for all and by the neighbours' state.")),
        ("steady_states", say("Shares in the sample and in the long run, with intervals.")),
    ]
    centre = config["groups"]["centre"]
    if centre:
        lines += [
            made(
                "by_group",
                "nq.dynamics.markov_by_group",
                "panel",
                literal(y),
                group=centre,
                **options,
                permutations=study["permutations"],
                seed=study["seed"],
            ),
            drawn(config, "transitions", "by_group", '"transitions_by_group"'),
        ]
        figures.append(("transitions_by_group", say("Centre and periphery apart.")))

    return Step(
        "chains", say("Chains of states"), "\n".join(lines), _read_chains, tuple(figures),
        periods=max(of["step"], 1) + 1,
    )  # fmt: skip


def _read_chains(names: Names) -> Found:
    """Say how units move, and whom moves depend on."""
    found, chain, spatial = Found(), names["chain"], names["spatial"]
    stay = float(np.nanmean(np.diag(chain.probabilities)))
    found.say(
        say(
            "A unit stays in its class from one period to the next with probability {stay} on "
            "average; the slowest deviation from the long run is halved in {half} periods.",
            stay=f"{stay:.2f}",
            half=f"{chain.half_life:.1f}",
        )
    )
    test = spatial.tests.get("lr_permutation", spatial.tests["lr"])
    if isinstance(test, NotApplicable):
        found.say(say("No test of neighbours: {reason}.", reason=test.reason))
    else:
        depends = "Moves depend" if test.p_value < 0.05 else "Moves are not shown to depend"
        found.say(
            say(
                f"{depends} on the neighbours' state (LR {{lr}}, p = {{p}} by relocating units "
                "with their histories).",
                lr=f"{test.statistic:.1f}",
                p=f"{test.p_value:.3f}",
            )
        )
    homogeneous = names["spans"].tests["lr"]
    if not isinstance(homogeneous, NotApplicable):
        p = homogeneous.p_value
        text = f"The two halves of the sample {_differ(p)} (p = {{p}}; moves taken for "
        found.say(say(text + "independent).", p=f"{p:.3f}"))
    if "by_group" in names:
        equal = names["by_group"].tests["lr_permutation"]
        text = f"Centre and periphery {_differ(equal.p_value)} (p = {{p}})."
        found.say(say(text, p=f"{equal.p_value:.3f}"))
    found.note(chain.notes)
    found.show(say("Transition probabilities"), chain.probabilities.assign(
        moves=chain.counts.sum(axis=1)))  # fmt: skip
    found.show(say("Mobility"), chain.mobility)
    found.show(say("Tests of neighbours"), _tests(spatial.tests.frame))
    return found


def _differ(p_value: float) -> str:
    return "differ" if p_value < 0.05 else "are not shown to differ"


def _tests(table: pd.DataFrame) -> pd.DataFrame:
    kept = table[["name", "statistic", "df", "p_value", "rule"]]
    return kept.set_index("name")
