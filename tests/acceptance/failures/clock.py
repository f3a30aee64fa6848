"""A clock that is hours off, for a run and not for the machine: all other clocks that the run can see are put off.

A process can tell what its own clock says only by comparing it: with PostgreSQL's, and with the times of files. So
these are moved, which needs no rights and no other program. PostgreSQL looks for `now()` in the schemas of the search
path, and finds one that a test has put before its own.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import psycopg
from psycopg import sql


def put_off(root: Path, dsn: str, hours: int) -> None:
    """From here on PostgreSQL's clock and every file of the project are so many hours ahead."""
    set_clock(dsn, hours)
    for path in root.rglob("*"):
        found = path.lstat()
        times = (found.st_atime_ns, found.st_mtime_ns)
        os.utime(path, ns=(*(time + hours * 3600 * 10**9 for time in times),), follow_symlinks=False)


def set_clock(dsn: str, hours: int) -> None:
    """What `now()` is in this database: at once for sessions since the first call, and for all new ones."""
    with psycopg.connect(dsn) as store:
        store.execute("create schema if not exists clock")
        store.execute(
            sql.SQL(
                "create or replace function clock.now() returns timestamptz language sql stable "
                "as $$ select pg_catalog.now() + make_interval(hours => {}) $$"
            ).format(hours)
        )
        path = sql.SQL("alter database {} set search_path = clock, pg_catalog, public")
        store.execute(path.format(sql.Identifier(store.info.dbname)))


def off_by(dsn: str) -> timedelta:
    """How far from this machine's clock the time is that the last sealed load got from the product's own statement."""
    with psycopg.connect(dsn) as store:
        ((found,),) = store.execute(
            "select sealed_at - clock_timestamp() from tillage.loads order by load_seq desc limit 1"
        ).fetchall()
    assert isinstance(found, timedelta)
    return found
