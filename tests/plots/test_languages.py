"""Figures in two languages: their words are translated, the caller's never."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.core.text import current_language, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.plots.charts.composite import weighting_words
from tests.messages import catalogue, templates

PLOTS = Path(nq.plots.__file__).parent
NAMES = sorted(set(nq.plots.__all__) - {"COLUMN", "PAGE", "explore", "save", "theme"})


def test_every_figure_is_listed(figures):
    assert set(figures) == set(NAMES)
    # A page is tested in test_explore.py.
    assert set(NAMES) < set(dir(nq.plots)) == set(nq.plots.__all__)


def test_every_template_of_the_figures_has_its_chinese():
    chinese = catalogue()
    written = [key for key in templates(PLOTS) if key[0] is None]
    assert len(written) > 80
    assert [key for key in written if not chinese.get(key)] == []


def test_the_language_is_one_of_two_and_comes_back(figures):
    function, arguments, _ = figures["sigma_lines"]
    with pytest.raises(OptionError, match="lang must be one of 'en', 'zh', got 'de'"):
        function(*arguments, lang="de")
    function(*arguments, lang="zh")
    assert current_language() == "en"


def test_every_figure_takes_the_language(figures):
    for name, (function, *_) in figures.items():
        parameters = inspect.signature(function).parameters
        takes = "lang" in parameters or any(
            parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()
        )
        assert takes, name


# -- names of the caller ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def panel():
    """Columns and groups that are called like words of the package."""
    income = nq.datasets.us_income()
    sides = np.resize(["units", "level", "No data", "estimate"], income.n_units)
    by_row = pd.Series(sides, income.units)[income.frame.index.get_level_values("unit")]
    return income.assign(
        level=income.frame["income"].to_numpy(), within=by_row.to_numpy(),
        labels={"income": "units", "level": "level"},
    )  # fmt: skip


def test_labels_of_the_caller_stay(panel):
    w = nq.weights.contiguity(panel)
    lisa = nq.esda.lisa(panel, "income", w, period=2009, permutations=99, seed=0)
    assert nq.plots.moran_scatter(lisa, lang="zh").get_title(loc="left") == "units，2009"
    gini = nq.inequality.dagum(panel.select(periods=[1929, 2009]), "level", group="within")
    assert nq.plots.dagum(gini, lang="zh").get_ylabel() == "level的基尼系数"
    chain = nq.dynamics.markov(panel, "level", states=3)
    legend = nq.plots.steady_states(chain, lang="zh").get_legend()
    assert legend.get_title().get_text() == "level的状态"


def test_groups_of_the_caller_stay(panel):
    """A category may be called like the group without data, and is not taken for it."""
    ax = nq.plots.choropleth(panel, "within", period=2009, lang="zh")
    entries = [text.get_text() for text in ax.get_legend().get_texts()]
    assert entries == [f"{name}（12）" for name in ("No data", "estimate", "level", "units")]
    assert not any(patch.get_hatch() for patch in ax.get_legend().get_patches())
    groups = nq.dynamics.markov_by_group(
        panel, "income", group=panel.frame["within"].xs(2009, level="period"), states=3
    )
    names = [
        text.get_text() for text in nq.plots.steady_states(groups, lang="zh").get_xticklabels()
    ]
    assert sorted(names) == sorted(["全部", "No data", "estimate", "level", "units"])


def test_columns_of_results_have_words_and_others_stay():
    frame = pd.DataFrame(
        {"gini": [0.3, 0.4], "my_index": [0.2, 0.1]}, index=pd.Index([2000, 2001], name="period")
    )
    ax = nq.plots.over_periods(frame, lang="zh")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["基尼系数", "my_index"]


def test_every_weighting_has_a_name():
    panel = nq.datasets.us_public_capital()
    signs = {"lpc": "+", "lpcap": "+", "unemp": "-"}
    schemes = ("entropy", "critic", "cv", "pca", "scatter", "equal")
    for weighting in [*schemes, list(schemes)]:
        index = nq.composite.index(panel, signs, weighting=weighting)
        words = translate(weighting_words(index.spec["weighting"]), "zh")
        assert not re.findall(r"[A-Za-z]{3,}", words.replace("CRITIC", "")), words


def test_titles_of_clusters_are_translated(figures):
    function, arguments, options = figures["lisa_maps"]
    figure = function(*arguments, lang="zh", **options)
    counts = arguments[0][0].counts
    assert f"高-高 {counts['High-High']}" in figure.axes[0].get_title(loc="left")
    plt.close(figure)
    figure = function(*arguments, **options)
    assert f"HH {counts['High-High']}" in figure.axes[0].get_title(loc="left")
