"""Guesses a contract from records: what every one of them allows, with each doubtful guess marked in a comment.

What no column could read from all of the records is left out, with a comment that says why.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tillage.contracts.compiler.shape import NOTE, ROWS
from tillage.contracts.compiler.text_members import TEXT, is_leaf
from tillage.contracts.tools.guess import Guess, Seen, guess, is_named_as_key, words
from tillage.contracts.tools.repeated_head import where_no_head, without_heads
from tillage.contracts.yaml_text import listed, number_format, quoted, word
from tillage.errors import OperatorError

MOST_COLUMNS = 2_000  # of one contract: beyond, names of members are values that belong elsewhere
_MOST_DEPTH = 8  # of objects in objects
_FEW = 100
_PATH_STEP = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
_DOUBT = re.compile(r"#[^#]*?doubtful: (.*)$")


@dataclass
class _Member:
    """What was seen under one name."""

    count: int = 0
    """Of records that hold it, and not null."""
    seen: Seen = field(default_factory=Seen)
    objects: list[Mapping[str, Any]] = field(default_factory=list)
    list_count: int = 0
    elements: list[Any] = field(default_factory=list)

    @property
    def kinds(self) -> set[str]:
        found = {"value": len(self.seen), "object": len(self.objects), "list": self.list_count}
        return {kind for kind, count in found.items() if count}


@dataclass(frozen=True)
class _Place:
    """Where columns stand."""

    is_text: bool
    records: int
    """How many there are of what holds them."""
    key: str | None = None
    is_always: bool = True
    """Every record has what holds them, so that they may be required."""
    is_inside_list: bool = False
    depth: int = 0


def infer_contract(feed: str, records: Sequence[Mapping[str, Any]], *, is_text: bool, head: Sequence[str] = ()) -> str:
    """The text of an ODCS contract: a dataset of the feed's name, and one for each list whose elements hold lists.

    Args:
        feed: also the name of the first dataset.
        records: a sample; numbers are a subclass of str, with the digits as they stand in the file.
        is_text: the values came as text (CSV, XML).
        head: more comments for its top.

    Raises:
        OperatorError: no column can be made of them, or far too many.
    """
    rows = without_heads(records) if is_text else records
    if 0 < len(rows) < len(records):
        without = _inferred(feed, rows, is_text=is_text, head=head, head_rows=len(records) - len(rows))
        if without is not None:
            return without
    return str(_inferred(feed, records, is_text=is_text, head=head))


def _inferred(
    feed: str, records: Sequence[Mapping[str, Any]], *, is_text: bool, head: Sequence[str], head_rows: int = 0
) -> str | None:
    """As `infer_contract`; None where `head_rows` more records, which repeat the header, cannot be left out."""
    members = _members(records, is_text=is_text)
    units = {name: member for name, member in members.items() if _is_unit(name, member)}
    plain = {name: member for name, member in members.items() if name not in units}
    place = _Place(is_text, len(records), key=_key(feed, plain, len(records), is_text=is_text))
    lines, names = [], {feed}
    columns = _columns(plain, place, set())
    where = where_no_head(columns, head_rows) if head_rows else ""
    if where is None:
        return None
    if _holds_columns(columns):
        lines += [f"  - name: {word(feed)}", *_without_key(place), *filter(None, [where])]
        lines += ["    properties:", *_indented(columns, 6)]
    for name, member in units.items():
        lines += _unit(name, member, place, plain, names)
    if not lines:
        raise OperatorError(
            f"feed {feed}: no column can be told from the {len(records)} records that were looked at; write "
            f"contracts/{feed}.odcs.yaml by hand, as docs/reference/contracts.md shows"
        )
    if sum(map(_is_column, lines)) > MOST_COLUMNS:
        raise OperatorError(
            f"feed {feed}: the records have more than {MOST_COLUMNS:,} different members; where names are values, they "
            f"cannot be columns. Write contracts/{feed}.odcs.yaml by hand and name those that count"
        )
    top = [
        f"# Guessed from {len(records):,} records. Lines marked `doubtful` want a look; then: tillage contract lint",
        *(f"# {line}" for line in head),
        *(
            "apiVersion: v3.2.0",
            "kind: DataContract",
            f"id: {word(feed)}",
            "version: 1.0.0",
            "status: draft",
            "schema:",
        ),
    ]
    return "\n".join([*top, *lines]) + "\n"


def doubts(text: str) -> dict[int, str]:
    """The doubts that a text made here holds, by line."""
    found = ((number, _DOUBT.search(line)) for number, line in enumerate(text.split("\n"), start=1))
    return {number: match[1] for number, match in found if match}


def column_name(member: str, taken: set[str]) -> str:
    """Snake case in plain letters, unique among `taken`, to which it is added."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", member)
    plain = unicodedata.normalize("NFKD", spaced.casefold())
    found = re.sub(r"[^a-z0-9]+", "_", re.sub(r"[\u0300-\u036f]", "", plain)).strip("_")[:50].rstrip("_") or "column"
    found = found if found[0].isalpha() else f"c_{found}"
    unique, number = found, 1
    while unique in taken:
        number += 1
        unique = f"{found}_{number}"
    taken.add(unique)
    return unique


def _members(records: Iterable[Mapping[str, Any]], *, is_text: bool) -> dict[str, _Member]:
    """By name, in the order in which they are met."""
    found: dict[str, _Member] = {}
    for record in records:
        for name, value in record.items():
            member = found.get(name)
            if member is None:
                member = found[name] = _Member()
            if value is not None:
                _take(member, value)
    return {name: _as_read(member) for name, member in found.items()} if is_text else found


def _as_read(member: _Member) -> _Member:
    """As the check reads what is made of elements: one of a list, a blank one, and one with attributes and text."""
    texts = member.seen.texts
    if member.list_count:
        ones = [*(text for text in texts if text.strip()), *member.objects]
        return _Member(member.count, list_count=member.list_count, elements=[*member.elements, *ones])
    if texts and member.objects:
        if all(is_leaf(one) for one in member.objects):
            return _Member(member.count, Seen([*texts, *(str(one.get(TEXT, "")) for one in member.objects)]))
        if not any(text.strip() for text in texts):
            return _Member(len(member.objects), objects=member.objects)
    return member


def _take(member: _Member, value: Any) -> None:
    member.count += 1
    if type(value) is str:
        member.seen.texts.append(value)
    elif isinstance(value, str):
        member.seen.numbers.append(str(value))
    elif isinstance(value, dict):
        member.objects.append(value)
    elif isinstance(value, list):
        member.list_count += 1
        member.elements += value
    else:
        member.seen.booleans += 1


def _is_unit(name: str, member: _Member) -> bool:
    """Whether its elements are documents with lists of their own, which no list may hold: units."""
    return (
        member.kinds == {"list"}
        and bool(_PATH_STEP.fullmatch(name))
        and all(isinstance(element, dict) for element in member.elements)
        and any(isinstance(value, list) for element in member.elements for value in element.values())
    )


def _unit(name: str, member: _Member, place: _Place, plain: Mapping[str, _Member], names: set[str]) -> list[str]:
    """A dataset whose units are the elements of a list; with the key of the record that they lie in."""
    dataset = column_name(name, names)
    members = _members(member.elements, is_text=place.is_text)
    key = _key(dataset, members, len(member.elements), is_text=place.is_text)
    inner = replace(place, records=len(member.elements), key=key)
    taken: set[str] = set()
    lines = []
    if place.key is not None and _PATH_STEP.fullmatch(place.key):
        one = guess(place.key, plain[place.key].seen, is_text=place.is_text)
        parent = column_name(f"parent_{place.key}", taken)
        lines.append(f"- {{name: {parent}, physicalName: $.{place.key}, logicalType: {one.logical_type}}}")
    columns = [*lines, *_columns(members, inner, taken)]
    if not _holds_columns(columns):
        return [f"  # left out, doubtful: {quoted(name)}: its elements have no member that can be read"]
    return [
        f"  - name: {word(dataset)}",
        *_without_key(inner),
        f'    customProperties: [{{property: tillage.unit, value: "$.{name}[*]"}}]',
        "    properties:",
        *_indented(columns, 6),
    ]


def _without_key(place: _Place) -> list[str]:
    if place.key is not None:
        return []
    return ["    # doubtful: no key: nothing that is called like one is unique; a record sent twice counts twice"]


def _key(feed: str, members: Mapping[str, _Member], count: int, *, is_text: bool) -> str | None:
    """The member that is named and filled like a key; one that is named after the feed first."""
    found = []
    for name, member in members.items():
        if member.kinds != {"value"} or member.count != count or not is_named_as_key(name) or _hidden(name):
            continue
        one = guess(name, member.seen, is_text=is_text)
        if one.is_unique and one.logical_type in {"string", "integer"}:
            found.append(name)
    own = {"".join(words(feed)), "".join(words(feed)).removesuffix("s"), ""}
    named = [name for name in found if "".join(words(name)[:-1]) in own]
    return next(iter([*named, *found]), None)


def _columns(members: Mapping[str, _Member], place: _Place, taken: set[str]) -> list[str]:
    """Their lines, without indentation."""
    lines: list[str] = []
    lowered: set[str] = set()
    for name, member in members.items():
        why = _hidden(name) or ("another one differs from it in case only" if name.lower() in lowered else "")
        lowered.add(name.lower())
        lines += [_left_out(name, why)] if why else _column(name, member, place, taken)
    return lines


def _hidden(name: str) -> str:
    """Why a member of that name cannot be read; empty if it can."""
    if not name or name.startswith("$") or name in {NOTE, ROWS}:
        return "no column can read a member of that name"
    return ""


def _column(name: str, member: _Member, place: _Place, taken: set[str]) -> list[str]:
    column = column_name(name, taken)
    head = [f"name: {word(column)}", *([f"physicalName: {quoted(name)}"] if column != name else [])]
    kinds = member.kinds
    if kinds == {"value"}:
        return _scalar(name, head, member, place)
    if kinds == {"object"}:
        return _object(name, head, member, place)
    if kinds == {"list"}:
        return _list(name, head, member, place)
    if kinds:
        return [_left_out(name, "it is a value, and an object or a list")]
    if place.is_text:
        return [f"- {{{', '.join(head)}, logicalType: string}}  # doubtful: it is never anything but empty"]
    return [_left_out(name, "it is never anything but null")]


def _left_out(name: str, why: str) -> str:
    return f"# left out, doubtful: {quoted(name)}: {why}"


def _scalar(name: str, head: Sequence[str], member: _Member, place: _Place) -> list[str]:
    one = guess(name, member.seen, is_text=place.is_text)
    if not one.logical_type:
        return [_left_out(name, one.doubts[0])]
    parts, found = [*head, *_type(one)], list(one.doubts)
    if name == place.key and not place.depth:
        parts.append("primaryKey: true")
        found.append(f"the key: it is unique in these {place.records:,} records")
    elif place.is_always and member.count == place.records and one.is_full:
        parts.append("required: true")
        if place.records < _FEW:
            found.append(f"required: all of only {place.records} have it")
    return [f"- {{{', '.join(parts)}}}{_marked(found)}"]


def _type(one: Guess) -> list[str]:
    parts = [f"logicalType: {one.logical_type}"]
    if one.date_format:
        parts.append(f"logicalTypeOptions: {{format: {quoted(one.date_format)}}}")
    terms = []
    if one.number_format:
        terms.append(f"{{property: tillage.numberFormat, value: {number_format(one.number_format)}}}")
    if one.null_values:
        terms.append(f"{{property: tillage.nullValues, value: {listed(one.null_values)}}}")
    if terms:
        parts.append(f"customProperties: [{', '.join(terms)}]")
    return parts


def _object(name: str, head: Sequence[str], member: _Member, place: _Place) -> list[str]:
    if place.depth == _MOST_DEPTH:
        return [_left_out(name, f"it lies in {_MOST_DEPTH} objects")]
    inner = replace(
        place,
        records=len(member.objects),
        is_always=place.is_always and member.count == place.records,
        depth=place.depth + 1,
    )
    columns = _columns(_members(member.objects, is_text=place.is_text), inner, set())
    if not _holds_columns(columns):
        return [_left_out(name, "it has no member that can be read")]
    return [*_block(head), "  logicalType: object", "  properties:", *_indented(columns, 4)]


def _list(name: str, head: Sequence[str], member: _Member, place: _Place) -> list[str]:
    if place.is_inside_list:
        return [_left_out(name, "it is a list inside a list")]
    if member.elements and all(isinstance(element, dict) for element in member.elements):
        inner = replace(place, records=len(member.elements), is_inside_list=True, is_always=True, depth=place.depth + 1)
        columns = _columns(_members(member.elements, is_text=place.is_text), inner, set())
        if not _holds_columns(columns):
            return [_left_out(name, "its elements have no member that can be read")]
        items = ["  logicalType: array", "  items:", "    logicalType: object", "    properties:"]
        return [*_block(head), *items, *_indented(columns, 6)]
    values = _Member()
    for element in member.elements:
        if element is not None:
            _take(values, element)
    if values.kinds - {"value"}:
        return [_left_out(name, "a list of lists, or of objects and something else")]
    one = guess(name, values.seen, is_text=place.is_text) if values.kinds else Guess("string")
    if not one.logical_type:
        return [_left_out(name, f"of its elements: {one.doubts[0]}")]
    marks = one.doubts if values.kinds else ("the lists are all empty",)
    return [f"- {{{', '.join(head)}, logicalType: array, items: {{{', '.join(_type(one))}}}}}{_marked(marks)}"]


def _marked(found: Sequence[str]) -> str:
    return f"  # doubtful: {'; '.join(found)}" if found else ""


def _block(head: Sequence[str]) -> list[str]:
    return [f"- {head[0]}", *(f"  {part}" for part in head[1:])]


def _indented(lines: Iterable[str], width: int) -> list[str]:
    return [" " * width + line for line in lines]


def _is_column(line: str) -> bool:
    return line.lstrip().startswith(("- {name:", "- name:"))


def _holds_columns(lines: Iterable[str]) -> bool:
    return any(map(_is_column, lines))
