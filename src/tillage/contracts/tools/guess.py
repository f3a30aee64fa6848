"""The narrowest type that all values of one column have, as far as anybody can tell from values alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from tillage.contracts.contract import NumberFormat
from tillage.contracts.sql_text import BLANK
from tillage.contracts.tools.guess_moment import moment
from tillage.contracts.tools.guess_number import SpeltNumbers, spelt
from tillage.contracts.yaml_text import number_format
from tillage.domain.money import exponent

_NULLS = {"", "na", "n/a", "nan", "null", "none", "nil", "error", "unknown", "-", "?", "missing", "undefined", "#n/a"}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,31})(\.[0-9]{1,6}0*)?")
_LONG_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_DIGITS = re.compile(r"[0-9]+")
_BOOLEANS = {"true", "false", "yes", "no"}
_MONEY = {
    *("price", "amount", "total", "gross", "net", "cost", "fee", "tax", "revenue", "spent", "paid", "value", "sales"),
    *("betrag", "preis", "umsatz"),
}
_KEYS = {"id", "key", "number", "no", "nr", "code", "sku", "ean", "uuid"}
_IDENTIFIERS = _KEYS | {"gtin", "isbn", "barcode", "phone", "zip", "postal", "postcode", "plz", "num"}
_BLANKS = BLANK[1:-1]


@dataclass
class Seen:
    """The scalars that one member held; numbers as their digits stood in the file."""

    texts: list[str] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    booleans: int = 0

    def __len__(self) -> int:
        return len(self.texts) + len(self.numbers) + self.booleans


@dataclass(frozen=True)
class Guess:
    """A type, and everything about it that a person should look at; an empty type: no type takes all values."""

    logical_type: str
    date_format: str | None = None
    number_format: NumberFormat | None = None
    null_values: tuple[str, ...] = ()
    is_unique: bool = False
    """Every value is there, and no two are equal: it could be a key."""
    is_full: bool = False
    """No value stands for nothing."""
    doubts: tuple[str, ...] = ()


def guess(member: str, seen: Seen, *, is_text: bool) -> Guess:
    """The type that takes every value in `seen`, which are not none. `is_text`: they come from CSV or XML."""
    if seen.booleans:
        is_mixed = bool(seen.texts or seen.numbers)
        return _none("it is true or false, and something else") if is_mixed else Guess("boolean", is_full=True)
    trimmed = [value.strip(_BLANKS) for value in seen.texts]
    nulls = tuple(sorted({value for value in trimmed if value.lower() in _NULLS}))
    real = list(dict.fromkeys(value for value in trimmed if value not in nulls))
    if seen.numbers:
        found = _numeric(member, [*dict.fromkeys(seen.numbers), *real]) or _none(
            "it is a number, and something that this version keeps no number of"
        )
    else:
        found = _typed(member, real, is_text=is_text) if real else _string("there is no value to tell its type by")
    if found.logical_type == "string":
        return _as_string(found, seen.texts, nulls)
    if nulls:
        found = replace(
            found, null_values=nulls, doubts=(*found.doubts, "nullValues: these were taken for `there is nothing`")
        )
    if found.number_format or nulls:
        found = replace(found, doubts=tuple(map(_beside_others, found.doubts)))
    is_key = found.logical_type == "integer" and found.number_format is None
    distinct = {int(value) for value in [*seen.numbers, *real]} if is_key else ()
    return replace(found, is_full=not nulls, is_unique=not nulls and len(distinct) == len(seen))


def _beside_others(doubt: str) -> str:
    """What it says to add, for a column that has `customProperties` already: a second list would be refused."""
    return re.sub(r"add customProperties: \[(.*)\]$", r"add \1 to its customProperties", doubt)


def words(member: str) -> list[str]:
    """The words of a name, in lower case: `InvoiceNo`, `invoice_no` and `Invoice No` are `invoice` and `no`."""
    return re.findall(r"[a-z]+|[0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", member).lower())


def is_named_as_key(member: str) -> bool:
    """Whether its name says that it tells one record from all others."""
    return _last_word(member) in _KEYS


def _last_word(member: str) -> str:
    return next(iter(words(member)[-1:]), "")


def _none(why: str) -> Guess:
    return Guess("", doubts=(why,))


def _string(doubt: str | None = None) -> Guess:
    return Guess("string", doubts=(doubt,) if doubt else ())


def _as_string(found: Guess, texts: Sequence[str], nulls: Sequence[str]) -> Guess:
    """In a string column what looks like nothing may be meant, so it is kept."""
    if any("\0" in value for value in texts):
        return _none("it holds NUL, which no text may")
    doubts = list(found.doubts)
    named = [value for value in nulls if value]
    if named and len(named) < len(set(texts)):
        doubts.append(f"texts like {named[0]} are kept; should they count as nothing, name them in tillage.nullValues")
    is_full = not any(not value.strip(_BLANKS) for value in texts)
    return replace(found, is_full=is_full, is_unique=is_full and len(set(texts)) == len(texts), doubts=tuple(doubts))


def _typed(member: str, values: Sequence[str], *, is_text: bool) -> Guess:
    """Of distinct texts, trimmed."""
    if is_text and all(value.lower() in _BOOLEANS for value in values):
        return Guess("boolean")
    if not is_text and _all(_DIGITS, values) and _last_word(member) in _IDENTIFIERS:
        return _string()  # the sender could have written a number, and did not
    if _all(_DIGITS, values) and _is_identifier(member, values):
        return _string("digits only, but it looks like an identifier, so no digit may be lost")
    found = moment(values)
    if found is not None:
        return Guess(found.logical_type, found.date_format, doubts=found.doubts)
    return _numeric(member, values) or _spelt(member, values)


def _numeric(member: str, values: Sequence[str], currency: str | None = None) -> Guess | None:
    if _all(_INTEGER, values):
        return Guess("integer", doubts=(*_money_doubt(member, values, currency), *_sentinel(values)))
    if _all(_NUMBER, values):
        return Guess("number", doubts=(*_money_doubt(member, values, currency), *_sentinel(values)))
    return None


def _spelt(member: str, values: Sequence[str]) -> Guess:
    """Of texts that are no plain numbers."""
    if _all(_LONG_NUMBER, values):
        return _string("kept as text: as a number it has an exponent, or more digits than this version keeps")
    found = () if _last_word(member) in _IDENTIFIERS else spelt(values)
    if isinstance(found, SpeltNumbers):
        made = _numeric(member, found.plain, found.currency)
        if made is not None:
            return replace(
                made,
                number_format=found.form,
                doubts=("numberFormat: told from these values", *made.doubts),
            )
    elif found:
        one, other = (number_format(form) for form in (found[0], found[-1]))
        return _string(f"kept as text: nobody can tell whether its tillage.numberFormat is {one} or {other}")
    return _string()


def _all(pattern: re.Pattern[str], values: Iterable[str]) -> bool:
    return all(pattern.fullmatch(value) for value in values)


def _is_identifier(member: str, values: Sequence[str]) -> bool:
    has_leading_zero = any(len(value) > 1 and value.startswith("0") for value in values)
    return has_leading_zero or (_last_word(member) in _IDENTIFIERS and max(map(len, values)) > 4)


def _sentinel(values: Collection[str]) -> Iterator[str]:
    """-1 where nothing else is negative."""
    if "-1" in values and sum(value.startswith("-") for value in values) == 1 and len(values) > 2:
        yield 'if -1 stands for `there is nothing`, add {property: tillage.nullValues, value: ["-1"]}'


def _money_doubt(member: str, values: Iterable[str], currency: str | None) -> Iterator[str]:
    if currency or _MONEY & set(words(member)):
        currency = currency or "EUR"
        decimals = max(len(value.partition(".")[2].rstrip("0")) for value in values)
        has_all = decimals <= exponent(currency)
        money = currency if has_all else f"{{currency: {currency}, excessDecimals: round}}"
        yield f"if it is money, add customProperties: [{{property: tillage.money, value: {money}}}]"
