"""Opens sessions of the store, and tells a store that is away from one that can never be used as it is set up."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from tillage.errors import StoreAwayError, StoreError

_CONNECT_TIMEOUT_S = 10
_ENCODING = "UTF8"
_OLDEST_VERSION = 15  # `nulls not distinct`, which the keys of folds need
_UNKNOWN_HOST = "failed to resolve host"  # psycopg's own words, in no other language
# What a server that is full answers; it says so in its own language, so elsewhere this is taken for a refusal.
_TOO_MANY = "53300"
_FULL = ("too many clients", "too many connections", "connection slots are reserved")


def connect(
    dsn: str, *, autocommit: bool, options: str = "", variable: str = "TILLAGE_STORE_DSN"
) -> psycopg.Connection[Any]:
    """A session in UTF-8 on both sides; `variable` is what the DSN came from, as messages call it.

    Raises:
        StoreAwayError: nobody answers; later somebody may.
        StoreError: the DSN is wrong, the server refuses it, or the database cannot hold what a store must.
    """
    try:
        connection = psycopg.connect(
            dsn, autocommit=autocommit, options=options, connect_timeout=_CONNECT_TIMEOUT_S, client_encoding=_ENCODING
        )
    except psycopg.ProgrammingError as wrong:
        raise _unreadable(variable) from wrong
    except psycopg.OperationalError as wrong:
        raise _not_connected(dsn, wrong, variable) from wrong
    try:
        _refuse_unfit(connection)
    except StoreError:
        connection.close()
        raise
    return connection


def _not_connected(dsn: str, wrong: psycopg.OperationalError, variable: str) -> StoreError | StoreAwayError:
    """A failed connection carries no SQLSTATE, and its text no fixed language; libpq's ping tells the cases apart."""
    if _UNKNOWN_HOST in str(wrong):
        return StoreError(f"the host in {variable} is not known here (no address); correct its name")
    if wrong.sqlstate == _TOO_MANY or any(text in str(wrong) for text in _FULL):
        return _too_many()
    if wrong.sqlstate is None:
        answer = pq.PGconn.ping(make_conninfo(dsn, connect_timeout=_CONNECT_TIMEOUT_S).encode())
        if answer == pq.Ping.NO_ATTEMPT:
            return _unreadable(variable)
        if answer == pq.Ping.OK:
            return StoreError(
                f"the PostgreSQL of {variable} is up and refuses this connection: check the user, its password, "
                "and that the database exists (createdb), then try: psql with the same DSN"
            )
    return StoreAwayError("the store does not answer (no connection); is PostgreSQL up? Then repeat the command")


def _too_many() -> StoreAwayError:
    """The server is up, and full."""
    return StoreAwayError(
        "PostgreSQL has no connection left for this command; end sessions that are not needed, or raise "
        "max_connections, then repeat the command"
    )


def _unreadable(variable: str) -> StoreError:
    # Never the text itself: it may hold a password.
    return StoreError(f"{variable} is no libpq connection string; write it like: host=db dbname=shop user=tillage")


def _refuse_unfit(connection: psycopg.Connection[Any]) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != _ENCODING:
        raise StoreError(
            f"the database has the encoding {encoding}, in which keys would be changed; it must be {_ENCODING}. "
            f"Make it anew: create database ... encoding '{_ENCODING}' template template0"
        )
    major = connection.info.server_version // 10000
    if major < _OLDEST_VERSION:
        raise StoreError(f"the store is PostgreSQL {major}; it must be {_OLDEST_VERSION} or newer")
