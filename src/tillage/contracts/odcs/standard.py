"""Holds a contract file against the standard's own JSON Schema: its Python model drops unknown nested keys silently.

A validator's words about a nested file seldom name the culprit, so the usual slips (a misspelt key or type) are looked
for first, one by one.

Source: Open Data Contract Standard 3.2.0, bitol.io; its JSON Schema ships in `open-data-contract-standard`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from tillage.contracts.document import Document, Path, nearest

_FLAGS = ("primaryKey", "required", "unique", "partitioned", "criticalDataElement")


def check_standard(document: Document) -> None:
    """The document is valid ODCS 3.0 to 3.2.

    Raises:
        ContractError: names the line, what is wrong and, for a name, the nearest one.
    """
    import jsonschema  # noqa: PLC0415  (0.1 s that only commands which read contracts pay)

    schema = json.loads(resources.files("open_data_contract_standard").joinpath("schema.json").read_text())
    version = str(document.data.get("apiVersion", ""))
    if not re.fullmatch(r"v3\.[0-2]\.\d+", version):
        raise document.wrong(("apiVersion",), "`apiVersion` must be v3.0.x, v3.1.x or v3.2.x")
    _check_usual_slips(document, schema)
    validator = jsonschema.validators.validator_for(schema)(schema)
    error = jsonschema.exceptions.best_match(validator.iter_errors(document.data))
    if error is not None:
        path: Path = tuple(error.absolute_path)
        where = ".".join(str(step) for step in path) or "the document"
        raise document.wrong(path, f"{where} is not valid ODCS {version}: {_without_value(error)}")


def _check_usual_slips(document: Document, schema: Mapping[str, Any]) -> None:
    definitions = schema["$defs"]
    element = set(definitions["SchemaElement"]["properties"])
    dataset = element | set(definitions["SchemaObject"].get("properties", ()))
    column = element | set(definitions["SchemaBaseProperty"]["properties"]) | {"items", "properties", "map"}
    types = definitions["SchemaBaseProperty"]["properties"]["logicalType"]["enum"]
    document.check_names((), document.data, schema["properties"])
    for path, item in _datasets(document.data):
        document.check_names(path, item, dataset)
        for here, entry in _columns((*path, "properties"), item.get("properties")):
            document.check_names(here, entry, column)
            if "logicalType" not in entry:
                raise document.wrong(here, f"a column needs `logicalType`: one of {', '.join(types)}")
            document.check_names((*here, "logicalType"), [entry["logicalType"]], types)
            for flag in _FLAGS:
                if not isinstance(entry.get(flag, False), bool):
                    raise document.wrong((*here, flag), f"`{flag}` is true or false")


def _datasets(data: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    found = data.get("schema")
    for index, item in enumerate(found if isinstance(found, list) else ()):
        if isinstance(item, dict):
            yield ("schema", index), item


def _columns(path: Path, found: Any) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """All columns below `properties`, those of lists and objects too."""
    for index, item in enumerate(found if isinstance(found, list) else ()):
        if not isinstance(item, dict):
            continue
        here = (*path, index)
        yield here, item
        yield from _columns((*here, "properties"), item.get("properties"))
        inner = item.get("items")
        if isinstance(inner, dict):
            yield from _columns((*here, "items", "properties"), inner.get("properties"))


def _without_value(error: Any) -> str:
    """The validator's words, shortened: it quotes whole subtrees."""
    if error.validator in {"additionalProperties", "unevaluatedProperties"} and isinstance(error.instance, dict):
        known = sorted(error.schema.get("properties", {}))
        unknown = [key for key in error.instance if key not in known]
        if unknown and known:
            return f"unknown name '{unknown[0]}'{nearest(unknown[0], known)}"
    return error.message if len(error.message) < 300 else f"{error.message[:300]} ..."
