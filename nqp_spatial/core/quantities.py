"""Names of quantities without their units, for ratios, which have none."""

from __future__ import annotations

import re

from nqp_spatial.core.text import Message, t

__all__ = ["ratio_label", "without_unit"]

# What a label ends with after a comma, if that is a unit: "dollars", "yuan of 2010".
_WORDS = (
    r"(?:dollars?|yuan|renminbi|euros?|pounds?|yen|won|rupees?|rubles?|francs?|crowns?|pesos?|reais|"
    r"rand|cents?|us\$|\$|€|£|¥|usd|eur|gbp|cny|rmb|jpy|pps|ppp|persons?|people|inhabitants?|workers?|"
    r"employees|jobs|households|firms|vehicles|beds|km2?|km²|kilomet(?:re|er)s?|met(?:re|er)s?|m2|m²|"
    r"hectares?|ha|acres?|miles?|tons?|tonnes?|kg|kwh|mwh|gwh|joules?|hours?|days?|years?|"
    r"per ?cent|%|points?|thousands?|millions?|billions?|trillions?|hundreds?|[\d  ,.]*\d)"
)
_ENGLISH = re.compile(rf",\s*(?:{_WORDS}\b|[%$€£¥])[^,]*$", re.IGNORECASE)
_CHINESE = re.compile(
    r"[，,]\s*[\d十百千万亿]*(?:元|美元|欧元|日元|人|户|件|个|公里|千米|平方公里|平方千米|公顷|亩|吨|度|千瓦时|"
    r"小时|天|年|张|辆|%|％)[^，,]*$"
)
_BRACKETS = re.compile(r"\s*(?:\(([^()]*)\)|（([^（）]*)）|\[([^\[\]]*)\])$")
# A transformation is part of the quantity, not its unit.
_TRANSFORMED = re.compile(
    r"\b(?:log|ln|index|score|share|rank)|对数|指数|得分|占比|比重|排名", re.I
)


def without_unit(label: str) -> str:
    """Return a label without the unit at its end, in brackets or after a comma.

    Examples
    --------
    >>> without_unit("Income per head, dollars"), without_unit("GDP (10 000 yuan)")
    ('Income per head', 'GDP')
    >>> without_unit("Private capital (log)"), without_unit("Manufacturing, services")
    ('Private capital (log)', 'Manufacturing, services')
    """
    brackets = _BRACKETS.search(label)
    if brackets and not _TRANSFORMED.search(brackets.group()):
        bare = label[: brackets.start()]
    else:
        bare = _CHINESE.sub("", _ENGLISH.sub("", label))
    return bare.strip() or label


def ratio_label(label: str) -> Message:
    """Return what to call a variable over its mean: a multiple, which has no unit.

    Examples
    --------
    >>> ratio_label("Income per head, dollars")
    'Income per head, multiple of the mean'
    """
    return t("{name}, multiple of the mean", name=without_unit(label))
