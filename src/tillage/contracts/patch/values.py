"""What one value becomes: by its text alone, exactly, or it stays as it is."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation

from tillage.contracts.cases.yaml_rows import Number, json_text
from tillage.contracts.patch.rules import Cast, Replace, Scalar

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"(-?(?:0|[1-9][0-9]*))(?:\.0+)?")
_LONGEST_NUMBER = 1_000  # beyond it two numbers are equal only if they are written alike
_BOOLEANS = {"true": "true", "1": "true", "yes": "true", "false": "false", "0": "false", "no": "false"}


def replaced(value: str, rule: Replace) -> str | None:
    """The JSON text that takes the place of the JSON text `value`; None: it stays."""
    if not (rule.is_any or _equals(value, rule.old)):
        return None
    if isinstance(rule.to, str):
        return None if _equals(value, rule.to) else json.dumps(rule.to, ensure_ascii=False)
    return json_text(rule.to)


def cast(value: str, to: Cast) -> str | None:
    """As `replaced`; what cannot be said exactly in the other type stays, and so do null, objects and lists."""
    if value[0] in "[{n":
        return None
    is_text = value[0] == '"'
    said = json.loads(value).strip(" \t\n\r") if is_text else value
    if to is Cast.STRING:
        return None if is_text else f'"{value}"'
    if to is Cast.NUMBER:
        return said if is_text and _NUMBER.fullmatch(said) else None
    if to is Cast.INTEGER:
        whole = _WHOLE.fullmatch(said)
        return whole[1] if whole else None
    return None if value in {"true", "false"} else _BOOLEANS.get(said.lower())


def _equals(value: str, wanted: Scalar) -> bool:
    """Whether the JSON text says `wanted`: texts by letter, numbers by value."""
    if isinstance(wanted, str):
        return value[0] == '"' and bool(json.loads(value) == wanted)
    if isinstance(wanted, Number):
        return bool(_NUMBER.fullmatch(value)) and _are_equal(value, wanted.text)
    return value == json_text(wanted)


def _are_equal(one: str, other: str) -> bool:
    if one == other or max(len(one), len(other)) > _LONGEST_NUMBER:
        return one == other
    try:
        return Decimal(one) == Decimal(other)
    except InvalidOperation:  # an exponent beyond what anybody computes with
        return False
