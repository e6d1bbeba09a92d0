"""The steps of a study: the code that each runs, and how its results read in words.

A step's code is text that calls the public API, and the study runs that very text, so that what the
page shows and what made it cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from textwrap import indent
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.convergence.sigma import MEASURES
from nqp_spatial.hypotheses import NotApplicable
from nqp_spatial.plots.words import say as word
from nqp_spatial.report.study_config import StudyConfig
from nqp_spatial.report.study_words import say

__all__ = ["Found", "Step", "every_step", "setup_code"]

Names = dict[str, Any]
_NO_FORMULA = "no [model] formula is given"


@dataclass
class Found:
    """What a step found, in words and tables.

    Attributes
    ----------
    words : list of str
        Paragraphs.
    tables : list of (caption, DataFrame)
    """

    words: list[str] = field(default_factory=list)
    tables: list[tuple[str, pd.DataFrame]] = field(default_factory=list)

    def say(self, *words: str) -> None:
        """Add paragraphs; empty ones are left out."""
        self.words += [one for one in words if one]

    def show(self, caption: str, table: pd.DataFrame) -> None:
        """Add a table."""
        self.tables.append((caption, table))


@dataclass(frozen=True)
class Step:
    """One step of a study.

    Attributes
    ----------
    name, title : str
    code : str
        Python that calls the API; `panel`, `w`, `nq` and `out` are there.
    read : callable
        From the names that the code made to what was found.
    figures : tuple of (name, caption)
        Files that the code writes to out / "figures".
    unfit : str
        Why the step does not apply, or "".
    needed : str
        The part of the code that later steps build on: it runs even where the rest is taken over
        from an earlier run.
    """

    name: str
    title: str
    code: str
    read: Callable[[Names], Found]
    figures: tuple[tuple[str, str], ...] = ()
    unfit: str = ""
    needed: str = ""


def call(function: str, *arguments: str, **options: Any) -> str:
    """Return the text of a call; arguments are code, options are values.

    Examples
    --------
    >>> call("nq.esda.moran", "panel", "'y'", "w", seed=0)
    "nq.esda.moran(panel, 'y', w, seed=0)"
    """
    given = [*arguments, *(f"{key}={value!r}" for key, value in options.items())]
    line = f"{function}({', '.join(given)})"
    if len(line) <= 96:
        return line
    return f"{function}(\n    " + ",\n    ".join(given) + ",\n)"


def _some(**options: Any) -> Names:
    """Return the options that are given."""
    return {key: value for key, value in options.items() if value is not None}


_MAPS = ("choropleth_periods", "club_map", "lisa_maps")


def _drawn(config: StudyConfig, function: str, what: str, name: str) -> str:
    """Return code that draws a figure and saves it; `name` is the text of a string."""
    options: Names = {}
    if function in _MAPS:
        options |= _some(basemap=config["maps"]["basemap"], inset=config["maps"]["inset"])
    if config["study"]["lang"] != "en":
        options["lang"] = config["study"]["lang"]
    return (
        f"drawn = {call(f'nq.plots.{function}', what, **options)}\n"
        f'nq.plots.save(drawn, out / "figures" / {name}, close=True)'
    )


def _tabled(function: str, what: str, name: str, **options: Any) -> str:
    """Return code that writes a table to Word and LaTeX."""
    lines = [
        call(f"nq.report.{function}", what, f'out / "tables" / "{name}.{ending}"', **options)
        for ending in ("docx", "tex")
    ]
    return "\n".join(lines)


# -- set-up ----------------------------------------------------------------------------------------


def setup_code(config: StudyConfig) -> str:
    """Return the code that reads the data and makes the weights."""
    data, weights = config["data"], config["weights"]
    reading: Names = {"unit": data["unit"], "period": data["period"]}
    files = [f"data / {data['panel']!r}"]
    if data["geometry"]:
        files.append(f"geometry=data / {data['geometry']!r}")
    reading |= _some(
        geometry_unit=data["geometry_unit"], sheet_name=data["sheet_name"],
        encoding=data["encoding"], labels=data["labels"] or None,
    )  # fmt: skip
    if data["extra_shapes"] != "error":
        reading["extra_shapes"] = data["extra_shapes"]
    if data["balance"]:
        reading["balanced"] = False
    lines = [f"panel = {call('nq.read_panel', *files, **reading)}"]
    if data["periods"] is not None:
        lines.append(f"panel = panel.select(periods={data['periods']!r})")
    if data["balance"]:
        used = columns_used(config)
        lines.append(f"panel = {call('panel.balance', how=data['balance'], columns=used)}")
    for name in data["logs"]:
        label = say("Log of {name}", name=data["labels"].get(name, name))
        made = f"log_{name}"
        lines.append(  # a mapping: names of columns need not be Python's
            f"panel = panel.assign(labels={{{made!r}: {label!r}}}, "
            f"**{{{made!r}: lambda d: np.log(d[{name!r}])}})"
        )
    lines.append(f"w = {_weights_code(config)}")
    if weights["kind"] == "file":
        lines.append('w = w if w.rows_add_to_one else w.standardize("row")')
    return "\n".join(lines)


def columns_used(config: StudyConfig) -> list[str]:
    """Return the columns of the file that the study needs complete."""
    found = list(config["data"]["logs"])
    found += list(_flat(config["index"]["indicators"] or {}))
    if config["outcome"]["variable"]:
        found.append(config["outcome"]["variable"])
    found += [name for name in config["groups"].values() if name]
    formula = config["model"]["formula"]
    if formula:
        from formulaic import Formula

        # A set: in the order of the formula, or each run would have an order of its own.
        found += sorted(map(str, Formula(formula).required_variables), key=formula.find)
    made = {f"log_{name}" for name in config["data"]["logs"]} | {config["index"]["name"]}
    return [name for name in dict.fromkeys(found) if name not in made]


def _flat(indicators: Names) -> Names:
    """Return column to sign, whatever the levels."""
    found: Names = {}
    for name, value in indicators.items():
        found |= value if isinstance(value, dict) else {name: value}
    return found


def _weights_code(config: StudyConfig) -> str:
    weights = config["weights"]
    kind, islands = weights["kind"], weights["islands"]
    if kind in ("queen", "rook"):
        return call("nq.weights.contiguity", "panel", kind=kind, islands=islands)
    if kind == "knn":
        return call("nq.weights.knn", "panel", k=weights["k"])
    if kind == "distance-band":
        return call(
            "nq.weights.distance_band", "panel", cutoff_km=weights["cutoff_km"], islands=islands
        )
    if kind == "inverse-distance":
        options = _some(power=weights["power"], cutoff_km=weights["cutoff_km"])
        return call("nq.weights.inverse_distance", "panel", **options)
    return f"nq.weights.read(data / {weights['path']!r})"


# -- steps -----------------------------------------------------------------------------------------


def every_step(config: StudyConfig) -> list[Step]:
    """Return the steps in order, with their code for these settings."""
    makers = (
        _describe, _index, _gradient, _distribution, _chains, _convergence, _association,
        _diagnostics, _model, _centre,
    )  # fmt: skip
    skipped = set(config["study"]["skip"])
    steps = [make(config) for make in makers]
    return [
        step if step.name not in skipped else _unfit(step, say("named in [study] skip"))
        for step in steps
    ]


def _unfit(step: Step, why: str) -> Step:
    return Step(step.name, step.title, "", step.read, (), why)


def _describe(config: StudyConfig) -> Step:
    y = config.outcome
    columns = [name for name in columns_used(config) if name not in config["groups"].values()]
    columns += [f"log_{name}" for name in config["data"]["logs"]]
    mapped = config["data"]["geometry"] is not None
    lines = [
        f"variables = [name for name in {columns!r} "
        "if name in panel.frame and panel.frame[name].dtype.kind in 'if']",
        _tabled("descriptive_table", "panel, variables", "descriptive",
                lang=config["study"]["lang"]),
    ]  # fmt: skip
    figures: tuple[tuple[str, str], ...] = ()
    if mapped and config["outcome"]["variable"]:
        lines += [
            _drawn(config, "choropleth_periods", f"panel, {y!r}", '"map"'),
        ]
        figures = (
            ("map", say("The variable in the first, middle and last period, in one legend.")),
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
            *panel.notes,
            say(
                "Weights: {spec}; {links} links, {each} a unit; components: {components}.",
                spec=w.spec.describe(),
                links=w.sparse.nnz,
                each=f"{w.sparse.nnz / w.n_units:.1f}",
                components=w.components.nunique(),
            ),
        )
        rows = {panel.label(n): panel.frame[n].describe() for n in names["variables"]}
        table = pd.DataFrame(rows).T[["mean", "std", "min", "50%", "max"]]
        heads = [say(name) for name in ("mean", "s.d.", "min", "median", "max")]
        found.show(say("Descriptive statistics"), table.set_axis(heads, axis=1))
        return found

    return Step("describe", say("The data"), "\n".join(lines), read, figures)


def _index(config: StudyConfig) -> Step:
    title, of = say("The index"), config["index"]
    if not of["indicators"]:
        return Step(
            "index", title, "", lambda _: Found(), (), say("no [index.indicators] are given")
        )
    name = of["name"]
    needed = [
        f"index = {call('nq.composite.index', 'panel', repr(of['indicators']), weighting=of['weighting'])}",  # noqa: E501
        f"panel = panel.assign(labels={{{name!r}: {say('Index')!r}}}, "
        f"**{{{name!r}: index.scores}})",
    ]
    lines = [
        *needed,
        _drawn(config, "index_weights", "index, labels=panel.labels", '"weights_of_the_index"'),
        'index.table.to_csv(out / "tables" / "index_weights.csv")',
    ]
    figures = [("weights_of_the_index", say("Weights of the indicators."))]
    if config["data"]["geometry"]:
        lines += [
            _drawn(config, "choropleth_periods", f"panel, {name!r}", '"map_of_the_index"'),
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
                weighting=of["weighting"],
                first=first,
                share=f"{top.iloc[0]:.1%}",
            ),
            say(
                "Weights follow from how much indicators differ between units, not from what "
                "matters: nqp_spatial.composite.rank_intervals shows how ranks depend on them."
            ),
        )
        found.show(say("Weights"), index.table)
        return found

    return Step("index", title, "\n".join(lines), read, tuple(figures), needed="\n".join(needed))


def _gradient(config: StudyConfig) -> Step:
    title, groups, y = say("Regional disparity"), config["groups"], config.outcome
    region, province = groups["region"], groups["province"]
    if not region:
        return Step(
            "gradient", title, "", lambda _: Found(), (), say("no [groups] region is given")
        )
    seed, times = config["study"]["seed"], config["study"]["replications"]
    lines = [
        f"gaps = nq.inequality.gaps(panel, {y!r}, group={region!r})",
        f"gini = {call('nq.inequality.dagum', 'panel', repr(y), group=region, replications=times, seed=seed)}",  # noqa: E501
        _drawn(config, "dagum", "gini", '"dagum"'),
        _tabled("dagum_table", "gini", "dagum", lang=config["study"]["lang"]),
    ]
    figures = [("dagum", say("The Gini coefficient and its parts."))]
    if province:
        lines += [
            f"theil = nq.inequality.theil(panel, {y!r}, levels=[{region!r}, {province!r}])",
            _drawn(config, "theil", "theil", '"theil"'),
        ]
        figures.append(("theil", say("Theil's index by nested levels.")))

    def read(names: Names) -> Found:
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
        found.show(say("Means of regions"), levels)
        return found

    return Step("gradient", title, "\n".join(lines), read, tuple(figures))


def _distribution(config: StudyConfig) -> Step:
    y, seed, relative = config.outcome, config["study"]["seed"], config["dynamics"]["relative"]
    times = config["study"]["replications"]
    step = max(config["dynamics"]["step"], 1)
    lines = [
        f"densities = nq.dynamics.density(panel, {y!r}, relative={relative})",
        _drawn(config, "density_ridges", "densities", '"ridges"'),
        _drawn(config, "density_waterfall", "densities", '"waterfall"'),
        f"modes = {call('nq.dynamics.modality', 'panel', repr(y), 'periods=[panel.periods[0], panel.periods[-1]]', relative=relative, replications=times, seed=seed)}",  # noqa: E501
        f"kernel = nq.dynamics.stochastic_kernel(panel, {y!r}, step={step}, relative={relative})",
        _drawn(config, "kernel_contour", "kernel", '"kernel"'),
        f"around = nq.dynamics.stochastic_kernel(panel, {y!r}, step={step}, w=w, relative={relative})",  # noqa: E501
        _drawn(config, "kernel_contour", "around", '"kernel_of_neighbours"'),
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
    return Step("distribution", say("The distribution"), "\n".join(lines), read, figures)


def _chains(config: StudyConfig) -> Step:
    y, study, of = config.outcome, config["study"], config["dynamics"]
    options: Names = {
        "states": of["states"], "step": of["step"], "relative": of["relative"],
    }  # fmt: skip
    lines = [
        f"chain = {call('nq.dynamics.markov', 'panel', repr(y), **options, replications=study['replications'], seed=study['seed'])}",  # noqa: E501
        f"spatial = {call('nq.dynamics.spatial_markov', 'panel', repr(y), 'w', **options, lag_states=of['lag_states'], permutations=study['permutations'], seed=study['seed'])}",  # noqa: E501
        f"spans = {call('nq.dynamics.time_homogeneity', 'panel', repr(y), **options)}",
        _drawn(config, "transitions", "spatial", '"transitions"'),
        _drawn(config, "steady_states", "chain", '"steady_states"'),
        _tabled("transition_table", "spatial", "transitions", lang=study["lang"]),
    ]
    figures = [
        ("transitions", say("Transition probabilities, for all and by the neighbours' state.")),
        ("steady_states", say("Shares in the sample and in the long run, with intervals.")),
    ]
    centre = config["groups"]["centre"]
    if centre:
        lines += [
            f"by_group = {call('nq.dynamics.markov_by_group', 'panel', repr(y), group=centre, **options, permutations=study['permutations'], seed=study['seed'])}",  # noqa: E501
            _drawn(config, "transitions", "by_group", '"transitions_by_group"'),
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

    return Step("chains", say("Chains of states"), "\n".join(lines), read, tuple(figures))


def _differ(p_value: float) -> str:
    return "differ" if p_value < 0.05 else "are not shown to differ"


def _tests(table: pd.DataFrame) -> pd.DataFrame:
    kept = table[["name", "statistic", "df", "p_value", "rule"]]
    return kept.set_index("name")


def _convergence(config: StudyConfig) -> Step:
    y, of, logs = config.outcome, config["clubs"], config["outcome"]["logs"]
    options: Names = {
        "discard": round(of["discard"], 6), "logs": logs,
        "detrend": None if of["detrend"] == "none" else of["detrend"],
    }  # fmt: skip
    merge = None if of["merge"] == "none" else of["merge"]
    mapped = config["data"]["geometry"] is not None
    lines = [
        f"sigma = nq.convergence.sigma(panel, {y!r}, which={['sd_log', 'cv'] if logs else ['sd', 'cv']!r})",  # noqa: E501
        _drawn(config, "sigma_lines", "sigma", '"sigma"'),
        f"beta = nq.convergence.beta(panel, {y!r}, logs={logs})",
        f"beta_near = nq.convergence.beta(panel, {y!r}, w=w, model='sem', logs={logs})",
        _drawn(config, "beta_scatter", "beta", '"beta"'),
        f"whole = {call('nq.convergence.log_t', 'panel', repr(y), **options)}",
        f"clubs = {call('nq.convergence.clubs', 'panel', repr(y), **options, critical=of['critical'], merge=merge)}",  # noqa: E501
        _drawn(config, "transition_paths", "clubs", '"paths"'),
        _tabled("club_table", "clubs", "clubs", lang=config["study"]["lang"]),
        'clubs.membership.to_csv(out / "tables" / "club_members.csv")',
    ]
    figures = [
        ("sigma", say("Dispersion over the first period's.")),
        ("beta", say("Growth against the starting level.")),
        ("paths", say("Relative transition paths of clubs.")),
    ]
    if mapped:
        lines += [
            _drawn(config, "club_map", "clubs, panel", '"club_map"'),
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
                    reading=say(row["reading"]), trend=f"{100 * row['trend']:.2f}",
                )
            )  # fmt: skip
        found.say(_beta_reading(names["beta"].table.loc[("all", "coefficient")]))
        found.say(
            say(
                "log-t test of all units: t = {t}, {reading}.",
                t=f"{names['whole'].statistic:.2f}",
                reading=say(names["whole"].reading),
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

    return Step("convergence", say("Convergence and clubs"), "\n".join(lines), read, tuple(figures))


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


def _association(config: StudyConfig) -> Step:
    y, study, of = config.outcome, config["study"], config["lisa"]
    periods = repr(of["periods"]) if of["periods"] else "[panel.periods[0], panel.periods[-1]]"
    mapped = config["data"]["geometry"] is not None
    lines = [
        f"moran = {call('nq.esda.moran', 'panel', repr(y), 'w', permutations=study['permutations'], seed=study['seed'])}",  # noqa: E501
        "lisa = {",
        f"    period: nq.esda.lisa(panel, {y!r}, w, period=period, alpha={of['alpha']}, "
        f"permutations={study['permutations']}, seed={study['seed']})",
        f"    for period in {periods}",
        "}",
        "scatter = list(lisa.values())",
    ]
    figures = []
    if mapped:
        lines.append(_drawn(config, "lisa_maps", "lisa, panel, significance=True", '"lisa_maps"'))
        figures.append(
            ("lisa_maps", say("Clusters of high and low values, and their significance."))
        )
    for number in range(len(of["periods"]) if of["periods"] else 2):
        name = f"moran_scatter_{number + 1}"
        lines.append(_drawn(config, "moran_scatter", f"scatter[{number}]", f'"{name}"'))
        figures.append((name, say("Each unit against its neighbours.")))

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
            counts = ", ".join(f"{word(str(n))} {k}" for n, k in one.counts.items() if k)
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


def _diagnostics(config: StudyConfig) -> Step:
    title, of = say("Which model"), config["model"]
    if not of["formula"]:
        return Step("diagnostics", title, "", lambda _: Found(), (), say(_NO_FORMULA))
    lines = [
        f"tests = {call('nq.diagnostics', 'panel', repr(of['formula']), 'w', effects=of['effects'])}",  # noqa: E501
        _tabled("tests_table", "tests", "specification", lang=config["study"]["lang"]),
    ]

    def read(names: Names) -> Found:
        found, tests = Found(), names["tests"]
        found.say(tests.recommendation)
        columns = ["group", "name", "statistic", "df", "p_value"]
        found.show(say("Specification tests"), tests.table[columns].set_index(["group", "name"]))
        found.show(say("Criteria"), tests.criteria)
        return found

    return Step("diagnostics", title, "\n".join(lines), read)


def _model(config: StudyConfig) -> Step:
    title, of, study = say("The model"), config["model"], config["study"]
    if not of["formula"]:
        return Step("model", title, "", lambda _: Found(), (), say(_NO_FORMULA))
    lines = [
        f"result = {call('nq.fit', repr(of['formula']), 'panel', 'w', model=of['model'], effects=of['effects'])}",  # noqa: E501
        _tabled("regression_table", "result", "model", lang=study["lang"]),
    ]
    figures: tuple[tuple[str, str], ...] = ()
    if of["model"] != "ols":
        lines += [
            f"effects = result.effects(draws={of['draws']}, seed={study['seed']})",
            _tabled("effects_table", "effects", "effects", lang=study["lang"]),
            _drawn(config, "effects", "effects", '"effects"'),
        ]
        figures = (("effects", say("Direct, indirect and total effects with 95 % intervals.")),)

    def read(names: Names) -> Found:
        found, result = Found(), names["result"]
        found.say(*result.notes)
        if ("spatial", "rho") in result.params.index:
            rho, error = result.params["spatial", "rho"], result.std_errors["spatial", "rho"]
            text = "rho, the part of the neighbours' outcome: {rho} (s.e. {error})."
            found.say(say(text, rho=f"{rho:.3f}", error=f"{error:.3f}"))
        if "effects" in names:
            for name, of_one in names["effects"].frame.groupby("variable", sort=False):
                rows = of_one.set_index("effect")
                found.say(f"{result.label(str(name))}: " + "; ".join(
                    f"{say(kind)} {_reading(rows.loc[kind])}" for kind in ("direct", "indirect")
                    if kind in rows.index) + ".")  # fmt: skip
            found.say(
                say(
                    "These are associations given the effects and regressors, not causes, unless "
                    "the design of the data says otherwise."
                )
            )
            kept = ["variable", "effect", "estimate", "std_error", "p_value", "conf_low",
                    "conf_high"]  # fmt: skip
            found.show(
                say("Effects"), names["effects"].frame[kept].set_index(["variable", "effect"])
            )
        found.show(say("Coefficients"), result.table)
        return found

    return Step("model", title, "\n".join(lines), read, figures)


def _reading(row: pd.Series) -> str:
    low, high = row["conf_low"], row["conf_high"]
    said = f"{row['estimate']:.3f} [{low:.3f}, {high:.3f}]"
    return said if low > 0 or high < 0 else say("{said}, not told from zero", said=said)


def _centre(config: StudyConfig) -> Step:
    title, of, centre = say("Centre and periphery"), config["model"], config["groups"]["centre"]
    if not (centre and of["formula"]):
        why = say("no [groups] centre is given" if of["formula"] else _NO_FORMULA)
        return Step("centre", title, "", lambda _: Found(), (), why)
    drawn = _drawn(
        config, "effects_matrix", "matrix, label=panel.label(matrix.variable)",
        'f"from_group_to_group_{number}"',
    )  # fmt: skip
    lines = [
        f"split = {call('nq.spillovers.partitioned', repr(of['formula']), 'panel', 'w', groups=centre, effects=of['effects'])}",  # noqa: E501
        "matrices = {name: split.effects_matrix(name) for name in split.fit.regressors}",
        "for number, matrix in enumerate(matrices.values(), start=1):",
        indent(drawn, "    "),
    ]  # fmt: skip

    def read(names: Names) -> Found:
        found, split = Found(), names["split"]
        rho = split.params.xs("spatial", level="block")
        errors = split.std_errors.xs("spatial", level="block")
        for (_, part), value in rho.items():
            error = errors.xs(part, level="part").iloc[0]
            found.say(f"rho, {part}: {value:.3f} (s.e. {error:.3f}).")
        for name, matrix in names["matrices"].items():
            label = names["panel"].label(name)
            found.show(
                say("Total effects of {label}, receivers by senders", label=label), matrix.matrix()
            )
        found.say(*split.notes)
        return found

    figures = tuple(
        (f"from_group_to_group_{number}", say("Effects from group (columns) to group (rows)."))
        for number in range(1, len(_regressors(of["formula"])) + 1)
    )
    return Step("centre", title, "\n".join(lines), read, figures)


def _regressors(formula: str) -> list[str]:
    from formulaic import Formula

    return [str(term) for term in Formula(formula).rhs if str(term) != "1"]
