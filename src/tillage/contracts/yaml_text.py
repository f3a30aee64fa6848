"""Text from outside as YAML that reads back as that very text, on one line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from tillage.contracts.contract import NumberFormat

# YAML takes no other control characters, and folds a text at the line ends that JSON leaves as they are.
_ODD = re.compile(
    "[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]|[^\\x00-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)

# What YAML 1.1 or 1.2 takes for something else than a text.
_WORDS = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}


def word(name: str) -> str:
    """The name as it is, in quotes only where YAML would not take it for a text."""
    return name if re.fullmatch(r"[a-z][a-z0-9_-]*", name) and name not in _WORDS else quoted(name)


def quoted(value: str) -> str:
    """The text in double quotes."""
    return _ODD.sub(lambda odd: f"\\u{ord(odd[0]):04x}", json.dumps(value, ensure_ascii=False))


def number_format(form: NumberFormat) -> str:
    """The value of `tillage.numberFormat`, without what holds anyway."""
    usual = NumberFormat()
    parts = [f"decimal: {quoted(form.decimal)}"] if form.decimal != usual.decimal else []
    parts += [f"group: {quoted(form.group)}"] if form.group else []
    parts += [f"symbols: {listed(form.symbols)}"] if form.symbols else []
    parts += [f"negative: {form.negative}"] if form.negative is not usual.negative else []
    return f"{{{', '.join(parts)}}}"


def listed(values: Iterable[str]) -> str:
    """The texts as a list."""
    return f"[{', '.join(map(quoted, values))}]"
