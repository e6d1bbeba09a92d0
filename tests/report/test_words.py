"""What the report says: every template has its Chinese, with the same values."""

from __future__ import annotations

import re
from string import Formatter

import pytest

from tests.messages import catalogue, templates

OURS = {key: place for key, place in templates().items() if place.startswith(("report/", "cli"))}


def fields(text):
    return sorted((name, spec) for _, name, spec, _ in Formatter().parse(text) if name)


@pytest.fixture(scope="module")
def chinese():
    return catalogue("zh")


def test_templates_are_read_from_python_and_from_the_page():
    assert {place.partition(":")[0] for place in OURS.values()} >= {
        "report/study/page.html.j2", "report/study/steps/chains.py", "report/tables/clubs.py",
    }  # fmt: skip
    assert len(OURS) > 150


@pytest.mark.parametrize("key", OURS, ids=lambda key: key[1][:40])
def test_every_template_has_its_chinese(chinese, key):
    text = chinese.get(key)
    assert text, f"{OURS[key]}: no Chinese for {key[1]!r}"
    assert fields(text) == fields(key[1])
    # Punctuation between Chinese characters has full width.
    assert not re.search("[一-鿿][,;:]|[一-鿿][.]$", text), text
