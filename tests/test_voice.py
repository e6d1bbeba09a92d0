"""One voice: every template has its Chinese, and a caller's words are never touched."""

from __future__ import annotations

import ast
import pickle
import re
import string

import pytest

from nqp_spatial.core.text import Message, join, label, language, t, translate
from nqp_spatial.core.vocabulary import VOCABULARY
from tests import messages


@pytest.fixture(scope="module")
def chinese():
    return messages.catalogue()


@pytest.fixture(scope="module")
def templates():
    return messages.templates()


def fields(text):
    return sorted({name.split(".")[0] for _, name, _, _ in string.Formatter().parse(text) if name})


def test_every_template_has_its_chinese(templates, chinese):
    lacking = [f"{place}: {key[1]!r}" for key, place in templates.items() if not chinese.get(key)]
    assert lacking == []


def test_every_translation_is_of_a_template(templates, chinese):
    assert sorted(map(str, set(chinese) - set(templates))) == []


def test_translations_have_the_same_places(chinese):
    wrong = [key[1] for key, text in chinese.items() if fields(key[1]) != fields(text)]
    assert wrong == []


def test_the_compiled_catalogue_is_that_of_the_files():
    assert messages.compiled_file().read_bytes() == messages.compiled()


def test_punctuation_of_chinese_is_full_width(chinese):
    half_width = re.compile(r"[\u4e00-\u9fff][,;:?!]")
    wrong = [text for text in chinese.values() if half_width.search(text)]
    assert wrong == []


def test_templates_are_literals():
    """A template that is put together as the program runs is in no catalogue."""
    wrong = []
    for path in messages.PACKAGE.rglob("*.py"):
        if path.name == "text.py" and path.parent.name == "core":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "t":
                first = node.args[0] if node.args else None
                if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
                    wrong.append(f"{path.name}:{node.lineno}")
    assert wrong == []


def test_no_sentence_is_recognised():
    """What knew finished sentences is gone."""
    names = {path.name for path in messages.PACKAGE.rglob("*.py")}
    assert not names & {"said.py", "said_words.py", "words.py"}


def test_a_message_is_translated_by_its_template():
    inner = label("column", "p_value")
    text = t("{name}: {value}", name=inner, value="p-value")
    assert text == "p-value: p-value"
    assert translate(text, "zh") == "p 值: p-value"  # the second is the caller's
    assert translate(str(text), "zh") == text  # no longer a message
    assert translate(pickle.loads(pickle.dumps(text)), "zh") == "p 值: p-value"


def test_a_name_of_the_caller_stays():
    for name in ("level", "units", "total", "p_value"):
        assert translate(name, "zh") == name
        assert translate(t("{name}", name=name), "zh") == name
    assert translate(label("column", "my column"), "zh") == "my column"
    # Braces of a caller are text.
    assert translate(t("{name}", name="{evil}"), "zh") == "{evil}"


def test_one_name_means_two_things_in_two_domains():
    for domain, words in VOCABULARY.items():
        for name, english in words.items():
            assert label(domain, name) == english
            assert isinstance(label(domain, name), Message)


def test_joined_messages():
    text = join("; ", [label("column", "estimate"), "mine"])
    assert text == "estimate; mine"
    assert translate(text, "zh") == "估计值；mine"


def test_the_language_comes_back():
    with language("zh"):
        assert translate(label("column", "estimate")) == "估计值"
    assert translate(label("column", "estimate")) == "estimate"
