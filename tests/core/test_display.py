"""Results print in 80 columns and show as HTML, whatever they are of."""

from __future__ import annotations

import importlib
import inspect
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.core.display import Displayed, wrapped_text

SOUTH = ["TX", "OK", "AR", "LA", "MS", "AL", "GA", "FL", "TN"]
FOLDERS = (
    *("weights", "esda", "composite", "inequality", "structure", "dynamics", "convergence"),
    *("regression", "spillovers", "report"),
)


@pytest.fixture(scope="module")
def results():
    panel = nq.datasets.us_public_capital()
    w = nq.weights.contiguity(panel)
    incomes = nq.datasets.us_income().select(periods=list(range(1969, 2010)))
    near = nq.weights.contiguity(incomes)
    cities = nq.datasets.simulate_cities(seed=0)
    south = panel.units.to_series().isin(SOUTH).map({True: "south & coast", False: "rest"})
    fitted = nq.fit("lgsp ~ lpcap + lpc + lemp + unemp", panel, w)
    split = nq.spillovers.partitioned("lgsp ~ lpc", panel, w, group=south, effects="unit")
    barrier = nq.spillovers.barrier("lgsp ~ lpc", panel, w, group=south, effects="unit")
    score = panel.frame["lpc"].groupby(level="unit").mean()
    return [
        panel, w, w.spec, fitted, fitted.spec, fitted.effects(seed=0), split, barrier,
        split.effects_matrix("lpc"),
        nq.diagnostics("lgsp ~ lpc", panel, w).tests["LM lag"],
        nq.diagnostics("lgsp ~ lpc + unemp", panel, w),
        nq.compare({"a": fitted}),
        nq.spillovers.reach("lgsp ~ lpc", panel, edges_km=[0, 600, 1200], effects="unit"),
        nq.spillovers.distance_decay("lgsp ~ lpc", panel, cutoff_km=1500, effects="unit"),
        nq.spillovers.threshold("lgsp ~ lpc", panel, w, score=score, effects="unit",
                                replications=0, grid=8),
        nq.esda.moran(incomes, "income", near, permutations=99, seed=0),
        nq.esda.lisa(incomes, "income", near, period=2009, permutations=99, seed=0),
        nq.esda.join_counts(cities, "region4", nq.weights.knn(cities, k=4), period=2021,
                            permutations=99, seed=0),
        nq.composite.index(cities, {"patents": "+", "energy": "-"}),
        nq.composite.coupling(cities, ["nqp", "relations"]),
        nq.structure.centre_path(incomes, "income"),
        nq.inequality.dagum(cities, "nqp", group="region4"),
        nq.inequality.gaps(cities, "nqp", group="region4"),
        nq.inequality.theil(cities, "nqp", levels=["region4", "province"]),
        nq.dynamics.markov(incomes, "relative_income", states=5),
        nq.dynamics.spatial_markov(incomes, "relative_income", near, states=5, lag_states=5),
        nq.dynamics.markov_by_group(incomes, "relative_income", group=_south_of(incomes)),
        nq.dynamics.spatial_markov_by_group(incomes, "relative_income", near,
                                            group=_south_of(incomes)),
        nq.dynamics.time_homogeneity(incomes, "relative_income"),
        nq.dynamics.lisa_markov(incomes, "income", near),
        nq.dynamics.rank_mobility(incomes, "income", weights=near, permutations=19, seed=0),
        nq.dynamics.density(incomes, "relative_income"),
        nq.dynamics.stochastic_kernel(incomes, "relative_income", step=5),
        nq.dynamics.stochastic_kernel(incomes, "relative_income", weights=near, step=5),
        nq.dynamics.modality(incomes, "relative_income", periods=[2009], replications=20, seed=0),
        nq.convergence.beta(incomes, "income"),
        nq.convergence.sigma(incomes, "income"),
        nq.convergence.log_t(incomes, "income", logs=True),
        nq.convergence.clubs(incomes, "income", logs=True),
    ]  # fmt: skip


def _south_of(panel):
    return panel.units.to_series().isin(SOUTH).map({True: "south", False: "rest"})


class Tags(HTMLParser):
    """Opens and closes in order."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.tables = [], [], 0

    def handle_starttag(self, tag, attrs):
        if tag != "br":
            self.open.append(tag)
        self.tables += tag == "table"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_results_print_in_80_columns(results):
    for one in results:
        lines = repr(one).splitlines()
        assert max(map(len, lines)) <= 80, type(one).__name__
        assert not any(line != line.rstrip() for line in lines[1:2]), type(one).__name__


def test_results_show_as_html(results):
    for one in results:
        tags = Tags()
        tags.feed(one._repr_html_())
        assert not tags.open, type(one).__name__
        assert tags.text, type(one).__name__
    split = next(one for one in results if type(one).__name__ == "PartitionedResult")
    html = split._repr_html_()
    assert "south &amp; coast" in html  # names cannot break the page
    assert "<table" in html
    for note in split.notes:
        assert note.split("&")[0][:40] in html.replace("&#x27;", "'").replace("&quot;", '"')


def test_every_result_class_prints_this_way():
    plain = []
    for folder in FOLDERS:
        module = importlib.import_module(f"nqp_spatial.{folder}")
        for name in module.__all__:
            one = getattr(module, name)
            if inspect.isclass(one) and not hasattr(one, "_repr_html_"):
                plain.append(name)
    assert plain == ["LogDet"]  # a protocol


def test_long_tables_are_cut_and_say_so():
    class Long(Displayed):
        def _blocks(self):
            return ["Title", pd.DataFrame({"x": np.arange(500.0)}, pd.RangeIndex(500, name="i"))]

    text = repr(Long())
    assert len(text.splitlines()) < 70
    assert ".." in text
    assert Long()._repr_html_().count("<tr") < 70


def test_filled_keeps_line_breaks_and_words():
    assert wrapped_text("a\nb") == "a\nb"
    long = "x" * 100
    assert wrapped_text(long) == long  # a path or a name is not cut


def test_lines_of_a_paragraph_are_lines_in_a_notebook():
    panel = nq.datasets.us_public_capital()
    fit = nq.fit("lgsp ~ lpc", panel, model="ols")
    (line,) = [line for line in repr(fit).splitlines() if line.startswith("Log-likelihood")]
    assert f"<br>{line}</p>" in fit._repr_html_()
