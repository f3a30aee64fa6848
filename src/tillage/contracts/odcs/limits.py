"""`logicalTypeOptions`, `enum` and `invalidValues` of one column: the bounds on its values."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tillage.contracts.compiler import moment
from tillage.contracts.contract import Kind, Limits, Money
from tillage.contracts.document import Document, Path

_NUMERIC = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
_TEMPORAL = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "format"}
OPTIONS = {
    Kind.STRING: {"minLength", "maxLength", "pattern", "format"},
    Kind.INTEGER: _NUMERIC,
    Kind.NUMBER: _NUMERIC,
    Kind.BOOLEAN: set[str](),
    Kind.DATE: _TEMPORAL,
    Kind.TIMESTAMP: _TEMPORAL | {"timezone", "defaultTimezone"},
    Kind.TIME: _TEMPORAL,
    Kind.LIST: {"minItems", "maxItems"},
    Kind.OBJECT: set[str](),
}
VALUE_ARGUMENTS = {"validValues", "pattern"}
FORMATS = {
    "email": r"^[^@\s]+@[^@\s]+\.[^@\s.]+$",
    "uuid": r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
    "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:[^\s]+$",
    "hostname": (r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$"),
    "ipv4": r"^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])$",
    "ipv6": (
        r"^(([0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}|([0-9a-fA-F]{1,4}:){1,7}:|:(:[0-9a-fA-F]{1,4}){1,7}|::"
        r"|([0-9a-fA-F]{1,4}:){1,6}:[0-9a-fA-F]{1,4}|([0-9a-fA-F]{1,4}:){1,5}(:[0-9a-fA-F]{1,4}){1,2}"
        r"|([0-9a-fA-F]{1,4}:){1,4}(:[0-9a-fA-F]{1,4}){1,3}|([0-9a-fA-F]{1,4}:){1,3}(:[0-9a-fA-F]{1,4}){1,4}"
        r"|([0-9a-fA-F]{1,4}:){1,2}(:[0-9a-fA-F]{1,4}){1,5}|[0-9a-fA-F]{1,4}:(:[0-9a-fA-F]{1,4}){1,6})$"
    ),
}
_ENUMERATED = {Kind.STRING, Kind.INTEGER, Kind.NUMBER, Kind.DATE}
_FAR = Decimal(10) ** 19


def read_limits(document: Document, path: Path, kind: Kind, item: Mapping[str, Any], money: Money | None) -> Limits:
    """The bounds of the column at `path`.

    Raises:
        ContractError: a bound that the kind does not have or that is no value of it; a pattern that RE2 cannot do.
    """
    options = item.get("logicalTypeOptions") or {}
    here = (*path, "logicalTypeOptions")
    allowed = OPTIONS[kind] - ({"multipleOf"} if money and money.currency_by else set())
    document.check_names(here, options, allowed)
    lowest, is_lowest_excluded = _bound(
        document, here, kind, options, including="minimum", excluding="exclusiveMinimum"
    )
    highest, is_highest_excluded = _bound(
        document, here, kind, options, including="maximum", excluding="exclusiveMaximum"
    )
    is_one_excluded = is_lowest_excluded or is_highest_excluded
    if _is_empty(lowest, highest, is_one_excluded=is_one_excluded):
        document.lint(here, "the lower bound is above the upper one: no value would be accepted")
    patterns: list[str] = []
    if kind is Kind.STRING:
        patterns = (
            [read_pattern(document, (*here, "pattern"), kind, options["pattern"])] if "pattern" in options else []
        )
        if "format" in options:
            document.check_names((*here, "format"), [options["format"]], FORMATS)
            patterns.append(FORMATS[options["format"]])
    step = options.get("multipleOf")
    if step is not None and read_decimal(document, here, step) <= 0:
        raise document.wrong(here, "`multipleOf` must be above 0")
    patterns += _invalid_patterns(document, path, kind, item)
    shortest = _length(document, here, options.get("minItems" if kind is Kind.LIST else "minLength"))
    longest = _length(document, here, options.get("maxItems" if kind is Kind.LIST else "maxLength"))
    if shortest is not None and longest is not None and shortest > longest:
        document.lint(here, "the least length is above the greatest: no value would be accepted")
    return Limits(
        minimum=lowest,
        maximum=highest,
        is_minimum_excluded=is_lowest_excluded,
        is_maximum_excluded=is_highest_excluded,
        multiple_of=None if step is None else read_decimal(document, here, step),
        min_length=shortest,
        max_length=longest,
        patterns=tuple(patterns),
        allowed=_allowed(document, path, kind, item),
    )


def _is_empty(lowest: Decimal | str | None, highest: Decimal | str | None, *, is_one_excluded: bool) -> bool:
    """Whether nothing lies between two bounds; dates and times are text that sorts as they do."""
    if isinstance(lowest, Decimal) and isinstance(highest, Decimal):
        return lowest > highest or (is_one_excluded and lowest == highest)
    if isinstance(lowest, str) and isinstance(highest, str):
        return lowest > highest or (is_one_excluded and lowest == highest)
    return False


def _bound(
    document: Document, path: Path, kind: Kind, options: Mapping[str, Any], *, including: str, excluding: str
) -> tuple[Decimal | str | None, bool]:
    if including in options and excluding in options:
        raise document.wrong(path, f"`{including}` and `{excluding}`: give one of them")
    key = excluding if excluding in options else including
    if key not in options or "minimum" not in OPTIONS[kind]:
        return None, False
    value = options[key]
    if kind in {Kind.INTEGER, Kind.NUMBER}:
        return read_decimal(document, (*path, key), value), key == excluding
    found = moment.iso(kind, str(value))
    if found is None:
        raise document.wrong((*path, key), f"`{key}` must be an ISO 8601 {kind}, in quotes")
    return found, key == excluding


def read_decimal(document: Document, path: Path, value: Any) -> Decimal:
    """The exact number.

    Raises:
        ContractError: it is none, or too long to be compared.
    """
    try:
        found = Decimal("NaN" if isinstance(value, bool) else str(value))
    except InvalidOperation:
        raise document.wrong(path, "must be a number") from None
    if not found.is_finite() or abs(found) > _FAR or -int(found.as_tuple().exponent) > 18:
        raise document.wrong(path, "must be a number up to 19 digits before and 18 after the point")
    return found


def _length(document: Document, path: Path, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise document.wrong(path, "a length is a whole number from 0")
    return value


def read_pattern(document: Document, path: Path, kind: Kind, pattern: Any) -> str:
    """The pattern of a string column.

    Raises:
        ContractError: another kind, or a pattern that RE2 cannot do.
    """
    if kind is not Kind.STRING:
        document.lint(path, f"`pattern` is for string columns, not for {kind}")
    try:
        pc.match_substring_regex(pa.array([""]), str(pattern))
    except pa.ArrowInvalid:
        raise document.wrong(
            path, "`pattern` is not for RE2, which has no look-ahead, look-behind or back-references; say it without"
        ) from None
    return str(pattern)


def _allowed(document: Document, path: Path, kind: Kind, item: Mapping[str, Any]) -> tuple[str, ...] | None:
    found: list[Any] | None = None
    if item.get("enum"):
        found = [entry.get("value") for entry in item["enum"]]
    for index, rule in enumerate(item.get("quality") or ()):
        if not is_row_enum(rule):
            continue
        arguments = rule.get("arguments") or {}
        document.check_names((*path, "quality", index), arguments, VALUE_ARGUMENTS)
        if "validValues" in arguments:
            more = arguments["validValues"]
            if not isinstance(more, list) or not more:
                raise document.wrong((*path, "quality", index), "`validValues` is a list of values")
            found = more if found is None else [value for value in found if value in more]
    if found is None:
        return None
    if kind not in _ENUMERATED:
        raise document.wrong(path, f"allowed values are for strings, numbers and dates, not for {kind}")
    return tuple(read_value(document, path, kind, value) for value in found)


def read_value(document: Document, path: Path, kind: Kind, value: Any) -> str:
    """A value of the kind as text.

    Raises:
        ContractError: it is none.
    """
    if kind in {Kind.INTEGER, Kind.NUMBER}:
        return f"{read_decimal(document, path, value):f}"
    if kind is Kind.STRING:
        if not isinstance(value, str):
            raise document.wrong(path, "an allowed value of a string column is a text: put it in quotes")
        return value
    found = moment.iso(kind, str(value))
    if found is None:
        raise document.wrong(path, f"an allowed value of a {kind} column is ISO 8601, in quotes")
    return found


def is_row_enum(rule: Mapping[str, Any]) -> bool:
    """Whether a library rule says of each value what it may be: ODCS 3.0 and 3.1's way to an enumeration."""
    is_rejecting = rule.get("severity", "error") == "error"
    return is_rejecting and rule.get("metric") == "invalidValues" and rule.get("mustBe") == 0


def _invalid_patterns(document: Document, path: Path, kind: Kind, item: Mapping[str, Any]) -> list[str]:
    found = []
    for index, rule in enumerate(item.get("quality") or ()):
        arguments = rule.get("arguments") or {}
        if is_row_enum(rule) and "pattern" in arguments:
            found.append(read_pattern(document, (*path, "quality", index), kind, arguments["pattern"]))
    return found
