"""Runs the compiled check of one dataset over parsed records: units, elements of lists, what is wrong with both."""

from __future__ import annotations

from collections.abc import Collection

import duckdb
import numpy as np
import pyarrow as pa

from tillage.contracts.compiler.check import GATHERED, OPENED, Check
from tillage.contracts.contract import Dataset
from tillage.engines.lists import with_lists


class Units:
    """The units of `dataset`; `folders` are the fields of `f`."""

    def __init__(self, check: Check, dataset: Dataset, folders: Collection[str]) -> None:
        self._check = check.units(dataset, folders)
        self._control = dataset.control()

    def take(self, connection: duckdb.DuckDBPyConnection, parsed: str, into: str) -> None:
        """Runs the statement that `into` begins with the checked units of the relation `parsed`."""
        opened = f"with parsed as (from {parsed}) {self._check.opened}"
        if not self._check.lists:
            connection.execute(f"{into} with {GATHERED} as ({opened}) {self._check.judged}")
            return
        connection.register(_plain(GATHERED), self._gathered(connection, opened))
        connection.execute(f"{into} {self._check.judged}")
        connection.unregister(_plain(GATHERED))

    def _gathered(self, connection: duckdb.DuckDBPyConnection, opened: str) -> pa.Table:
        """The opened units with their lists as the check left them."""
        units = connection.sql(opened).to_arrow_table()
        units = units.append_column("_row", pa.array(np.arange(len(units))))
        connection.register(_plain(OPENED), units)
        for leaf, sql in self._check.lists:
            elements = connection.sql(sql).to_arrow_table()
            parent, control = self._control or (None, None)
            units = with_lists(units, leaf, elements, control if parent is leaf.column else None)
        connection.unregister(_plain(OPENED))
        return units


def _plain(relation: str) -> str:
    return relation.strip('"')
