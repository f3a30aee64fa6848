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

OPERATORS = (
    *("mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan"),
    *("mustBeLessOrEqualTo", "mustBeBetween", "mustNotBeBetween"),
)
METRICS = ("rowCount", "nullValues", "missingValues", "invalidValues", "duplicateValues")
METRIC_OF = {"nullCheck": "nullValues", "duplicateCount": "duplicateValues", "validValues": "invalidValues"}
_LISTS = ("tags", "customProperties", "quality", "properties", "authoritativeDefinitions", "enum")
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
    errors = list(validator.iter_errors(document.data))
    # Where a part is wrong, all of the whole counts as not evaluated, and the first name of it would be blamed.
    telling = [one for one in errors if one.validator != "unevaluatedProperties"]
    error = jsonschema.exceptions.best_match(telling or errors)
    if error is not None:
        path: Path = tuple(error.absolute_path)
        where = ".".join(str(step) for step in path) or "the document"
        unknown, known = _unknown(error)
        said = f"unknown name '{unknown}'{nearest(unknown, known)}" if unknown else _shortened(error.message)
        raise document.wrong((*path, unknown), f"{where} is not valid ODCS {version}: {said}")


def _check_usual_slips(document: Document, schema: Mapping[str, Any]) -> None:
    definitions = schema["$defs"]
    element = set(definitions["SchemaElement"]["properties"])
    dataset = element | set(definitions["SchemaObject"].get("properties", ()))
    column = element | set(definitions["SchemaBaseProperty"]["properties"]) | {"items", "properties", "map"}
    types = definitions["SchemaBaseProperty"]["properties"]["logicalType"]["enum"]
    document.check_names((), document.data, schema["properties"])
    _check_lists(document, (), document.data)
    for path, item in _datasets(document.data):
        document.check_names(path, item, dataset)
        _check_lists(document, path, item)
        _check_quality(document, path, item, definitions)
        for here, entry in _columns((*path, "properties"), item.get("properties")):
            document.check_names(here, entry, column)
            _check_lists(document, here, entry)
            _check_quality(document, here, entry, definitions)
            if "logicalType" not in entry:
                raise document.wrong(here, f"a column needs `logicalType`: one of {', '.join(types)}")
            document.check_names((*here, "logicalType"), [entry["logicalType"]], types)
            for flag in _FLAGS:
                if not isinstance(entry.get(flag, False), bool):
                    raise document.wrong((*here, flag), f"`{flag}` is true or false")


def _check_lists(document: Document, path: Path, item: Mapping[str, Any]) -> None:
    for key in _LISTS:
        if key in item and not isinstance(item[key], list):
            raise document.wrong((*path, key), f"`{key}` is a list: put `- ` before each entry, or [ ] around them")
    for index, entry in enumerate(item.get("customProperties") or ()):
        if not isinstance(entry, dict) or not isinstance(entry.get("property"), str) or "value" not in entry:
            here = (*path, "customProperties", index)
            raise document.wrong(here, "an entry of `customProperties` is like {property: tillage.money, value: EUR}")


def _check_quality(document: Document, path: Path, item: Mapping[str, Any], definitions: Mapping[str, Any]) -> None:
    """A rule has the names of its type, a metric if it is one of the library, and one operator with what it takes."""
    common = set(definitions["DataQuality"]["properties"]) | set(OPERATORS)
    types = definitions["DataQuality"]["properties"]["type"]["enum"]
    of_type = {"library": "DataQualityLibrary", "sql": "DataQualitySql", "custom": "DataQualityCustom"}
    for index, rule in enumerate(item.get("quality") or ()):
        here = (*path, "quality", index)
        if not isinstance(rule, dict):
            raise document.wrong(here, "a rule is a mapping like {type: library, metric: rowCount, mustBe: 3}")
        kind = rule.get("type", "library")
        document.check_names((*here, "type"), [kind], types)
        own = set(definitions[of_type[kind]]["properties"]) if kind in of_type else set()
        document.check_names(here, rule, common | own)
        if kind == "library" and not {"type", "metric"} & rule.keys():
            continue  # a note without a type
        if kind == "library":
            if "metric" not in rule:
                raise document.wrong(here, f"a library rule needs `metric`: one of {', '.join(METRICS)}")
            document.check_names((*here, "metric"), [rule["metric"]], METRICS)
        if kind in {"library", "sql"}:
            _check_operator(document, here, rule)


def _check_operator(document: Document, path: Path, rule: Mapping[str, Any]) -> None:
    found = [operator for operator in OPERATORS if operator in rule]
    if len(found) != 1:
        raise document.wrong(path, f"a rule has one operator of: {', '.join(OPERATORS)}")
    operand = rule[found[0]]
    if found[0] in {"mustBeBetween", "mustNotBeBetween"}:
        is_pair = isinstance(operand, list) and len(operand) == 2 and all(map(_is_number, operand))
        if not is_pair or not operand[0] < operand[1]:
            raise document.wrong((*path, found[0]), f"`{found[0]}` takes two numbers, the smaller first, like [1, 5]")
    elif not _is_number(operand):
        raise document.wrong((*path, found[0]), f"`{found[0]}` takes a number")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def read_older_rules(data: Any) -> None:
    """Writes library rules of ODCS 3.0, which had `rule` and their arguments beside it, as later versions have them."""
    if not isinstance(data, dict) or not re.fullmatch(r"v3\.[01]\.\d+", str(data.get("apiVersion", ""))):
        return
    for _, item in _datasets(data):
        for _, entry in [((), item), *_columns((), item.get("properties"))]:
            found = entry.get("quality")
            for rule in found if isinstance(found, list) else ():
                if isinstance(rule, dict) and rule.get("type", "library") == "library" and "metric" not in rule:
                    _write_metric(rule)


def _write_metric(rule: dict[str, Any]) -> None:
    older = rule.get("rule")
    if older not in {*METRIC_OF, *METRICS}:
        return
    del rule["rule"]
    rule["metric"] = METRIC_OF.get(older, older)
    if "validValues" in rule:
        rule["arguments"] = {**(rule.get("arguments") or {}), "validValues": rule.pop("validValues")}
    if older == "validValues" and not any(operator in rule for operator in OPERATORS):
        rule["mustBe"] = 0


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


def _unknown(error: Any) -> tuple[str, list[str]]:
    """The name that is not known and those that are; empty where the error is another."""
    if error.validator in {"additionalProperties", "unevaluatedProperties"} and isinstance(error.instance, dict):
        known = sorted(error.schema.get("properties", {}))
        unknown = [str(key) for key in error.instance if key not in known]
        if unknown and known:
            return unknown[0], known
    return "", []


def _shortened(message: str) -> str:
    """The validator's words; it quotes whole subtrees."""
    return message if len(message) < 300 else f"{message[:300]} ..."
