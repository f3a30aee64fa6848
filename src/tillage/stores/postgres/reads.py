"""Sessions of the store that only read, for a server that answers many at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from tillage.errors import ModelsChangedError, StoreAwayError
from tillage.stores.postgres.database import translated
from tillage.stores.postgres.vault import raise_if_rotated

_Connection = psycopg.AsyncConnection[tuple[Any, ...]]

# A look-up takes well under a millisecond. One that waits longer than this waits for a model that is being computed
# anew, or for a server in trouble: the caller hears "come back later" while it still listens.
_PATIENCE_S = 3.0
# Beyond the patience for a session and that for its statement, which the pool and PostgreSQL keep themselves.
_GRACE_S = 1.0
# Enough to keep one PostgreSQL core busy; the embedded server shares 100 connections with every command of the project.
_MOST_CONNECTIONS = 8
# How long the pool itself goes on trying before it leaves the next attempt to the next request. Its delays double, so
# with the default of 5 minutes a server that is back would be left alone for up to 2 more.
_RECONNECT_S = 2.0

# To plan a look-up takes four times as long as to do it, so that is done once a session: the plan for any keys is by
# the index, and PostgreSQL makes it anew when a table is analysed or replaced.
_SESSION = (
    "-c timezone=UTC -c datestyle=ISO -c standard_conforming_strings=on"
    f" -c default_transaction_read_only=on -c statement_timeout={int(_PATIENCE_S * 1000)}"
    " -c plan_cache_mode=force_generic_plan"
)


class Reads:
    """A pool of sessions; never more statements run at a time than it has.

    Args:
        role: What they may see no more than; None: all that the account may.
    """

    def __init__(self, dsn: str, role: str | None = None) -> None:
        self._dsn = dsn
        self._options = _SESSION if role is None else f"{_SESSION} -c role={role}"
        self._pool: AsyncConnectionPool[_Connection] | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Statements can be asked inside; it may be entered again. A store that is away does not prevent it."""
        pool: AsyncConnectionPool[_Connection] = AsyncConnectionPool(
            self._dsn,
            kwargs={
                "autocommit": True,
                "client_encoding": "UTF8",
                "prepare_threshold": 0,
                "options": self._options,
                "connect_timeout": 5,
                "tcp_user_timeout": 5000,
            },
            min_size=1,
            max_size=_MOST_CONNECTIONS,
            timeout=_PATIENCE_S,
            reconnect_timeout=_RECONNECT_S,
            open=False,
        )
        await pool.open()
        self._pool = pool
        try:
            yield
        finally:
            self._pool = None
            await pool.close()

    async def fetch(self, statement: bytes, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """All rows of a statement, which is prepared.

        Raises:
            StoreAwayError: the store does not answer, or not in time.
            ModelsChangedError: what is asked for is not there any more, or not of these columns.
            StoreError: it refused the statement.
        """
        if self._pool is None:
            raise StoreAwayError("the look-ups are closed; start the server: tillage serve")
        asking = asyncio.create_task(self._asked(self._pool, statement, values))
        # The driver has no limit of its own, and cancelling it waits for the server: a server that stands still keeps
        # the session, of which there are few, and nobody who asks.
        done, _ = await asyncio.wait({asking}, timeout=2 * _PATIENCE_S + _GRACE_S)
        if not done:
            asking.add_done_callback(lambda late: late.cancelled() or late.exception())  # nobody hears of it any more
            raise StoreAwayError("the store does not answer in time; is PostgreSQL up? Then: tillage run")
        return asking.result()

    async def _asked(
        self, pool: AsyncConnectionPool[_Connection], statement: bytes, values: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        with translated():
            try:
                return await _executed(pool, statement, values)
            except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
                raise ModelsChangedError(
                    "a model was changed since this server started; restart it: tillage serve"
                ) from None
            except psycopg.Error as wrong:
                raise_if_rotated(wrong)
                if not isinstance(wrong, psycopg.OperationalError) or not _is_broken(wrong):
                    raise
                # A server that was restarted forgot its connections; what only reads may be repeated.
                await pool.check()
                return await _executed(pool, statement, values)


async def _executed(
    pool: AsyncConnectionPool[_Connection], statement: bytes, values: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    async with pool.connection() as connection:
        try:
            return await (await connection.execute(statement, values)).fetchall()
        except psycopg.errors.FeatureNotSupported:  # its model was made anew with columns of other types
            await connection.execute(b"deallocate all")
            return await (await connection.execute(statement, values)).fetchall()


def _is_broken(wrong: psycopg.OperationalError) -> bool:
    """Whether the connection is, and not the statement refused."""
    return not isinstance(wrong, PoolTimeout) and (wrong.sqlstate is None or wrong.sqlstate.startswith("57P"))
