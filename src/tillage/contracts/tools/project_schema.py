"""JSON Schema of `tillage.yaml`, for editors: every name that `project` reads, and no other.

It takes names and allowed values from the reader's own tables. It accepts all that the reader accepts; what a
schema cannot say it lets pass: whether a time zone exists and a schedule ever comes, whether a served path's parameter
is among its fields, escapes in `records`, that a whole number is written without a point, whether an environment's feed
is one of the project's, and that no two environments have one store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tillage.contracts import encodings, environments, project
from tillage.domain import secret
from tillage.domain.bound import PERCENT

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = Mapping[str, Any]


def closed(described: Mapping[str, Schema], names: Iterable[str], *, required: Iterable[str] = ()) -> dict[str, Any]:
    """An object of `names` and no others.

    Raises:
        KeyError: one of them is not described.
    """
    return {
        "type": "object",
        "properties": {name: described[name] for name in sorted(names)},
        "required": list(required),
        "additionalProperties": False,
    }


_MARK = r"^[^\w\\\r\n\x00\x7f-\uffff]$"
_FOLDER = r"^(?!(?:.*/)?\.{1,2}(?:/|$))(?!.*(?:[^/]\*\*|\*\*[^/]))[^/\\*?\[\x00-\x1f]+(?:/[^/\\\x00-\x1f]+)*$"
_CRON: Schema = {
    "description": "When `tillage run --watch` does it: minute, hour, day, month, weekday, in the project's time zone.",
    "type": ["string", "null"],
    "pattern": r"^\s*(?:[0-9A-Za-z*,/#-]+\s+){4}[0-9A-Za-z*,/#-]+\s*$",
    "examples": ["5 * * * *", "30 2 * * 1-5"],
}
_MAINTAIN: Mapping[str, Schema] = {"schedule": _CRON}
_PROJECT: Mapping[str, Schema] = {
    "project": {
        "description": "Name of the project; the store remembers it.",
        "type": "string",
        "pattern": f"^{project.PROJECT_NAME.pattern}$",
    },
    "feeds": {
        "description": "What arrives, by the name of the feed. Its contract is contracts/<feed>.odcs.yaml.",
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^{project.FEED_NAME.pattern}$"},
        "additionalProperties": {"$ref": "#/$defs/feed"},
    },
    "serve": {
        "description": "What `tillage serve` answers, by path with one parameter: /spend/{customerId}.",
        "type": ["object", "null"],
        "propertyNames": {"pattern": f"^{project.ROUTE.pattern}$"},
        "additionalProperties": {"$ref": "#/$defs/route"},
    },
    "timezone": {
        "description": "In which schedules are read, by its IANA name.",
        "type": "string",
        "default": "UTC",
        "examples": ["UTC", "Europe/Berlin"],
    },
    "maintain": {
        "description": "When `tillage run --watch` maintains lake and store.",
        "anyOf": [closed(_MAINTAIN, project.MAINTAIN_NAMES), {"type": "null"}],
    },
    "environments": {
        "description": "By name, a lake and a store of their own, chosen by --env or TILLAGE_ENV, and what differs.",
        "type": ["object", "null"],
        "propertyNames": {"pattern": f"^{environments.ENVIRONMENT_NAME.pattern}$"},
        "additionalProperties": {"$ref": "#/$defs/environment"},
    },
}
_FEED: Mapping[str, Schema] = {
    "path": {
        "description": "Folder in the project, or a pattern with *, ?, [..] or ** that begins with one.",
        "type": "string",
        "pattern": _FOLDER,
        "examples": ["landing/orders", "landing/date=*/orders.json*", "landing/**/orders.csv"],
    },
    "format": {"description": "How the files are written.", "enum": list(project.FORMATS), "default": "jsonl"},
    "records": {
        "description": "json: `$` for the whole document, or the list that holds the records. xml: a record's element.",
        "type": ["string", "null"],
        "examples": ["$", "$.customers[*]", "/products/product"],
    },
    "csv": {"$ref": "#/$defs/csv"},
    "sameContent": {
        "description": "Whether a file with the bytes of another one is loaded too.",
        "enum": list(project.SAME_CONTENT),
        "default": "load",
    },
    "maxQuarantine": {
        "description": "A load with more units in quarantine fails: a number, or a share of the units read.",
        "anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": f"^(?:{PERCENT.pattern})$"},
            {"type": "null"},
        ],
        "examples": ["1%", 100],
    },
    "schedule": _CRON,
    "after": {
        "description": "What becomes of a landed file once all of it is loaded and durable.",
        "enum": list(project.After),
        "default": str(project.After.KEEP),
    },
    "mirror": {
        "description": "What is kept equal to what stands: files in processed/, tables in schema mirror of the store.",
        "type": "array",
        "items": {"enum": list(project.Mirror)},
        "default": [],
    },
}
_CSV: Mapping[str, Schema] = {
    "delimiter": {
        "description": f"One ASCII character, or `{project.WHITESPACE}`. Left out: found out once, then kept.",
        "anyOf": [{"const": project.WHITESPACE}, {"type": "string", "pattern": _MARK}, {"type": "null"}],
    },
    "quote": {
        "description": "One sign of ASCII, or '' where nothing is quoted.",
        "enum": ["", *project.QUOTES],
        "default": '"',
    },
    "header": {"description": "Whether the first row holds names.", "type": "boolean", "default": True},
    "columns": {
        "description": "Names by position, instead of those in the header.",
        "type": "array",
        "items": {"type": "string", "minLength": 1},
        "uniqueItems": True,
    },
    "encoding": {
        "description": "utf-16, or any that keeps ASCII.",
        "type": "string",
        "pattern": f"^(?:{encodings.pattern()})$",
        "examples": ["utf-8", "latin-1", "iso-8859-15", "cp1252", "mac-roman", "utf-16"],
        "default": "utf-8",
    },
    "skip": {"description": "Lines at the top that are no rows.", "type": "integer", "minimum": 0, "default": 0},
}
_ROUTE: Mapping[str, Schema] = {
    "from": {"description": "Name of the model: models/<name>.sql.", "type": "string"},
    "fields": {
        "description": "Name in the answer: column of the model. The path's parameter is among the names.",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"type": "string"},
    },
    "auth": {
        "description": "The scope that a token must have, or none: anybody may. Left out: only this machine may.",
        "type": ["string", "null"],
        "pattern": f"^{project.SCOPE.pattern}$",
        "examples": ["spend:read", project.OPEN],
    },
}
_OVERRIDDEN: Mapping[str, Schema] = {"path": _FEED["path"]}
_ENVIRONMENT: Mapping[str, Schema] = {
    "store": {
        "description": "The variable or file that holds the DSN of its PostgreSQL. Left out: embedded, in data/<name>.",
        "type": ["string", "null"],
        "pattern": f"^{secret.REFERENCE.pattern}$",
        "examples": ["${env:SHOP_PROD_DSN}", "${file:/run/secrets/shop_dsn}"],
    },
    "feeds": {
        "description": "By feed, where its files arrive in this environment.",
        "type": ["object", "null"],
        "additionalProperties": closed(_OVERRIDDEN, environments.OVERRIDDEN_NAMES, required=("path",)),
    },
}
_BY_FORMAT = [
    {
        "if": {"properties": {"format": {"const": "xml"}}, "required": ["format"]},
        "then": {
            "required": ["records"],
            "properties": {"records": {"type": "string", "pattern": f"^(?:{project.XML_RECORDS.pattern})$"}},
        },
    },
    {
        "if": {"properties": {"format": {"const": "json"}}, "required": ["format"]},
        "then": {"properties": {"records": {"pattern": f"^(?:{project.JSON_RECORDS.pattern})$"}}},
    },
    {
        "if": {"properties": {"format": {"not": {"enum": ["json", "xml"]}}}},
        "then": {"properties": {"records": {"type": "null"}}},
    },
    {
        "if": {"properties": {"format": {"const": "csv"}}, "required": ["format"]},
        "else": {"properties": {"csv": False}},
    },
    {
        "if": {
            "properties": {"mirror": {"contains": {"const": str(project.Mirror.FILES)}}},
            "required": ["mirror"],
        },
        "then": {
            "properties": {
                "format": {"enum": list(project.MIRRORED_FORMATS)},
                "records": {"type": "null"},
            }
        },
    },
]


def _other_quote(mark: str) -> dict[str, Any]:
    """What parts fields does not quote them."""
    then: dict[str, Any] = {"properties": {"quote": {"not": {"const": mark}}}}
    if mark == _CSV["quote"]["default"]:
        then["required"] = ["quote"]
    return {"if": {"properties": {"delimiter": {"const": mark}}, "required": ["delimiter"]}, "then": then}


def project_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of `tillage.yaml`."""
    return {
        "$schema": DIALECT,
        "title": "tillage.yaml",
        "description": "Which door feeds what, what is served where, and in which environments.",
        **closed(_PROJECT, project.PROJECT_NAMES, required=("project", "feeds")),
        "$defs": {
            "feed": closed(_FEED, project.FEED_NAMES, required=("path",)) | {"allOf": _BY_FORMAT},
            "csv": closed(_CSV, project.CSV_NAMES)
            | {
                "if": {"properties": {"header": {"const": False}}, "required": ["header"]},
                "then": {"required": ["columns"], "properties": {"columns": {"minItems": 1}}},
                "allOf": [_other_quote(mark) for mark in project.QUOTES],
            },
            "route": closed(_ROUTE, project.ROUTE_NAMES, required=("from", "fields")),
            "environment": closed(_ENVIRONMENT, environments.ENVIRONMENT_NAMES) | {"type": ["object", "null"]},
        },
    }
