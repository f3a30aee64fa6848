"""Rows of a table that are its header again, as on each page of a report, and the condition that leaves them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from tillage.contracts.sql_text import name, text
from tillage.contracts.yaml_text import quoted


def without_heads(records: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The records of which not every value is the name that it stands under."""
    return [record for record in records if any(value != member for member, value in record.items())]


def where_no_head(columns: Sequence[str], count: int) -> str | None:
    """The line of a dataset that leaves them out, whose columns are given as lines of YAML too.

    None where no column is text: in any other the header's word is a violation, and nobody can tell whose the row is.
    """
    for line in columns:
        found = yaml.safe_load(line) if line.startswith("- {") else None
        if found and found[0]["logicalType"] == "string":
            member = str(found[0].get("physicalName", found[0]["name"]))
            condition = f"{name(found[0]['name'])} is distinct from {text(member)}"
            return (
                f"    customProperties: [{{property: tillage.where, value: {quoted(condition)}}}]"
                f"  # doubtful: {count:,} records are the header again, and are no units"
            )
    return None
