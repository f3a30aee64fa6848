"""JSON Schemas of the values of this product's custom properties, by name, for editors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tillage.contracts.contract import Basis, Excess, Level, Merge, Negative
from tillage.contracts.odcs.column import COLUMN_TERMS, MAP_NAMES
from tillage.contracts.odcs.contract_file import CONTRACT_TERMS, LIMITS, UNKNOWN_FIELDS
from tillage.contracts.odcs.dataset import DATASET_TERMS, UNIT_NAMES, UNIT_PATH
from tillage.contracts.odcs.money import INPUTS, MONEY_NAMES, VAT_NAMES
from tillage.contracts.odcs.number_format import DECIMALS, GROUPS, NO_SYMBOL, NUMBER_FORMAT_NAMES
from tillage.contracts.odcs.people import ERASE
from tillage.contracts.odcs.terms import NAME
from tillage.contracts.tools.project_schema import Schema, closed
from tillage.domain.money import by_exponent

_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_YES_OR_NO: Schema = {"type": "boolean"}
_KIND_OF_PEOPLE: Schema = {"type": "string", "pattern": f"^{NAME.pattern}$"}
_CURRENCY: Schema = {"enum": sorted(code for _, codes in by_exponent() for code in codes)}
_PERCENT: Schema = {
    "anyOf": [
        {"type": "number", "minimum": 0, "exclusiveMaximum": 100},
        {"type": "string", "pattern": r"^\d+(\.\d+)?$"},
    ]
}
_RATES: Schema = {"type": "object", "minProperties": 1, "additionalProperties": _PERCENT}
_MONEY: Mapping[str, Schema] = {
    "currency": {"$ref": "#/$defs/tillage.currency"},
    "currencyBy": {"type": "string", "pattern": r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$"},
    "input": {"enum": list(INPUTS), "default": "major"},
    "excessDecimals": {"enum": [one.value for one in Excess], "default": Excess.REJECT.value},
}
_VAT: Mapping[str, Schema] = {
    "rateBy": _TEXT,
    "rates": _RATES,
    "rate": _PERCENT,
    "basis": {"enum": [one.value for one in Basis], "default": Basis.INCLUSIVE.value},
    "level": {"enum": [one.value for one in Level], "default": Level.RATE_GROUP.value},
    "validFrom": {"type": "object", "minProperties": 1, "additionalProperties": {"anyOf": [_RATES, _PERCENT]}},
    "dateBy": _TEXT,
}
_MAP: Mapping[str, Schema] = {
    "column": _TEXT,
    "values": {"type": "object", "minProperties": 1},
    "default": {"type": "string", "default": "reject"},
}
_NUMBER_FORMAT: Mapping[str, Schema] = {
    "decimal": {"enum": list(DECIMALS), "default": "."},
    "group": {"enum": list(GROUPS), "default": ""},
    "symbols": {
        "type": "array",
        "items": {"type": "string", "pattern": rf"^[^\s{NO_SYMBOL}]([^{NO_SYMBOL}]*[^\s{NO_SYMBOL}])?$"},
    },
    "negative": {"enum": [one.value for one in Negative], "default": Negative.MINUS.value},
}
_UNIT: Mapping[str, Schema] = {"groupBy": {"type": "array", "items": _TEXT, "minItems": 1}}
_VALUES: Mapping[str, Schema] = {
    "tillage.unknownFields": {"enum": list(UNKNOWN_FIELDS)},
    "tillage.limits": closed(
        {name: {"type": "integer", "minimum": 1, "maximum": most} for name, most in LIMITS.items()}, LIMITS
    ),
    "tillage.unit": {
        "anyOf": [
            {"const": "$"},
            {"type": "string", "pattern": f"^{UNIT_PATH}$"},
            closed(_UNIT, UNIT_NAMES, required=("groupBy",)),
        ]
    },
    "tillage.where": _TEXT,
    "tillage.distinct": _YES_OR_NO,
    "tillage.merge": {"enum": list(Merge)},
    "tillage.version": _TEXT,
    "tillage.aliases": _TEXTS,
    "tillage.nullValues": _TEXTS,
    "tillage.money": {
        "anyOf": [
            {"$ref": "#/$defs/tillage.currency"},
            closed(_MONEY, MONEY_NAMES) | {"oneOf": [{"required": ["currency"]}, {"required": ["currencyBy"]}]},
        ]
    },
    "tillage.vat": closed(_VAT, VAT_NAMES) | {"oneOf": [{"required": ["rate"]}, {"required": ["rateBy", "rates"]}]},
    "tillage.control": _YES_OR_NO,
    "tillage.numberFormat": closed(_NUMBER_FORMAT, NUMBER_FORMAT_NAMES) | {"minProperties": 1},
    "tillage.amount": {"type": ["string", "number"]},
    "tillage.map": closed(_MAP, MAP_NAMES, required=("column", "values")),
    "tillage.eventTime": _YES_OR_NO,
    "tillage.subject": _KIND_OF_PEOPLE,
    "tillage.aliasOf": _KIND_OF_PEOPLE,
    "tillage.erase": {"enum": list(ERASE)},
    "tillage.erases": _KIND_OF_PEOPLE,
}


def term_definitions() -> dict[str, Any]:
    """Definitions of `customProperties` as they stand on a contract, a dataset and a column.

    Raises:
        KeyError: a term that a reader knows is not described here.
    """
    return {
        "tillage.currency": _CURRENCY,
        "tillage.terms.contract": _terms(CONTRACT_TERMS),
        "tillage.terms.dataset": _terms(DATASET_TERMS),
        "tillage.terms.column": _terms(COLUMN_TERMS),
    }


def _terms(names: Iterable[str]) -> dict[str, Any]:
    """A list of custom properties: those of other tools as they like, those of this product by name."""
    names = sorted(names)
    ours = {"if": _called({"pattern": r"^tillage\."}), "then": {"properties": {"property": {"enum": names}}}}
    each = [{"if": _called({"const": name}), "then": {"properties": {"value": _VALUES[name]}}} for name in names]
    return {"type": "array", "items": {"allOf": [ours, *each]}}


def _called(name: Schema) -> dict[str, Any]:
    return {"properties": {"property": name}, "required": ["property"]}
