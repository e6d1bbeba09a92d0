"""`WeightsSpec`: how spatial weights were made, in words and as data for files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nqp_spatial.core.display import Block, Displayed
from nqp_spatial.core.text import Message, join, label, t
from nqp_spatial.errors import plain

__all__ = ["Islands", "Standardization", "WeightsSpec", "spec_from_data", "spec_to_data"]

Standardization = Literal["row", "spectral", "minmax", "none"]
Islands = Literal["error", "keep"]

_MESSAGE = "message"


@dataclass(frozen=True, repr=False)
class WeightsSpec(Displayed):
    """How a weights matrix was made.

    Attributes
    ----------
    kind : str
        The family in words, a message such as ``"queen contiguity"``.
    parameters : dict
        What is needed to make it again, by machine name. Values are numbers, messages, or names
        that the caller chose, such as a column.
    standardization : {"row", "spectral", "minmax", "none"}
        How the raw weights were scaled.
    islands : str
        How units without neighbours were treated; empty where there are none.

    Examples
    --------
    >>> WeightsSpec("queen contiguity", {"order": 1}, "row").words
    'queen contiguity (order = 1), row-standardised'
    """

    kind: str
    parameters: dict[str, Any] = field(default_factory=dict)
    standardization: Standardization = "none"
    islands: str = ""

    @property
    def words(self) -> Message:
        """The specification as one message, for the note of a table."""
        parameters = [
            t("{name} = {value}", name=label("weights", name), value=value)
            for name, value in self.parameters.items()
            if value is not None
        ]
        words = self.kind
        if parameters:
            words = t("{kind} ({parameters})", kind=words, parameters=join(", ", parameters))
        if self.islands:
            words = t("{weights}, islands: {islands}", weights=words, islands=self.islands)
        scale = label("standardization", self.standardization)
        return t("{weights}, {standardization}", weights=words, standardization=scale)

    def describe(self) -> Message:
        """Return `words`."""
        return self.words

    def _blocks(self) -> list[Block]:
        return [self.words]


def spec_to_data(spec: WeightsSpec) -> dict[str, Any]:
    """Return a specification as texts, numbers, lists and dicts, messages by their templates.

    Examples
    --------
    >>> spec_to_data(WeightsSpec(t("gravity"), {"power": 2.0}))["kind"]
    {'message': ['gravity', {}, None]}
    """
    return {
        "kind": _to_data(spec.kind),
        "parameters": _to_data(spec.parameters),
        "standardization": spec.standardization,
        "islands": _to_data(spec.islands),
    }


def spec_from_data(data: Mapping[str, Any]) -> WeightsSpec:
    """Return the specification that `spec_to_data` wrote.

    Raises
    ------
    TypeError, ValueError, LookupError, AttributeError
        If it is something else.
    """
    spec = WeightsSpec(**{name: _from_data(value) for name, value in data.items()})
    if not (isinstance(spec.kind, str) and isinstance(spec.islands, str)):
        raise TypeError("kind and islands must be texts")
    if not isinstance(spec.parameters, dict):
        raise TypeError("parameters must be a mapping")
    return spec


def _to_data(value: Any) -> Any:
    if isinstance(value, Message):
        return {_MESSAGE: [value.template, _to_data(value.values), value.context]}
    if isinstance(value, Mapping):
        return {str(name): _to_data(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_data(item) for item in value]
    value = plain(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _from_data(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_data(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() != {_MESSAGE}:
        return {name: _from_data(item) for name, item in value.items()}
    template, values, context = value[_MESSAGE]
    if not isinstance(template, str) or not isinstance(context, str | None):
        raise TypeError("a message needs a template")
    return Message(template, _from_data(values), context)
