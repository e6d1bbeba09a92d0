"""A Chinese page of a study says in Chinese how its weights were made, whatever they are."""

from __future__ import annotations

import re

import numpy as np
import pytest

import nqp_spatial as nq
from nqp_spatial.report.study.config import STEPS

SETTINGS = """
[study]
lang = "zh"
permutations = 9
skip = {skipped}
[data]
panel = "cities.csv"
unit = "id"
period = "year"
geometry = "cities.gpkg"
[outcome]
variable = "y"
[weights]
{weights}
"""
# Names of people and of methods; what else is in Latin letters is the user's.
NAMES = {"Queen", "Rook", "Delaunay", "Gabriel", "Jaccard", "rank", "esda", "lisa", "study", "skip"}
NAMES |= {"nqp_spatial", "libpysal", "Graph", "LISA", "Word", "LaTeX"}
OWN = {"units", "level"}


@pytest.fixture(scope="module")
def panel():
    income = nq.datasets.us_income().select(periods=[1990, 1991])
    rng = np.random.default_rng(0)
    # Columns of the user that are words of the package too.
    return income.assign(
        y=lambda d: rng.normal(size=len(d)),
        units=lambda d: np.exp(rng.normal(size=len(d))),
        level=lambda d: np.exp(rng.normal(size=len(d))),
    )


def of_files(panel):
    knn = nq.weights.knn(panel, k=5)
    half = (
        panel.units.to_series().rank().le(24).map({True: "units", False: "level"}).rename("level")
    )
    return {
        "triangulation": lambda: nq.weights.triangulation(panel, kind="gabriel"),
        "economic": lambda: nq.weights.economic(panel, "level"),
        "directed": lambda: nq.weights.directed_economic(panel, "units", base=knn),
        "gravity": lambda: nq.weights.gravity(panel, "units"),
        "nested": lambda: nq.weights.nested(knn, nq.weights.inverse_distance(panel), share=0.4),
        "within": lambda: nq.weights.within(knn, half),
        "exponential": lambda: nq.weights.exponential(panel, scale_km=200),
        "either": lambda: nq.weights.knn(panel, k=4, symmetrize="either").standardize("spectral"),
        "pysal": lambda: nq.weights.from_pysal(knn.graph),
        "dense": lambda: nq.weights.from_dense(knn.sparse.toarray(), panel.units),
    }


BY_SETTINGS = {
    "queen": 'kind = "queen"',
    "rook": 'kind = "rook"\nislands = "nearest"',
    "knn": 'kind = "knn"\nk = 4',
    "band": 'kind = "distance-band"\ncutoff_km = 900',
    "inverse": 'kind = "inverse-distance"\npower = 2\ncutoff_km = 2000',
}
BY_FILE = [
    "triangulation",
    "economic",
    "directed",
    "gravity",
    "nested",
    "within",
    "exponential",
    "either",
    "pysal",
    "dense",
]


@pytest.mark.parametrize("name", [*BY_SETTINGS, *BY_FILE])
def test_no_english_word_is_left(panel, tmp_path, sketches, name):
    table = panel.frame.reset_index()
    table = table.rename(columns={table.columns[0]: "id", table.columns[1]: "year"})
    table[["id", "year", "y", "units", "level"]].to_csv(tmp_path / "cities.csv", index=False)
    shapes = panel.geometry.reset_index()
    shapes = shapes.rename(columns={shapes.columns[0]: "id"})[["id", "geometry"]]
    shapes.to_file(tmp_path / "cities.gpkg")
    if name in BY_SETTINGS:
        weights = BY_SETTINGS[name]
    else:
        of_files(panel)[name]().write(tmp_path / "w.parquet")
        weights = 'kind = "file"\npath = "w.parquet"'
    # The words stand at the head of every page; a step with figures is run for a few.
    shown = {"queen": "association", "knn": "describe"}.get(name)
    skipped = str([step for step in STEPS if step != shown]).replace("'", '"')
    text = SETTINGS.format(weights=weights, skipped=skipped)
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    result = nq.report.study(tmp_path / "study.toml", tmp_path / "out", progress=False)
    assert result.failed == []
    page = result.page.read_text("utf-8")
    code = r"<(style|script|pre)\b.*?</\1>|<p>[^<]*study.py.*?</p>|版本：.*?。"
    plain = re.sub(code, "", page, flags=re.S)
    plain = re.sub(r"<[^>]+>", " ", plain)
    assert "权重" in plain
    assert set(re.findall(r"[A-Za-z_]{4,}", plain)) - NAMES - OWN == set()
