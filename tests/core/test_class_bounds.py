"""Bounds between classes, compared with mapclassify."""

import subprocess
import sys
import warnings

import mapclassify
import numpy as np
import pytest

from nqp_spatial.core.class_bounds import class_bounds

NAMES = {
    "quantiles": "Quantiles",
    "equal-intervals": "EqualInterval",
    "natural-breaks": "FisherJenks",
}


@pytest.mark.parametrize("method", list(NAMES))
@pytest.mark.parametrize("kind", ["normal", "whole numbers with ties", "skewed, rounded"])
def test_bounds_are_those_of_mapclassify(method, kind):
    rng = np.random.default_rng(0)
    for n, count in [(7, 2), (48, 5), (150, 9), (287, 4), (40, 9), (31, 3)]:
        values = {
            "normal": rng.normal(size=n) * 1e4,
            "whole numbers with ties": rng.permutation(np.arange(n) // 2).astype(float),
            "skewed, rounded": rng.lognormal(size=n).round(1),
        }[kind]
        if len(np.unique(values)) < count:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            theirs = getattr(mapclassify, NAMES[method])(values, k=count).bins[:-1]
        np.testing.assert_array_equal(class_bounds(values, method, count), theirs)


def test_quantiles_by_hand():
    # Places 2.667 and 5.333 of nine values, numbered from zero.
    values = np.array([0, 10, 20, 30, 40, 50, 60, 70, 80.0])[::-1]
    np.testing.assert_allclose(class_bounds(values, "quantiles", 3), [80 / 3, 160 / 3], rtol=1e-14)
    assert class_bounds(np.array([1.0, 1, 1, 1, 2]), "quantiles", 2).tolist() == [1.0]


def test_quantiles_do_not_load_mapclassify():
    code = (
        "import sys, numpy as np; from nqp_spatial.core.class_bounds import class_bounds as f; "
        "f(np.arange(9.0), 'quantiles', 3); f(np.arange(9.0), 'equal-intervals', 3); "
        "print('mapclassify' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True).stdout.strip() == "False"
