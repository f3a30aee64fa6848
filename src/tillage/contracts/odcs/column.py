"""One entry of `properties`: a column with where its values come from, its type and its bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tillage.contracts import json_path
from tillage.contracts.compiler import amount, moment
from tillage.contracts.compiler.shape import NOTE, ROWS
from tillage.contracts.contract import ClassMap, Column, FieldPath, Kind
from tillage.contracts.document import Document, Path, nearest
from tillage.contracts.odcs.applied import check_applied, check_element, check_inside
from tillage.contracts.odcs.limits import read_limits
from tillage.contracts.odcs.money import read_money, read_vat
from tillage.contracts.odcs.number_format import read_number_format
from tillage.contracts.odcs.people import read_person
from tillage.contracts.odcs.terms import Terms, column_name, only, own_terms, yes_or_no

COLUMN_KEYS = {
    *("name", "physicalName", "physicalType", "logicalType", "logicalTypeOptions", "primaryKey", "primaryKeyPosition"),
    *("required", "items", "properties", "customProperties", "description", "businessName", "examples", "tags"),
    *("semanticType", "id", "authoritativeDefinitions", "criticalDataElement", "enum", "quality", "classification"),
    "relationships",
}
ITEMS_KEYS = {"logicalType", "properties", "description", "name", "required", "logicalTypeOptions", "enum"}
ITEMS_KEYS |= {"customProperties"}
COLUMN_TERMS = {
    *("tillage.aliases", "tillage.nullValues", "tillage.money", "tillage.vat", "tillage.control", "tillage.amount"),
    *("tillage.map", "tillage.eventTime", "tillage.numberFormat", "tillage.subject", "tillage.aliasOf"),
    "tillage.erase",
}
MAP_NAMES = {"column", "values", "default"}
KINDS = {kind.value: kind for kind in Kind}
_SCALARS = {kind for kind in Kind if kind not in {Kind.LIST, Kind.OBJECT}}
_FORMATTED = {Kind.DATE, Kind.TIMESTAMP, Kind.TIME}


def read_column(
    document: Document,
    path: Path,
    item: Mapping[str, Any],
    *,
    is_inside: bool = False,
    is_inside_list: bool = False,
    is_grouped: bool = False,
) -> Column:
    """The column described at `path`; `is_inside`: a list or object. `is_grouped`: its dataset gathers rows, so that a
    list may be made of them.

    Raises:
        ContractError: a wrong value, or a rule that this version cannot check.
    """
    only(document, path, item, COLUMN_KEYS, "property")
    name = column_name(document, path, item, "column")
    kind = _kind(document, path, item)
    terms = own_terms(document, path, item, COLUMN_TERMS)
    money = read_money(document, terms.at("tillage.money"), kind, terms.get("tillage.money"))
    check_applied(document, path, item, terms)
    if is_inside:
        check_inside(document, path, item)
    if kind is Kind.LIST and is_grouped and not is_inside_list:
        paths = _rows_path(document, path, item, terms)
    else:
        paths = _sources(document, path, item, terms, is_inside_list=is_inside_list)
    date_format, time_zone, has_offset = _format(document, path, kind, item)
    person = read_person(document, path, item, terms, kind=kind, is_inside=is_inside)
    items, is_scalar_list = _items(document, path, item, kind, is_inside_list=is_inside_list)
    return Column(
        name=name,
        paths=paths,
        kind=kind,
        is_required=bool(item.get("required") or item.get("primaryKey")),
        null_values=_null_values(document, kind, terms),
        limits=read_limits(document, path, kind, item, money),
        date_format=date_format,
        time_zone=time_zone,
        has_offset=has_offset,
        number_format=read_number_format(
            document, terms.at("tillage.numberFormat"), kind, terms.get("tillage.numberFormat")
        ),
        money=money,
        vat=read_vat(document, terms.at("tillage.vat"), money, terms["tillage.vat"])
        if "tillage.vat" in terms
        else None,
        is_event_time=_is_event_time(document, kind, terms, is_inside_list=is_inside_list),
        is_personal=person.is_personal,
        subject=person.subject,
        alias_of=person.alias_of,
        is_hashed=person.is_hashed,
        is_control=yes_or_no(document, terms, "tillage.control") and money is not None,
        amount=_amount(document, money, terms),
        class_map=_class_map(document, kind, terms),
        items=items,
        is_scalar_list=is_scalar_list,
        description=item.get("description") or "",
    )


def _kind(document: Document, path: Path, item: Mapping[str, Any]) -> Kind:
    logical = item.get("logicalType", "string")
    if logical not in KINDS:
        raise document.wrong((*path, "logicalType"), f"'{logical}' is not checked yet{nearest(logical, KINDS)}")
    return KINDS[logical]


def _is_event_time(document: Document, kind: Kind, terms: Terms, *, is_inside_list: bool) -> bool:
    is_marked = yes_or_no(document, terms, "tillage.eventTime")
    if is_marked and (kind not in {Kind.DATE, Kind.TIMESTAMP} or is_inside_list):
        document.lint(
            terms.at("tillage.eventTime"), "tillage.eventTime is for one date or timestamp of the unit itself"
        )
    return is_marked


def _sources(
    document: Document, path: Path, item: Mapping[str, Any], terms: Terms, *, is_inside_list: bool
) -> tuple[FieldPath, ...]:
    """Where the values come from; nowhere for a column that is made of others."""
    if "tillage.amount" not in terms and "tillage.map" not in terms:
        return _paths(document, path, item, terms, is_inside_list=is_inside_list)
    if "physicalName" in item or "tillage.aliases" in terms:
        raise document.wrong(path, "a column made of others has no physicalName and no aliases")
    return ()


def _rows_path(document: Document, path: Path, item: Mapping[str, Any], terms: Terms) -> tuple[FieldPath, ...]:
    if "physicalName" in item or "tillage.aliases" in terms:
        raise document.wrong((*path, "physicalName"), "a list of a grouped unit is made of its rows; leave it out")
    return (FieldPath((ROWS,)),)


def _paths(
    document: Document, path: Path, item: Mapping[str, Any], terms: Terms, *, is_inside_list: bool
) -> tuple[FieldPath, ...]:
    aliases = terms.get("tillage.aliases", [])
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        raise document.wrong(terms.at("tillage.aliases"), "tillage.aliases is a list of names")
    if aliases and item.get("logicalType") == Kind.OBJECT:
        raise document.wrong(terms.at("tillage.aliases"), "tillage.aliases: give them to the members of the object")
    spellings = dict.fromkeys([item.get("physicalName", item["name"]), *aliases])
    paths = tuple(_path(document, path, spelling) for spelling in spellings)
    if is_inside_list and any(found.is_from_record for found in paths):
        raise document.wrong((*path, "physicalName"), "inside a list a column cannot name a field of the record")
    return paths


def _path(document: Document, path: Path, physical: str) -> FieldPath:
    steps = json_path.member(physical) if physical.startswith("$") else (physical,)
    if steps is None:
        raise document.wrong(
            (*path, "physicalName"),
            "must be a member's name, or like '$.customerId' or \"$['Customer ID']\" from the record",
        )
    found = FieldPath(steps, is_from_record=physical.startswith("$"))
    if {NOTE, ROWS} & set(found.steps) or not all(found.steps):
        raise document.wrong((*path, "physicalName"), f"a member's name cannot be empty, '{NOTE}' or '{ROWS}'")
    return found


def _items(
    document: Document, path: Path, item: Mapping[str, Any], kind: Kind, *, is_inside_list: bool
) -> tuple[tuple[Column, ...], bool]:
    """Columns of a list's elements or an object's members, and whether the list is one of scalars."""
    if kind is Kind.OBJECT:
        return _members(document, (*path, "properties"), item.get("properties"), is_inside_list=is_inside_list), False
    if kind is not Kind.LIST:
        return (), False
    inner = item.get("items") or {}
    here = (*path, "items")
    only(document, here, inner, ITEMS_KEYS, "list's items")
    logical = inner.get("logicalType", "object")
    if is_inside_list or logical == Kind.LIST:
        raise document.wrong(here, "no lists inside lists in this version")
    check_element(document, here, inner, COLUMN_TERMS, is_object=logical == Kind.OBJECT)
    if logical == Kind.OBJECT:
        return _members(document, (*here, "properties"), inner.get("properties"), is_inside_list=True), False
    element = {key: value for key, value in inner.items() if key != "properties"} | {"name": "value"}
    return (read_column(document, here, element, is_inside=True, is_inside_list=True),), True


def _members(document: Document, path: Path, properties: Any, *, is_inside_list: bool) -> tuple[Column, ...]:
    if not properties:
        raise document.wrong(path[:-1], "`properties` must list what it holds (of a list: under `items`)")
    return tuple(
        read_column(document, (*path, index), entry, is_inside=True, is_inside_list=is_inside_list)
        for index, entry in enumerate(properties)
    )


def _null_values(document: Document, kind: Kind, terms: Terms) -> tuple[str, ...]:
    path = terms.at("tillage.nullValues")
    values = terms.get("tillage.nullValues", [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise document.wrong(path, 'tillage.nullValues is a list of texts in quotes, like ["", "ERROR", "-1"]')
    if values and (kind not in _SCALARS):
        raise document.wrong(path, "tillage.nullValues: give them to the values inside")
    return tuple(values)


def _format(
    document: Document, path: Path, kind: Kind, item: Mapping[str, Any]
) -> tuple[str | None, str | None, bool | None]:
    """Format, time zone, and whether the offset must be there."""
    if kind not in _FORMATTED:
        return None, None, None
    options = item.get("logicalTypeOptions") or {}
    pattern, zone = options.get("format"), options.get("defaultTimezone")
    if pattern is not None:
        wrong = moment.check_format(kind, str(pattern))
        if wrong:
            raise document.wrong((*path, "logicalTypeOptions", "format"), f"format '{pattern}': {wrong}")
    if zone is not None and not moment.is_zone(zone):
        raise document.wrong((*path, "logicalTypeOptions"), "`defaultTimezone` must be like Europe/Berlin or UTC")
    has_offset = options.get("timezone")
    if pattern is not None and has_offset is not None and moment.says_offset(str(pattern)) is not has_offset:
        holds = "no offset (like XXX)" if has_offset else "an offset"
        document.lint(
            (*path, "logicalTypeOptions", "timezone"),
            f"`timezone: {str(has_offset).lower()}`, but the format has {holds}",
        )
    return (None if pattern is None else str(pattern)), zone, has_offset


def _amount(document: Document, money: Any, terms: Terms) -> str | None:
    path = terms.at("tillage.amount")
    if "tillage.amount" not in terms:
        return None
    if money is None:
        raise document.wrong(path, "tillage.amount needs tillage.money on the same column")
    expression = str(terms["tillage.amount"])
    try:
        amount.read_amount(expression)
    except ValueError as wrong:
        raise document.wrong(path, f"tillage.amount: {wrong}") from None
    return expression


def _class_map(document: Document, kind: Kind, terms: Terms) -> ClassMap | None:
    path, value = terms.at("tillage.map"), terms.get("tillage.map")
    if value is None:
        return None
    if kind is not Kind.STRING or not isinstance(value, dict):
        raise document.wrong(path, "tillage.map makes a string column: {column: product, values: {Cola: beverage}}")
    document.check_names(path, value, MAP_NAMES)
    values = value.get("values")
    default = document.text((*path, "default"), value.get("default", "reject"))
    if not isinstance(value.get("column"), str) or not isinstance(values, dict) or not values:
        raise document.wrong(path, "tillage.map needs `column: <column>` and `values: {spelling: class}`")
    pairs = tuple((spelling, document.text((*path, "values", spelling), known)) for spelling, known in values.items())
    return ClassMap(value["column"], pairs, None if default == "reject" else default)
