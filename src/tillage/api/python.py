"""The project as Python code reads it: one class, made by `tillage.open`."""

from __future__ import annotations

import os
import weakref
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from tillage.errors import OperatorError, QueryError
from tillage.pipelines.query import query
from tillage.settings import read_settings
from tillage.wiring import find_project, open_house

if TYPE_CHECKING:
    import pyarrow as pa

    from tillage.pipelines.house import House


class OpenProject:
    """Keeps a project's store up until `close`, the end of a `with` block, or until nothing refers to it any more.

    Project file, contracts and models are read once, when it is made. For one thread at a time.
    """

    def __init__(self, project: str | os.PathLike[str], env: str | None = None) -> None:
        if not isinstance(project, str | os.PathLike):
            raise OperatorError(f"`open` takes the project's folder, not {type(project).__name__}: tillage.open('.')")
        self.root = find_project(Path(project))
        self._stack = ExitStack()
        self._house: House | None = self._stack.enter_context(
            open_house(self.root, read_settings(env=env), say=lambda _: None)
        )
        # For `tillage.open(".").query(sql)`: nobody closes that, and its PostgreSQL must not stay behind.
        self._close = weakref.finalize(self, self._stack.close)

    def query(self, sql: str) -> pa.Table:
        """The rows of one SELECT as an Arrow table; nothing can be changed.

        Amounts are whole minor units, as the columns' names say; times are in UTC.

        Raises:
            QueryError: no text, not one SELECT, or wrong SQL.
            OperatorError: it was closed.
            TransientError: the store does not answer; the same call may succeed later.
        """
        if not isinstance(sql, str):
            raise QueryError(
                f"`query` takes one SELECT as text, not {type(sql).__name__}: query('from silver.<dataset>')"
            )
        if self._house is None:
            raise OperatorError("this project was closed; open it again: tillage.open(...)")
        return query(self._house, sql)

    def close(self) -> None:
        """Lets the store go; the last one that uses an embedded one stops it. May be called again."""
        self._house = None
        self._close()

    def __enter__(self) -> OpenProject:
        return self

    def __exit__(self, kind: type[BaseException] | None, wrong: BaseException | None, at: TracebackType | None) -> None:
        self.close()
