"""JSON Schema of a contract, for editors: the standard's own, narrowed to what this version checks.

The standard's definitions are copied in under their own names, so that no editor has to fetch anything; those of this
product begin with `tillage.`. Names and allowed values come from the reader's own tables. It accepts all that the
reader accepts; what needs more than one place of the file (whether a named column exists, SQL, formats) it lets pass.

Source: Open Data Contract Standard 3.2.0, bitol.io, Apache-2.0; its JSON Schema ships in `open-data-contract-standard`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

from tillage.contracts.contract import Kind
from tillage.contracts.odcs.column import COLUMN_KEYS, ITEMS_KEYS, KINDS
from tillage.contracts.odcs.contract_file import CONTRACT_KEYS
from tillage.contracts.odcs.dataset import DATASET_KEYS
from tillage.contracts.odcs.freshness import FREQUENCY, LATENCY, MOST_SPAN
from tillage.contracts.odcs.freshness import UNITS as SPANS
from tillage.contracts.odcs.limits import FORMATS, OPTIONS, VALUE_ARGUMENTS
from tillage.contracts.odcs.metrics import UNITS
from tillage.contracts.odcs.people import CLASSIFICATIONS
from tillage.contracts.odcs.retention import DAYS, MOST, RETENTION, YEARS
from tillage.contracts.odcs.rules import RULE_KEYS, SEVERITIES
from tillage.contracts.odcs.service_levels import SHORT, SLA_KEYS
from tillage.contracts.odcs.standard import METRIC_OF, METRICS, OPERATORS
from tillage.contracts.odcs.terms import NAME
from tillage.contracts.tools.project_schema import DIALECT, Schema
from tillage.contracts.tools.terms_schema import term_definitions

# What says nothing may stand, as in the reader; Python holds 0 for false.
_SAYS_NOTHING: Schema = {"enum": [None, False, 0, [], {}], "description": "ODCS, but not checked by this version."}
_NAME: Schema = {"type": "string", "pattern": f"^{NAME.pattern}$"}


def contract_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a contract; it refers to nothing outside itself."""
    standard = json.loads(resources.files("open_data_contract_standard").joinpath("schema.json").read_text())
    definitions = standard.pop("$defs")
    standard.pop("$schema")
    _take_older_rules(definitions)
    return {
        "$schema": DIALECT,
        "$comment": "Definitions that do not begin with `tillage.`: Open Data Contract Standard 3.2.0, Apache-2.0.",
        "title": "A contract: contracts/<feed>.odcs.yaml",
        "allOf": [{"$ref": "#/$defs/odcs"}, {"$ref": "#/$defs/tillage.contract"}],
        "$defs": definitions | {"odcs": standard} | _own_definitions(),
    }


def _take_older_rules(definitions: dict[str, Any]) -> None:
    """Library rules as ODCS 3.0 wrote them stand beside those of 3.2, which knows `rule` but wants a metric."""
    library = definitions["DataQualityLibrary"]
    library["properties"]["validValues"] = {"type": "array", "description": "ODCS 3.0; later under `arguments`."}
    library["anyOf"] = [{"required": [name]} for name in [*library.pop("required"), "rule"]]
    told_by = definitions["DataQuality"]["allOf"][0]["if"]["anyOf"]
    told_by.append({"properties": {"rule": {"type": "string"}}, "required": ["rule"]})


def _own_definitions() -> dict[str, Any]:
    columns: Schema = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/tillage.column"}}
    contract: dict[str, Schema] = {
        "apiVersion": {"pattern": r"^v3\.[0-2]\.\d+$"},
        "schema": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/tillage.dataset"}},
        "customProperties": {"$ref": "#/$defs/tillage.terms.contract"},
        "slaProperties": {"type": "array", "items": {"$ref": "#/$defs/tillage.serviceLevel"}},
    }
    dataset: dict[str, Schema] = {
        "name": _NAME,
        "properties": columns,
        "customProperties": {"$ref": "#/$defs/tillage.terms.dataset"},
        "quality": {"items": {"$ref": "#/$defs/tillage.rule"}},
    }
    column: dict[str, Schema] = {
        "name": _NAME,
        "logicalType": {"enum": list(KINDS)},
        "classification": {"enum": list(CLASSIFICATIONS)},
        "items": {"$ref": "#/$defs/tillage.items"},
        "properties": columns,
        "customProperties": {"$ref": "#/$defs/tillage.terms.column"},
        "quality": {"items": {"if": _row_enum(), "else": {"$ref": "#/$defs/tillage.rule"}}},
    }
    items: dict[str, Schema] = {
        "logicalType": {"enum": [kind for kind in KINDS if kind != Kind.LIST]},
        "properties": columns,
        "customProperties": {"$ref": "#/$defs/tillage.terms.column"},
    }
    return term_definitions() | {
        "tillage.contract": _narrowed(contract, CONTRACT_KEYS, required=("schema",)),
        "tillage.dataset": _narrowed(dataset, DATASET_KEYS, required=("name", "properties")),
        "tillage.column": _narrowed(column, COLUMN_KEYS, required=("name", "logicalType")) | {"allOf": _options()},
        "tillage.items": _narrowed(items, ITEMS_KEYS) | {"allOf": _options()},
        "tillage.serviceLevel": _service_level(),
        "tillage.rule": {"allOf": [_rule(kind, names) for kind, names in RULE_KEYS.items()]},
    }


def _service_level() -> dict[str, Any]:
    """One of those that are applied, by either name and in any case, with the units that it is said in."""
    names = [spelling for name, short in SHORT.items() for spelling in (name, short)]
    entry: dict[str, Schema] = {"property": {"anyOf": [{"enum": names}, _in_any_case(SHORT)]}, "value": {"minimum": 1}}
    years = _if({"unit": {"enum": list(YEARS)}}, {"properties": {"value": {"maximum": MOST["years"]}}})
    spans = [spelling for spellings in SPANS.values() for spelling in spellings]
    kept = _if({"property": _in_any_case([RETENTION])}, _span([*DAYS, *YEARS], MOST["days"]) | {"allOf": [years]})
    fresh = _if({"property": _in_any_case([FREQUENCY, LATENCY])}, _span(spans, MOST_SPAN))
    whole = _narrowed(entry, {*SLA_KEYS, "customProperties"}, required=("property", "value", "unit"))
    return whole | {"allOf": [kept, fresh]}


def _in_any_case(levels: Iterable[str]) -> dict[str, Any]:
    spellings = [spelling for level in levels for spelling in (level, SHORT[level])]
    letters = ["".join(f"[{letter.upper()}{letter}]" for letter in spelling) for spelling in spellings]
    return {"pattern": f"^(?:{'|'.join(letters)})$"}


def _span(units: list[str], most: int) -> dict[str, Any]:
    value: Schema = {"type": "integer", "minimum": 1, "maximum": most}
    return {"properties": {"value": value, "unit": {"enum": units}}}


def _narrowed(narrower: Mapping[str, Schema], names: Iterable[str], *, required: Iterable[str] = ()) -> dict[str, Any]:
    """An object of the standard of which only `names` may say anything.

    Raises:
        KeyError: something is narrowed that the reader does not know.
    """
    allowed: dict[str, Any] = dict.fromkeys(sorted(names), True)
    for name, schema in narrower.items():
        if name not in allowed:
            raise KeyError(name)
        allowed[name] = schema
    return {
        "type": "object",
        "properties": allowed,
        "required": list(required),
        "additionalProperties": _SAYS_NOTHING,
    }


def _options() -> list[dict[str, Any]]:
    """The bounds that each logical type has, and no others."""
    found = []
    for kind, names in OPTIONS.items():
        options: dict[str, Any] = dict.fromkeys(sorted(names), True)
        if kind is Kind.STRING:
            options["format"] = {"enum": list(FORMATS)}
        found.append(
            _if(
                {"logicalType": {"const": kind.value}},
                {"properties": {"logicalTypeOptions": {"properties": options, "additionalProperties": False}}},
            )
        )
    return found


def _rule(kind: str, names: Iterable[str]) -> dict[str, Any]:
    rule: dict[str, Any] = dict.fromkeys(sorted(names), True) | {"severity": {"enum": list(SEVERITIES)}}
    then: dict[str, Any] = {"properties": rule, "additionalProperties": False}
    named: dict[str, Any] = {"anyOf": [{"required": ["id"]}, {"required": ["name"]}]}
    one_operator: Schema = {"oneOf": [{"required": [operator]} for operator in OPERATORS]}
    if kind == "custom":
        rule["engine"] = {"const": "tillage"}
        rule["implementation"] = {"type": "string"}
        then |= {"required": ["engine", "implementation"]} | named
    elif kind == "sql":
        then |= {"required": ["query"], "allOf": [named, one_operator]}
    else:
        rule["metric"] = {"enum": list(METRICS)}
        rule |= {"rule": {"enum": [*METRICS, *METRIC_OF]}, "validValues": {"type": "array"}}
        rule["unit"] = {"enum": list(UNITS)}
        then |= {"allOf": [one_operator, _if({"metric": {"const": "invalidValues"}}, _valued())]}
        return {"if": {"properties": {"type": {"const": kind}}}, "then": then}  # a rule without a type is one too
    return _if({"type": {"const": kind}}, then)


def _row_enum() -> dict[str, Any]:
    """A library rule that says of each value what it may be; its column reads it, and it is no rule of a dataset."""
    return {
        "properties": {"metric": {"const": "invalidValues"}, "mustBe": {"const": 0}} | _valued()["properties"],
        "required": ["metric", "mustBe"],
    }


def _valued() -> dict[str, Any]:
    arguments = {"properties": dict.fromkeys(sorted(VALUE_ARGUMENTS), True), "additionalProperties": False}
    return {"properties": {"arguments": arguments}}


def _if(where: Mapping[str, Schema], then: Schema) -> dict[str, Any]:
    return {"if": {"properties": where, "required": list(where)}, "then": then}
