"""The named statements of `sql/queries.sql`."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources


@cache
def _statements() -> dict[str, str]:
    text = resources.files("tillage.stores.postgres").joinpath("sql/queries.sql").read_text()
    parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def query(name: str) -> bytes:
    """The statement of that name, with `%(parameter)s` placeholders."""
    return _statements()[name].encode()


def schema() -> bytes:
    """The statements that make an empty database a store."""
    return resources.files("tillage.stores.postgres").joinpath("sql/schema.sql").read_bytes()


def migration(version: int) -> bytes | None:
    """The statements that bring a store of the version before to `version`; None if there are none."""
    script = resources.files("tillage.stores.postgres").joinpath(f"sql/migrations/{version:04}.sql")
    return script.read_bytes() if script.is_file() else None
