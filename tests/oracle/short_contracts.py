"""Contracts and records in a line each, for tests of the oracle and of what is held against it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from tests.oracle.contract_language import Unit, judge


def contract(datasets: str, *, custom: str = "[]", version: str = "v3.2.0") -> dict[str, Any]:
    """A contract whose `schema` is the YAML `datasets`."""
    head = f"{{apiVersion: {version}, kind: DataContract, id: shop, version: 1.0.0, status: active}}"
    return {**yaml.safe_load(head), "schema": yaml.safe_load(datasets), "customProperties": yaml.safe_load(custom)}


def one(properties: str, more: str = "") -> dict[str, Any]:
    """A contract with one dataset `d`; `more` are further members of it."""
    return contract(f"- {{name: d, {more + ', ' if more else ''}properties: [{properties}]}}")


def lines(document: Mapping[str, Any], *records: str, file: str = "a.jsonl") -> list[Unit]:
    return judge(document, {file: "\n".join(records).encode()})


def only(document: Mapping[str, Any], record: str) -> Unit:
    (unit,) = lines(document, record)
    return unit


def verdicts(units: Sequence[Unit]) -> list[tuple[int, int, str, str]]:
    """(line, unit, verdict, codes)."""
    return [(unit.line, unit.unit, unit.verdict, " ".join(unit.codes)) for unit in units]


def custom(**values: Any) -> str:
    """`customProperties` with `tillage.<name>` each, as YAML."""
    entries = [{"property": f"tillage.{name}", "value": value} for name, value in values.items()]
    return f"customProperties: {json.dumps(entries)}"
