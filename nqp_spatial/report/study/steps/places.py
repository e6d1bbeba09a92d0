"""Steps of a study about places: the data, an index, disparity, association."""

from __future__ import annotations

from textwrap import indent

import numpy as np
import pandas as pd

from nqp_spatial.core.text import label, translate
from nqp_spatial.plots.charts.composite import weighting_words
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.step import (
    Found,
    Names,
    Step,
    columns_used,
    drawn,
    literal,
    made,
    tabled,
)
from nqp_spatial.report.study.words import say

__all__ = ["association_step", "describe_step", "gradient_step", "index_step"]


def describe_step(config: StudyConfig) -> Step:
    """Describe the variables and draw the outcome in three periods."""
    y = config.outcome
    columns = [name for name in columns_used(config) if name not in config["groups"].values()]
    columns += [f"log_{name}" for name in config["data"]["logs"]]
    mapped = config["data"]["geometry"] is not None
    lines = [
        f"variables = [name for name in {literal(columns)} "
        "if name in panel.frame and panel.frame[name].dtype.kind in 'if']",
        tabled("descriptive_table", "panel, variables", "descriptive",
                lang=config["study"]["lang"]),
    ]  # fmt: skip
    figures: tuple[tuple[str, str], ...] = ()
    if mapped and config["outcome"]["variable"]:
        lines += [
            drawn(config, "choropleth_periods", f"panel, {literal(y)}", '"map"'),
        ]
        figures = (
            ("map", say("The variable in the first, middle and last period, in the same classes.")),
        )

    def read(names: Names) -> Found:
        found = Found()
        panel, w = names["panel"], names["w"]
        found.say(
            say(
                "The panel has {units} units and {periods} periods, {first} to {last}.",
                units=panel.n_units,
                periods=panel.n_periods,
                first=panel.periods[0],
                last=panel.periods[-1],
            ),
            say(
                "Weights: {spec}; {links} links, {each} a unit; components: {components}.",
                spec=translate(w.spec.describe()),
                links=w.sparse.nnz,
                each=f"{w.sparse.nnz / w.n_units:.1f}",
                components=w.components.nunique(),
            ),
        )
        found.note(panel.notes)
        rows = {panel.label(n): panel.frame[n].describe() for n in names["variables"]}
        table = pd.DataFrame(rows).T[["mean", "std", "min", "50%", "max"]]
        heads = [say(name) for name in ("mean", "s.d.", "min", "median", "max")]
        found.show(say("Descriptive statistics"), table.set_axis(heads, axis=1), given=table.index)
        return found

    return Step("describe", say("The data"), "\n".join(lines), read, figures)


def index_step(config: StudyConfig) -> Step:
    """Join indicators to an index, which later steps use as a column."""
    title, of = say("The index"), config["index"]
    if not of["indicators"]:
        return Step(
            "index", title, "", lambda _: Found(), (), say("no [index.indicators] are given")
        )
    name = of["name"]
    needed = [
        made(
            "index",
            "nq.composite.index",
            "panel",
            literal(of["indicators"]),
            weighting=of["weighting"],
        ),
        f"panel = panel.assign(labels={{{literal(name)}: {literal(say('Index'))}}}, "
        f"**{{{literal(name)}: index.scores}})",
    ]
    lines = [
        *needed,
        drawn(config, "index_weights", "index, labels=panel.labels", '"weights_of_the_index"'),
        'index.table.to_csv(out / "tables" / "index_weights.csv")',
    ]
    figures = [("weights_of_the_index", say("Weights of the indicators."))]
    if config["data"]["geometry"]:
        lines += [
            drawn(config, "choropleth_periods", f"panel, {literal(name)}", '"map_of_the_index"'),
        ]
        figures.append(("map_of_the_index", say("The index in the first, middle and last period.")))

    def read(names: Names) -> Found:
        found, index = Found(), names["index"]
        top = index.weights.sort_values(ascending=False)
        first = names["panel"].label(str(np.atleast_1d(top.index[0])[-1]))
        found.say(
            say(
                "The index joins {count} indicators by {weighting} weights, scaled over all units "
                "and periods together, so that scores compare over time. The heaviest is {first}, "
                "{share}.",
                count=len(top),
                weighting=translate(weighting_words(of["weighting"])),
                first=first,
                share=f"{top.iloc[0]:.1%}",
            ),
            say(
                "Weights follow from how much indicators differ between units, not from what "
                "matters: nqp_spatial.composite.rank_intervals shows how ranks depend on them."
            ),
        )
        table = index.table.rename(names["panel"].label)
        found.show(say("Weights"), table, given=_own_names(table))
        return found

    return Step("index", title, "\n".join(lines), read, tuple(figures), needed="\n".join(needed))


def _own_names(table: pd.DataFrame) -> list[object]:
    """Return indicators and dimensions, as the caller named them."""
    return [*table.index.get_level_values(-1), *table.get("dimension", [])]


def _over_time(code: str) -> str:
    """Return code that draws only where there is time to draw over."""
    return "if panel.n_periods > 1:\n" + indent(code, "    ")


def gradient_step(config: StudyConfig) -> Step:
    """Measure gaps and inequality between regions."""
    title, groups, y = say("Regional disparity"), config["groups"], config.outcome
    region, province = groups["region"], groups["province"]
    if not region:
        return Step(
            "gradient", title, "", lambda _: Found(), (), say("no [groups] region is given")
        )
    seed, times = config["study"]["seed"], config["study"]["replications"]
    lines = [
        f"gaps = nq.inequality.gaps(panel, {literal(y)}, group={literal(region)})",
        made(
            "gini",
            "nq.inequality.dagum",
            "panel",
            literal(y),
            group=region,
            replications=times,
            seed=seed,
        ),
        _over_time(drawn(config, "dagum", "gini", '"dagum"')),
        tabled("dagum_table", "gini", "dagum", lang=config["study"]["lang"]),
    ]
    figures = [("dagum", say("The Gini coefficient and its parts."))]
    if province:
        lines += [
            made("theil", "nq.inequality.theil", "panel", literal(y), levels=[region, province]),
            _over_time(drawn(config, "theil", "theil", '"theil"')),
        ]
        figures.append(("theil", say("Theil's index by nested levels.")))

    return Step("gradient", title, "\n".join(lines), _read_gaps, tuple(figures))


def _read_gaps(names: Names) -> Found:
    """Say how large the gaps are, and what they are made of."""
    found, of = Found(), names["gini"].summary
    first, last = of.iloc[0], of.iloc[-1]
    ends = names["gini"].intervals["gini"]
    apart = ends["high"].iloc[-1] < ends["low"].iloc[0] or (
        ends["low"].iloc[-1] > ends["high"].iloc[0]
    )
    parts = {"within regions": "within", "net between regions": "net_between",
             "overlap of regions": "transvariation"}  # fmt: skip
    most = max(parts, key=lambda name: last[f"{parts[name]}_share"])
    went = {"first": f"{first['gini']:.3f}", "last": f"{last['gini']:.3f}"}
    found.say(
        say("The Gini coefficient went from {first} to {last}.", **went)
        if apart
        else say(
            "The Gini coefficient went from {first} to {last}; the intervals of the two "
            "overlap, so that no change is sure.",
            **went,
        ),
        say(
            "In the last period the largest part is {part}, {share} of the whole.",
            part=say(most),
            share=f"{last[f'{parts[most]}_share']:.0%}",
        ),
    )
    levels = names["gaps"].levels
    high, low = levels.iloc[-1].idxmax(), levels.iloc[-1].idxmin()
    ratio = levels[high] / levels[low]
    if (levels > 0).all(axis=None):
        found.say(
            say(
                "{high} has the highest mean and {low} the lowest; their ratio went from "
                "{first} to {last}.",
                high=high,
                low=low,
                first=f"{ratio.iloc[0]:.2f}",
                last=f"{ratio.iloc[-1]:.2f}",
            )
        )
    found.show(say("Dagum's decomposition"), of)
    found.show(say("Means of regions"), levels, given=levels.columns)
    return found


def association_step(config: StudyConfig) -> Step:
    """Measure Moran's I in all periods and map local association."""
    y, study, of = config.outcome, config["study"], config["lisa"]
    periods = literal(of["periods"]) if of["periods"] else "[panel.periods[0], panel.periods[-1]]"
    mapped = config["data"]["geometry"] is not None
    lines = [
        made(
            "moran",
            "nq.esda.moran",
            "panel",
            literal(y),
            "w",
            permutations=study["permutations"],
            seed=study["seed"],
        ),
        "lisa = {",
        f"    period: nq.esda.lisa(panel, {literal(y)}, w, period=period, "
        f"alpha={literal(of['alpha'])}, permutations={study['permutations']}, "
        f"seed={study['seed']})",
        f"    for period in {periods}",
        "}",
    ]
    figures = []
    if mapped:
        lines.append(drawn(config, "lisa_maps", "lisa, panel, significance=True", '"lisa_maps"'))
        figures.append(
            ("lisa_maps", say("Clusters of high and low values, and their significance."))
        )
    lines.append("for number, one in enumerate(lisa.values(), start=1):")
    lines.append(indent(drawn(config, "moran_scatter", "one", 'f"moran_scatter_{number}"'), "    "))
    for number in range(len(of["periods"]) if of["periods"] else 2):
        figures.append((f"moran_scatter_{number + 1}", say("Each unit against its neighbours.")))

    def read(names: Names) -> Found:
        found, frame = Found(), names["moran"].frame
        clear = (frame["p_value"] < 0.05).sum()
        first, last = frame["moran_i"].iloc[0], frame["moran_i"].iloc[-1]
        found.say(
            say(
                "Moran's I is {first} in the first period and {last} in the last; it is "
                "significant (5 %) in {clear} of {all} periods.",
                first=f"{first:.3f}",
                last=f"{last:.3f}",
                clear=clear,
                all=len(frame),
            )
        )
        for period, one in names["lisa"].items():
            counts = ", ".join(
                f"{translate(label('cluster', n))} {k}" for n, k in one.counts.items() if k
            )
            found.say(f"{period}: {counts}.")
        found.say(
            say(
                "Of the clusters some are due to chance: with many units, one in twenty passes at "
                "5 % where there is nothing (see the option fdr of nqp_spatial.esda.lisa)."
            )
        )
        found.show(say("Moran's I"), frame[["moran_i", "expected", "p_value"]])
        return found

    return Step(
        "association", say("Who clusters with whom"), "\n".join(lines), read, tuple(figures)
    )
