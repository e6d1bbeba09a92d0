"""The step of a study about convergence: dispersion, growth, clubs and where they are."""

from __future__ import annotations

import pandas as pd

from nqp_spatial.core.text import label, translate
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.step import Found, Names, Step, drawn, literal, made, tabled
from nqp_spatial.report.study.words import say

__all__ = ["convergence_step"]


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
        made(
            "sigma",
            "nq.convergence.sigma",
            "panel",
            literal(y),
            which=["sd_log" if logs else "sd", "cv"],
        ),
        drawn(config, "sigma_lines", "sigma", '"sigma"'),
        f"beta = nq.convergence.beta(panel, {literal(y)}, logs={logs})",
        f"beta_near = nq.convergence.beta(panel, {literal(y)}, w=w, model='sem', logs={logs})",
        drawn(config, "beta_scatter", "beta", '"beta"'),
        made("whole", "nq.convergence.log_t", "panel", literal(y), **options),
        made(
            "clubs",
            "nq.convergence.clubs",
            "panel",
            literal(y),
            **options,
            critical=of["critical"],
            merge=merge,
        ),
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

    return Step(
        "convergence", say("Convergence and clubs"), "\n".join(lines), _read, tuple(figures),
        periods=4,
    )  # fmt: skip


def _read(names: Names) -> Found:
    """Say how dispersion, growth and clubs turned out."""
    found, sigma, clubs = Found(), names["sigma"], names["clubs"]
    for measure, row in sigma.trends.iterrows():
        found.say(
            say(
                "{measure}: {reading} (trend {trend} % a period).",
                measure=_capital(translate(label("column", measure))),
                reading=translate(row["reading"]), trend=f"{100 * row['trend']:.2f}",
            )
        )  # fmt: skip
    found.say(_beta_reading(names["beta"].table.loc[("all", "coefficient")]))
    found.note(names["beta"].notes)
    found.say(
        say(
            "log-t test of all units: t = {t}, {reading}.",
            t=f"{names['whole'].statistic:.2f}",
            reading=translate(names["whole"].reading),
        ),
        say(
            "Clubs: {clubs}; divergent units: {divergent}.",
            clubs=len(clubs.table),
            divergent=len(clubs.divergent),
        ),
    )
    found.note(clubs.notes)
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
    return found


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
