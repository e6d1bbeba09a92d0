"""Arguments of all public functions: misspelt names are met, choices are taken in any case."""

from __future__ import annotations

import inspect
from typing import Literal, get_args, get_origin

import pytest

from nqp_spatial.core.options import rules_of
from nqp_spatial.errors import UnknownArgumentError
from tests.test_face import FUNCTIONS

TAKE_ANY = {"read_panel"}  # options of pandas are passed on
CHECKED = {name: function for name, function in FUNCTIONS.items() if hasattr(function, "__door__")}


@pytest.mark.parametrize("name", sorted(set(CHECKED) - TAKE_ANY))
def test_a_misspelt_option_is_named_with_the_nearest(name):
    function = CHECKED[name]
    options = list(rules_of(function))
    for option in options:
        misspelt = option[:1] + option[2:] + "z" if len(option) > 3 else f"{option}_zz"
        if misspelt in options:
            continue
        with pytest.raises(UnknownArgumentError) as caught:
            function(**{misspelt: None})
        message = str(caught.value)
        assert repr(misspelt) in message and all(known in message for known in options)
        if len(option) > 3:
            assert "did you mean" in message, message


@pytest.mark.parametrize("name", sorted(CHECKED))
def test_choices_of_every_option_are_taken_in_any_case(name):
    door = CHECKED[name].__door__
    module = inspect.getmodule(inspect.unwrap(CHECKED[name]))
    for option, annotation in door.annotations.items():
        literal = vars(module).get(annotation, annotation)
        if get_origin(literal) is not Literal or option == "self":
            continue
        rule = door.rule(option)
        for choice in get_args(literal):
            if isinstance(choice, str):
                for other in (choice.upper(), choice.title(), choice.replace("-", "_")):
                    assert rule.require(option, other) == choice
