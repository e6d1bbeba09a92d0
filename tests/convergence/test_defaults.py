"""Calls without an option are calls with the documented one."""

from __future__ import annotations

import numpy as np
import pandas as pd

import nqp_spatial as nq


def test_defaults():
    panel = nq.datasets.us_income()
    c = nq.convergence
    for options in ({}, {"kind": "panel"}):
        pd.testing.assert_frame_equal(
            c.beta(panel, "income", **options).frame,
            c.beta(panel, "income", level=0.95, step=1, logs=True, **options).frame,
        )
    pd.testing.assert_frame_equal(
        c.sigma(panel, "income").trends, c.sigma(panel, "income", level=0.95).trends
    )
    short = c.log_t(panel, "income", logs=True)
    full = c.log_t(
        panel, "income", logs=True, discard=1 / 3, hac="fixed", detrend="hp", smoothing=400.0
    )
    assert (short.b, short.statistic) == (full.b, full.statistic)
    for detrend in (None, "hp"):
        short = c.clubs(panel, "income", logs=True, detrend=detrend)
        full = c.clubs(
            panel, "income", logs=True, detrend=detrend, discard=1 / 3, smoothing=400.0,
            hac="fixed", critical="fixed", merge="phillips-sul", merge_divergent=False,
        )  # fmt: skip
        pd.testing.assert_frame_equal(short.frame, full.frame)


def test_defaults_of_clubs_in_space():
    cities = nq.datasets.simulate_cities(seed=0, first=1992, last=2021)
    clubs = nq.convergence.clubs(cities, "gdp_pc", logs=True)
    short = nq.convergence.club_logit(clubs, cities, ["human_capital"])
    full = nq.convergence.club_logit(clubs, cities, ["human_capital"], level=0.95, period=1992)
    pd.testing.assert_frame_equal(short.frame, full.frame)
    joins = nq.convergence.club_joins(clubs, nq.weights.knn(cities, k=6), seed=0)
    assert joins.spec.permutations == 999
    assert np.isfinite(joins.frame["p_value"]).all()
