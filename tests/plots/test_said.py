"""What results say, in Chinese: every form is one that the package writes."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nqp_spatial as nq
from nqp_spatial.plots.charts.composite import weighting_words
from nqp_spatial.plots.said import heading, said
from nqp_spatial.plots.said_words import FORMS, NAMES
from nqp_spatial.plots.words import speaking
from nqp_spatial.report.study.page import table_html

SCHEMES = ("entropy", "critic", "cv", "pca", "scatter", "equal")
PACKAGE = Path(nq.__file__).parent
# Formed from pieces where they are written.
BUILT = {
    "queen contiguity", "rook contiguity", "pooled quantiles", "within_share", "net_between_share",
    "transvariation_share",
}  # fmt: skip


@pytest.fixture(scope="module")
def written():
    """Every text in the package's code, what is put in at run time as a blank."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        if path.name.endswith("words.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (
                    one.value if isinstance(one, ast.Constant) else "{}" for one in node.values
                )
                found.add("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            elif isinstance(node, ast.keyword | ast.arg) and node.arg:
                found.add(node.arg)
    return found


def blanks(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_form_is_written_somewhere(written):
    """A sentence that is changed in an estimator must not fall back to English unseen."""
    lost = []
    for english in FORMS:
        for piece in re.split(r"\{\w+\}", english):
            least = piece.strip(" .:;()")
            if len(least) > 3:
                # A sentence may be joined from parts: each part is looked for by itself.
                parts = re.split(r"[.:;] | (?=where the)", least)
                lost += [part for part in parts if not any(part in one for one in written)]
    assert lost == []


def test_every_name_is_written_somewhere(written):
    assert set(NAMES) - written == BUILT


def test_forms_have_the_same_places():
    for english, chinese in FORMS.items():
        assert blanks(english) == blanks(chinese), english
        assert re.search("[一-鿿]", chinese)


def english_in(text, known=()):
    words = set(re.findall(r"[A-Za-z]{4,}", text))
    return words - {"theta", "Elhorst", *known}


def test_weights_say_how_they_were_made():
    panel = nq.datasets.us_income()
    for w in (
        nq.weights.contiguity(panel, kind="queen"),
        nq.weights.contiguity(panel, kind="rook", order=2),
        nq.weights.contiguity(panel).standardize("spectral"),
        nq.weights.knn(panel, k=4),
        nq.weights.distance_band(panel, cutoff_km=900),
        nq.weights.inverse_distance(panel, power=2).standardize("none"),
    ):
        english = w.spec.describe()
        assert said(english) == english
        chinese = said(english, "zh")
        assert not english_in(chinese), chinese
        assert re.findall(r"\d+", chinese) == re.findall(r"\d+", english)
    cities = nq.datasets.simulate_cities(seed=0)
    w = nq.weights.contiguity(cities, islands="nearest")
    assert said(w.spec.describe(), "zh") == ("后式邻接，孤立单元：3 个与最近单元双向相连，行标准化")


def test_what_real_results_say_is_known():
    capital = nq.datasets.us_public_capital()
    w = nq.weights.contiguity(capital)
    tests = nq.diagnostics("lgsp ~ lpc + unemp", capital, w, effects="two-way")
    chain = nq.dynamics.spatial_markov(
        capital, "lgsp", w, states=3, lag_states=3, permutations=19, seed=0
    )
    with pytest.warns(nq.errors.ShortPanelWarning):
        clubs = nq.convergence.clubs(
            capital.select(periods=range(1976, 1987)), "lgsp", detrend=None
        )
    south = capital.units.to_series().isin(["TX", "OK", "AR", "LA"]).map({True: "a", False: "b"})
    split = nq.spillovers.partitioned("lgsp ~ lpc", capital, w, group=south, effects="two-way")
    dynamic = nq.fit("lgsp ~ lpc", capital, w, time_lag=True, effects="two-way", correction="none")
    said_of = [
        tests.recommendation,
        *tests.frame["name"], *tests.frame["null"],
        *chain.notes, *chain.tests_table["rule"], *chain.tests_table["null"], chain.pooled.rule,
        *clubs.notes, *split.notes, *dynamic.notes,
        nq.convergence.log_t(capital, "lgsp").reading,
        *nq.convergence.sigma(capital, "lgsp").trends["reading"],
        *nq.dynamics.markov(capital, "lgsp", discretize="period-quantiles").notes,
        *capital.select(periods=[1970, 1971]).notes,
    ]  # fmt: skip
    assert len(said_of) > 50
    # Names of tests, models and people are the same in any language.
    known = {"Hausman", "Mundlak", "Pesaran", "Jarque", "Bera", "Koenker", "Bassett", "Wald",
             "SDEM", "beta"}  # fmt: skip
    for text in said_of:
        chinese = said(text, "zh")
        assert not english_in(chinese, known), (text, chinese)
        assert re.findall(r"\d+\.\d+", chinese) == re.findall(r"\d+\.\d+", text)


def test_all_branches_of_the_recommendation_are_known():
    from nqp_spatial.core.inference import HypothesisTest
    from nqp_spatial.regression.diagnostics._recommendation import recommend

    names = ["LM lag", "LM error", "robust LM lag", "robust LM error", "LR: SDM against SAR",
             "LR: SDM against SEM", "LR: SDM against SLX", "Wald: SDM against SLX"]  # fmt: skip
    models = set()
    for pattern in np.ndindex(*(2,) * len(names)):
        tests = {
            name: HypothesisTest(name, "", 1.0, "chi2", 1, (0.4, 0.00001)[low], "")
            for name, low in zip(names, pattern, strict=True)
        }
        model, words = recommend(tests, 0.05)
        models.add(model)
        assert not english_in(said(words, "zh")), words
    assert models == {"ols", "slx", "sar", "sem", "sdm"}


def test_headings_and_unknown_words():
    assert heading("half_life") == "half life"
    with speaking("zh"):
        assert heading("half_life") == "半衰期"
        assert heading("my_column") == "my_column"
        assert said("A sentence of nobody. Both simplifications are rejected.") == (
            "A sentence of nobody. 两种简化均被拒绝。"
        )
    assert said("a name with 50% {braces}", "zh") == "a name with 50% {braces}"


def test_names_of_the_caller_are_left():
    """A column may be called like something of ours, such as level or entropy."""
    text = "transition probabilities are the same in all groups of 'level'"
    assert "'level'" in said(text, "zh")
    assert said("log of level", "zh") == "level的对数"
    table = pd.DataFrame({"level": [0.5], "entropy": [2.0]}, index=["weight"])
    with speaking("zh"):
        ours = table_html("t", table)
        own = table_html("t", table, {"level", "weight"})
    assert "相对水平" in ours
    assert "权重" in ours
    assert "level" in own
    assert "weight" in own
    assert "熵值" in own


def test_every_weighting_has_a_name():
    panel = nq.datasets.us_public_capital()
    signs = {"lpc": "+", "lpcap": "+", "unemp": "-"}
    with speaking("zh"):
        for weighting in [*SCHEMES, list(SCHEMES)]:
            index = nq.composite.index(panel, signs, weighting=weighting)
            words = weighting_words(index.spec["weighting"])
            assert not english_in(words.replace("CRITIC", "")), words
            if isinstance(weighting, str):  # several have heads like "entropy: redundancy"
                heads = {heading(name) for name in index.table.columns}
                assert not any(map(english_in, heads)), heads
