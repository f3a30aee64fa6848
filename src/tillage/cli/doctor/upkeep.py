"""The PostgreSQL behind the project: whether one answers, whether it can be a store, and whether it is one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tillage.cli.doctor.finding import Finding, Level
from tillage.contracts.environments import Environment
from tillage.errors import StoreAwayError, TillageError
from tillage.pipelines.belonging import as_it_was
from tillage.settings import Settings
from tillage.stores.embedded.folder import StoreFolder
from tillage.stores.embedded.locks import FileLock, is_held
from tillage.stores.postgres.connecting import connect
from tillage.stores.postgres.database import translated
from tillage.stores.postgres.queries import query
from tillage.wiring import environment, given_dsn, store_dsn

_FIRST_RUN = "tillage run"


def examine_store(root: Path, settings: Settings) -> Iterator[Finding]:
    """The last finding is OK exactly if the store answers and holds a project's tables; none is made by looking."""
    here = environment(root, settings)
    data = root / here.data
    folder = StoreFolder(data / "store")
    try:
        is_given = given_dsn(root, here, settings) is not None
    except TillageError:
        return  # that is said of the environment
    if not is_given:
        if not folder.data.exists():
            yield _none(here, data, "there is none yet; the first run makes it")
            return
        if _is_left_over(folder):
            text = "an embedded PostgreSQL runs whose command was killed; the next command takes it over and stops it"
            yield Finding(Level.NOTE, "store", text, "tillage status")
    try:
        with store_dsn(root, settings) as dsn:
            yield _answering(here, data, dsn, str(here.store) if is_given else "embedded")
    except StoreAwayError as wrong:
        yield Finding(Level.WRONG, "store", str(wrong), "start that PostgreSQL, then: tillage doctor")
    except TillageError as wrong:
        yield Finding(Level.WRONG, "store", str(wrong))


def _none(of: Environment, data: Path, text: str) -> Finding:
    """An empty store is well only as long as nothing was loaded."""
    if any((data / "lake").glob("*/*/_delta_log")):
        text = f"there is none, and {of.data}/lake is full: the store of these loads is gone, or is another one"
        mend = f"{as_it_was(of)}, or put {of.data}/ back from one backup"
        return Finding(Level.WRONG, "store", text, mend)
    return Finding(Level.NOTE, "store", text, _FIRST_RUN)


def _answering(of: Environment, data: Path, dsn: str, which: str) -> Finding:
    """Connecting refuses what cannot be a store: wrong encoding, too old."""
    with (
        translated(),
        connect(dsn, autocommit=False, options="-c default_transaction_read_only=on", variable=which) as connection,
    ):
        version = connection.info.parameter_status("server_version")
        encoding = connection.info.parameter_status("server_encoding")
        is_set_up = bool(connection.execute(query("is_set_up")).fetchall()[0][0])
    about = f"{which}: PostgreSQL {version}, {encoding}"
    if not is_set_up:
        return _none(of, data, f"{about}; it is empty, the first run makes its tables")
    return Finding(Level.OK, "store", about)


def _is_left_over(folder: StoreFolder) -> bool:
    """Whether the server runs and no process uses it."""
    if not folder.server_lock.exists() or not folder.users_lock.exists() or not is_held(folder.server_lock):
        return False
    users = FileLock(folder.users_lock)
    try:
        return users.try_exclusive()
    finally:
        users.close()
