"""Reads an ODCS contract file; what is wrong in it is refused with the line, what is allowed, and the nearest name.

The document is held against the standard's own JSON Schema first: its Python model drops unknown nested keys silently.
What this version cannot check is refused too, so that no rule is ever read and then not applied.

Source: Open Data Contract Standard 3.2.0, bitol.io; its JSON Schema ships in `open-data-contract-standard`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from importlib import resources
from typing import Any

from tillage.contracts.contract import Basis, Column, Contract, Dataset, Kind, Level, Vat
from tillage.contracts.document import Document, Path, nearest, read_document
from tillage.contracts.shape import NOTE
from tillage.domain import money
from tillage.errors import ContractError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PROPERTY_KEYS = {
    *("name", "physicalName", "physicalType", "logicalType", "primaryKey", "primaryKeyPosition", "required", "items"),
    *("properties", "customProperties", "description", "businessName", "examples", "tags", "semanticType", "id"),
    *("authoritativeDefinitions", "criticalDataElement"),
}
_SCHEMA_KEYS = {
    *("name", "physicalName", "physicalType", "logicalType", "properties", "customProperties", "description"),
    *("businessName", "tags", "id", "authoritativeDefinitions", "dataGranularityDescription"),
}
_CONTRACT_KEYS = {
    *(
        "apiVersion",
        "kind",
        "id",
        "name",
        "version",
        "status",
        "tenant",
        "domain",
        "dataProduct",
        "description",
        "schema",
    ),
    *("tags", "authoritativeDefinitions", "support", "price", "team", "roles", "servers", "contractCreatedTs"),
    "customProperties",
}
_COLUMN_CUSTOM = {"tillage.money", "tillage.vat"}
_DATASET_CUSTOM = {"tillage.unit"}
_KINDS = {kind.value: kind for kind in Kind}


def digest_of(text: str) -> str:
    """SHA-256 of the contract's text in hex: what a load pins."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_contract(feed: str, name: str, text: str) -> Contract:
    """The contract of `feed` in `text`; `name` is how messages call the file.

    Raises:
        ContractError: not valid ODCS, a wrong value, or a rule that this version cannot check.
    """
    document = read_document(name, text, ContractError)
    _check_standard(document)
    _only(document, (), document.data, _CONTRACT_KEYS, "contract")
    _custom(document, (), document.data, set())
    datasets = tuple(_dataset(document, index, item) for index, item in enumerate(document.data.get("schema") or ()))
    if not datasets:
        raise document.wrong((), "`schema` must list at least one dataset")
    names = [dataset.name for dataset in datasets]
    for index, dataset in enumerate(names):
        if dataset in names[:index]:
            raise document.wrong(("schema", index), f"dataset '{dataset}' is described twice")
    return Contract(feed, digest_of(text), datasets)


def _check_standard(document: Document) -> None:
    import jsonschema  # noqa: PLC0415  (0.1 s that only commands which read contracts pay)

    schema = json.loads(resources.files("open_data_contract_standard").joinpath("schema.json").read_text())
    version = str(document.data.get("apiVersion", ""))
    if not re.fullmatch(r"v3\.[0-2]\.\d+", version):
        raise document.wrong(("apiVersion",), "`apiVersion` must be v3.0.x, v3.1.x or v3.2.x")
    validator = jsonschema.validators.validator_for(schema)(schema)
    error = jsonschema.exceptions.best_match(validator.iter_errors(document.data))
    if error is not None:
        path: Path = tuple(error.absolute_path)
        where = ".".join(str(step) for step in path) or "the document"
        raise document.wrong(path, f"{where} is not valid ODCS {version}: {_without_value(error)}")


def _without_value(error: Any) -> str:
    """The validator's words, shortened: it quotes whole subtrees."""
    if error.validator in {"additionalProperties", "unevaluatedProperties"} and isinstance(error.instance, dict):
        known = sorted(error.schema.get("properties", {}))
        unknown = [key for key in error.instance if key not in known]
        if unknown and known:
            return f"unknown name '{unknown[0]}'{nearest(unknown[0], known)}"
    return error.message if len(error.message) < 300 else f"{error.message[:300]} ..."


def _dataset(document: Document, index: int, item: Mapping[str, Any]) -> Dataset:
    path: Path = ("schema", index)
    _only(document, path, item, _SCHEMA_KEYS, "dataset")
    name = item.get("name", "")
    if not _NAME.fullmatch(name):
        raise document.wrong((*path, "name"), "a dataset's name is lower case letters, digits and _, up to 63")
    custom = _custom(document, path, item, _DATASET_CUSTOM)
    unit_path = _unit_path(document, path, custom.get("tillage.unit", "$"))
    properties = item.get("properties") or []
    columns = tuple(_column(document, (*path, "properties", i), p, depth=0) for i, p in enumerate(properties))
    _check_columns(document, (*path, "properties"), columns)
    keyed = [
        (p.get("primaryKeyPosition", -1), c) for p, c in zip(properties, columns, strict=True) if p.get("primaryKey")
    ]
    for _, column in keyed:
        if column.kind is Kind.LIST:
            raise document.wrong(path, f"column '{column.name}' is a list and cannot be a primary key")
    key = tuple(column.stored_name for _, column in sorted(keyed, key=lambda pair: pair[0]))
    return Dataset(name, unit_path, columns, key, item.get("description", ""))


def _only(document: Document, path: Path, item: Mapping[str, Any], allowed: set[str], what: str) -> None:
    for key, value in item.items():
        if key not in allowed and value not in (None, False, [], {}):
            raise document.wrong(
                (*path, key),
                f"'{key}' of a {what} is ODCS, but this version does not check it; remove it. "
                f"Checked now: {', '.join(sorted(allowed))}",
            )


def _custom(document: Document, path: Path, item: Mapping[str, Any], allowed: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for index, entry in enumerate(item.get("customProperties") or ()):
        name = entry.get("property", "")
        if not name.startswith("tillage."):
            continue  # another tool's
        here = (*path, "customProperties", index)
        document.check_names(here, [name], allowed)
        if name in found:
            raise document.wrong(here, f"'{name}' is given twice; keep one")
        found[name] = entry.get("value")
    return found


def _unit_path(document: Document, path: Path, value: Any) -> tuple[str, ...]:
    if value == "$":
        return ()
    match = re.fullmatch(r"\$((?:\.[A-Za-z_][\w-]*)+)\[\*\]", value) if isinstance(value, str) else None
    if match is None:
        raise document.wrong(path, "tillage.unit must be '$' or like '$.orders[*]' (the elements of one list)")
    return tuple(match[1][1:].split("."))


def _column(document: Document, path: Path, item: Mapping[str, Any], *, depth: int) -> Column:
    _only(document, path, item, _PROPERTY_KEYS, "property")
    name = item.get("name", "")
    if not _NAME.fullmatch(name):
        raise document.wrong((*path, "name"), "a column's name is lower case letters, digits and _, up to 63")
    logical = item.get("logicalType", "string")
    if logical not in _KINDS:
        raise document.wrong((*path, "logicalType"), f"'{logical}' is not checked yet{nearest(logical, _KINDS)}")
    custom = _custom(document, path, item, _COLUMN_CUSTOM)
    is_from_record, steps = _value_path(document, path, item.get("physicalName", name))
    if is_from_record and depth:
        raise document.wrong((*path, "physicalName"), "inside a list a column cannot name a field of the record")
    kind = _KINDS[logical]
    return Column(
        name=name,
        path=steps,
        kind=kind,
        is_from_record=is_from_record,
        is_required=bool(item.get("required") or item.get("primaryKey")),
        currency=_currency(document, path, kind, custom.get("tillage.money")),
        vat=_vat(document, path, custom) if "tillage.vat" in custom else None,
        items=_items(document, path, item, depth) if kind is Kind.LIST else (),
        description=item.get("description", ""),
    )


def _value_path(document: Document, path: Path, physical: str) -> tuple[bool, tuple[str, ...]]:
    if not physical.startswith("$"):
        is_from_record = False
        steps: tuple[str, ...] = (physical,)
    elif re.fullmatch(r"\$(\.[A-Za-z_][\w-]*)+", physical):
        steps, is_from_record = tuple(physical[2:].split(".")), True
    else:
        raise document.wrong((*path, "physicalName"), "must be a member's name, or like '$.customerId' from the record")
    if NOTE in steps or not all(steps):
        raise document.wrong((*path, "physicalName"), f"a member's name cannot be empty or '{NOTE}'")
    return is_from_record, steps


def _items(document: Document, path: Path, item: Mapping[str, Any], depth: int) -> tuple[Column, ...]:
    inner = item.get("items") or {}
    _only(document, (*path, "items"), inner, {"logicalType", "properties", "description", "name"}, "list's items")
    if depth or inner.get("logicalType", "object") != "object" or not inner.get("properties"):
        raise document.wrong(
            (*path, "items"),
            "a list needs `items` with `logicalType: object` and `properties`; no lists inside lists yet",
        )
    here = (*path, "items", "properties")
    columns = tuple(_column(document, (*here, i), p, depth=depth + 1) for i, p in enumerate(inner["properties"]))
    _check_columns(document, here, columns)
    return columns


def _check_columns(document: Document, path: Path, columns: tuple[Column, ...]) -> None:
    if not columns:
        raise document.wrong(path, "`properties` must list at least one column")
    stored: dict[str, int] = {}
    for index, column in enumerate(columns):
        names = [column.stored_name, *(("net_minor", "vat_bp") if column.vat else ())]
        for name in names:
            if name in stored:
                raise document.wrong((*path, index), f"'{name}' would be stored twice")
            stored[name] = index
        if column.vat:
            by = next((c for c in columns if c.name == column.vat.rate_by), None)
            if by is None or by.kind is not Kind.STRING or not by.is_required:
                raise document.wrong((*path, index), "`rateBy` must name a required string column beside the amount")


def _currency(document: Document, path: Path, kind: Kind, value: Any) -> str | None:
    if value is None:
        return None
    if kind is not Kind.NUMBER:
        raise document.wrong(path, "tillage.money needs `logicalType: number`")
    if not isinstance(value, str):
        raise document.wrong(path, "tillage.money must be a currency code like EUR; other forms are not checked yet")
    try:
        money.exponent(value)
    except ValueError as wrong:
        raise document.wrong(path, f"tillage.money '{value}': {wrong}") from None
    return value


def _vat(document: Document, path: Path, custom: Mapping[str, Any]) -> Vat:
    value = custom["tillage.vat"]
    if "tillage.money" not in custom:
        raise document.wrong(path, "tillage.vat needs tillage.money on the same column")
    if not isinstance(value, dict):
        raise document.wrong(path, "tillage.vat must be a mapping with `rateBy` and `rates`")
    document.check_names(path, value, {"rateBy", "rates", "basis", "level"})
    rates = value.get("rates")
    if not isinstance(value.get("rateBy"), str) or not isinstance(rates, dict) or not rates:
        raise document.wrong(path, "tillage.vat needs `rateBy: <column>` and `rates: {class: percent}`")
    basis, level = value.get("basis", "inclusive"), value.get("level", "rate_group")
    document.check_names(path, [basis], [b.value for b in Basis])
    document.check_names(path, [level], [x.value for x in Level])
    rates_bp = tuple((str(name), _basis_points(document, path, rate)) for name, rate in rates.items())
    return Vat(value["rateBy"], rates_bp, Basis(basis), Level(level))


def _basis_points(document: Document, path: Path, rate: Any) -> int:
    if isinstance(rate, bool) or not isinstance(rate, int | float | str) or not re.fullmatch(r"\d+(\.\d+)?", str(rate)):
        raise document.wrong(path, "a rate is a percentage like 7 or 5.5")
    points = Decimal(str(rate)) * 100
    if points != int(points) or not 0 <= points < 10_000:
        raise document.wrong(path, "a rate is from 0 up to 99.99 percent with at most two decimals")
    return int(points)
