"""Steps of a study about time: the distribution, chains, convergence and clubs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nqp_spatial.convergence.sigma import MEASURES
from nqp_spatial.hypotheses import NotApplicable
from nqp_spatial.plots.said import said
from nqp_spatial.plots.words import say as word
from nqp_spatial.report.study_code import Found, Names, Step, call, drawn, tabled
from nqp_spatial.report.study_config import StudyConfig
from nqp_spatial.report.study_words import say

__all__ = ["chains_step", "convergence_step", "distribution_step"]


def distribution_step(config: StudyConfig) -> Step:
    """Draw how the distribution moves: densities, modes, kernels."""
    y, seed, relative = config.outcome, config["study"]["seed"], config["dynamics"]["relative"]
    times = config["study"]["replications"]
    step = max(config["dynamics"]["step"], 1)
    lines = [
        f"densities = nq.dynamics.density(panel, {y!r}, relative={relative})",
        drawn(config, "density_ridges", "densities", '"ridges"'),
        drawn(config, "density_waterfall", "densities", '"waterfall"'),
        f"modes = {call('nq.dynamics.modality', 'panel', repr(y), 'periods=[panel.periods[0], panel.periods[-1]]', relative=relative, replications=times, seed=seed)}",  # noqa: E501
        f"kernel = nq.dynamics.stochastic_kernel(panel, {y!r}, step={step}, relative={relative})",
        drawn(config, "kernel_contour", "kernel", '"kernel"'),
        f"around = nq.dynamics.stochastic_kernel(panel, {y!r}, step={step}, w=w, relative={relative})",  # noqa: E501
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
        f"chain = {call('nq.dynamics.markov', 'panel', repr(y), **options, replications=study['replications'], seed=study['seed'])}",  # noqa: E501
        f"spatial = {call('nq.dynamics.spatial_markov', 'panel', repr(y), 'w', **options, lag_states=of['lag_states'], permutations=study['permutations'], seed=study['seed'])}",  # noqa: E501
        f"spans = {call('nq.dynamics.time_homogeneity', 'panel', repr(y), **options)}",
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
            f"by_group = {call('nq.dynamics.markov_by_group', 'panel', repr(y), group=centre, **options, permutations=study['permutations'], seed=study['seed'])}",  # noqa: E501
            drawn(config, "transitions", "by_group", '"transitions_by_group"'),
        ]
        figures.append(("transitions_by_group", say("Centre and periphery apart.")))

    def read(names: Names) -> Found:
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
        found.say(*chain.notes)
        found.show(say("Transition probabilities"), chain.probabilities.assign(
            moves=chain.counts.sum(axis=1)))  # fmt: skip
        found.show(say("Mobility"), chain.mobility)
        found.show(say("Tests of neighbours"), _tests(spatial.tests_table))
        return found

    return Step(
        "chains", say("Chains of states"), "\n".join(lines), read, tuple(figures),
        periods=max(of["step"], 1) + 1,
    )  # fmt: skip


def _differ(p_value: float) -> str:
    return "differ" if p_value < 0.05 else "are not shown to differ"


def _tests(table: pd.DataFrame) -> pd.DataFrame:
    kept = table[["name", "statistic", "df", "p_value", "rule"]]
    return kept.set_index("name")


def convergence_step(config: StudyConfig) -> Step:
    """Test convergence, find clubs and where they are."""
    y, of, logs = config.outcome, config["clubs"], config["outcome"]["logs"]
    options: Names = {
        "discard": round(of["discard"], 6), "logs": logs,
        "detrend": None if of["detrend"] == "none" else of["detrend"],
    }  # fmt: skip
    merge = None if of["merge"] == "none" else of["merge"]
    mapped = config["data"]["geometry"] is not None
    lines = [
        f"sigma = nq.convergence.sigma(panel, {y!r}, which={['sd_log', 'cv'] if logs else ['sd', 'cv']!r})",  # noqa: E501
        drawn(config, "sigma_lines", "sigma", '"sigma"'),
        f"beta = nq.convergence.beta(panel, {y!r}, logs={logs})",
        f"beta_near = nq.convergence.beta(panel, {y!r}, w=w, model='sem', logs={logs})",
        drawn(config, "beta_scatter", "beta", '"beta"'),
        f"whole = {call('nq.convergence.log_t', 'panel', repr(y), **options)}",
        f"clubs = {call('nq.convergence.clubs', 'panel', repr(y), **options, critical=of['critical'], merge=merge)}",  # noqa: E501
        drawn(config, "transition_paths", "clubs", '"paths"'),
        tabled("club_table", "clubs", "clubs", lang=config["study"]["lang"]),
        'clubs.membership.to_csv(out / "tables" / "club_members.csv")',
    ]
    figures = [
        ("sigma", say("Dispersion over the first period's.")),
        ("beta", say("Growth against the starting level.")),
        ("paths", say("Relative transition paths of clubs.")),
    ]
    if mapped:
        lines += [
            drawn(config, "club_map", "clubs, panel", '"club_map"'),
        ]
        figures.append(("club_map", say("Members of the clubs.")))
    lines += [
        "joins = None",
        "if clubs.groups().nunique() > 1:",
        f"    joins = nq.convergence.club_joins(clubs, w, seed={config['study']['seed']})",
    ]

    def read(names: Names) -> Found:
        found, sigma, clubs = Found(), names["sigma"], names["clubs"]
        for measure, row in sigma.trends.iterrows():
            found.say(
                say(
                    "{measure}: {reading} (trend {trend} % a period).",
                    measure=word(_capital(MEASURES[str(measure)])),
                    reading=said(row["reading"]), trend=f"{100 * row['trend']:.2f}",
                )
            )  # fmt: skip
        found.say(_beta_reading(names["beta"].table.loc[("all", "coefficient")]))
        found.say(*names["beta"].notes)
        found.say(
            say(
                "log-t test of all units: t = {t}, {reading}.",
                t=f"{names['whole'].statistic:.2f}",
                reading=said(names["whole"].reading),
            ),
            say(
                "Clubs: {clubs}; divergent units: {divergent}.",
                clubs=len(clubs.table),
                divergent=len(clubs.divergent),
            ),
            *clubs.notes,
        )
        if names["joins"] is not None:
            same = names["joins"].frame.loc[("same", "")]
            more = "more" if same["joins"] > same["expected"] else "less"
            found.say(
                say(
                    f"Neighbours share a club {more} often than by chance: {{joins}} joins for "
                    "{expected} (p = {p}).",
                    joins=f"{same['joins']:.0f}",
                    expected=f"{same['expected']:.0f}",
                    p=f"{same['p_value']:.3f}",
                )
            )
        found.show(say("Sigma convergence"), sigma.trends)
        found.show(
            say("Beta convergence"),
            pd.concat(
                {
                    say("least squares"): names["beta"].table,
                    say("spatial errors"): names["beta_near"].table,
                }
            ),
        )
        found.show(say("Clubs"), clubs.table)
        return found  # fmt: skip

    return Step(
        "convergence", say("Convergence and clubs"), "\n".join(lines), read, tuple(figures),
        periods=4,
    )  # fmt: skip


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _beta_reading(row: pd.Series) -> str:
    low, high = 100 * row["speed_low"], 100 * row["speed_high"]
    speed = f"{100 * row['speed']:.2f} % [{low:.2f}, {high:.2f}]"
    if low > 0:
        return say(
            "Units that start low grow faster: speed {speed} a period, half-life {half} periods.",
            speed=speed, half=f"{row['half_life']:.1f}",
        )  # fmt: skip
    if high < 0:
        return say(
            "Units that start low grow more slowly: speed {speed} a period, so there is no "
            "half-life.",
            speed=speed,
        )
    return say(
        "Units that start low are not shown to grow faster or slower: speed {speed} a period.",
        speed=speed,
    )
