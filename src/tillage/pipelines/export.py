"""`tillage export`: tables as files for others, each whole or not there at all, all of one set of loads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tillage.domain.export import Form
from tillage.pipelines.house import House
from tillage.pipelines.sources import pinned, refuse_unknown
from tillage.ports.export import ExportTarget, Source, Written


@dataclass(frozen=True)
class ExportedTable:
    """A table and the file that it was written to."""

    source: Source
    file: Written

    def said(self) -> dict[str, Any]:
        """As the manifest and `--json` say it."""
        return {
            "table": self.source.name,
            "file": self.file.file,
            "rows": self.file.rows,
            "size_bytes": self.file.size_bytes,
            "sha256": self.file.sha256,
            "loads": dict(self.source.loads),
            "build": self.source.build,
            "digest": self.source.digest,
            "currencies": self.source.currencies(),
        }


@dataclass(frozen=True)
class Exported:
    """What one export wrote, and where."""

    location: str
    tables: tuple[ExportedTable, ...]


def export(house: House, tables: Sequence[str], target: ExportTarget, form: Form) -> Exported:
    """Writes the tables, named as `tillage query` names them, in that order.

    What the store has of them is drawn first, so that it keeps nothing back for as long as files are written.

    Raises:
        ExportError: no table has that name, a value does not fit the form, the place is taken or cannot be written.
        TransientError: another export writes there; loads kept being published.
    """
    refuse_unknown(house, tables)
    with ExitStack() as stack:
        out = stack.enter_context(target.opened())
        with pinned(house, tables) as sources:
            drawn = stack.enter_context(house.exports.drawn(sources))
        done = []
        for source in sources:
            house.say(f"{source.name}: writing {form.format}")
            written = out.write(source, drawn.rows(source, form), _about(house, source, form))
            done.append(ExportedTable(source, written))
        out.finish(_manifest(house, done, form))
    return Exported(target.location(), tuple(done))


def _about(house: House, source: Source, form: Form) -> dict[str, str]:
    return {"table": source.name, "amounts": form.amounts} | about_of(house, source)


def about_of(house: House, source: Source) -> dict[str, str]:
    """What a copy of the table says of itself, as texts: no time, so that equal rows are equal copies."""
    found = {
        "project": house.project.name,
        "loads": json.dumps(dict(source.loads)),
        "digest": source.digest,
        "currencies": json.dumps(source.currencies(), ensure_ascii=False),
    }
    return found | ({"build": str(source.build)} if source.build is not None else {})


def _manifest(house: House, done: Sequence[ExportedTable], form: Form) -> Mapping[str, Any]:
    return {
        "project": house.project.name,
        "format": form.format,
        "amounts": form.amounts,
        "tables": [one.said() for one in done],
    }
