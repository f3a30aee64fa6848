"""Where everything of one embedded server lies: data, log, locks, and a socket folder whose path is short enough."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tillage.errors import StoreError

DATABASE = "tillage"
USER = "tillage"
PORT = 5432
MAJOR_VERSION = "18"

# sun_path holds 108 bytes on Linux and 104 on macOS, the final zero included; one limit for both.
_SOCKET_PATH_LIMIT_BYTES = 103
# Both libpq's `host` and the server's `unix_socket_directories` split at commas.
_NOT_IN_A_SOCKET_PATH = frozenset(',"\n')


@dataclass(frozen=True, slots=True)
class StoreFolder:
    """The paths of one embedded server."""

    path: Path

    @property
    def data(self) -> Path:
        """PGDATA; it exists only when initdb was complete."""
        return self.path / "pg"

    @property
    def unfinished_data(self) -> Path:
        """Where initdb works until it is done."""
        return self.path / "pg.new"

    @property
    def log(self) -> Path:
        """What the server itself reports; statements and values of rows never get there."""
        return self.path / "postgres.log"

    @property
    def start_lock(self) -> Path:
        """Held by whoever starts, mends or stops the server."""
        return self.path / "start.lock"

    @property
    def users_lock(self) -> Path:
        """Held shared by each process that uses the server."""
        return self.path / "users.lock"

    @property
    def server_lock(self) -> Path:
        """Held by the processes of the server."""
        return self.path / "server.lock"

    @property
    def socket_dir(self) -> Path:
        """Inside the folder, or in the system's temporary folder when the path would be too long for a socket.

        Raises:
            StoreError: The temporary folder's path is too long as well.
        """
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        short = f"tillage-{os.geteuid()}-{digest}"
        # The last for a TMPDIR that is itself too long; `make_socket_dir` refuses what others could have put there.
        bases = (tempfile.gettempdir(), "/tmp")  # noqa: S108
        for candidate in (self.path / "run", *(Path(base, short) for base in bases)):
            if _fits_a_socket(candidate):
                return candidate
        message = f"No folder for the socket of the embedded PostgreSQL in {self.path}: set TMPDIR to a short path."
        raise StoreError(message)

    @property
    def cluster_name(self) -> str:
        """What the server calls itself: it follows a moved folder and differs for a copied one."""
        found = self.data.stat()
        return "tillage-" + hashlib.sha256(f"{found.st_dev}:{found.st_ino}".encode()).hexdigest()[:16]

    def make(self) -> None:
        """Creates the folder, private to this account.

        Raises:
            StoreError: It is there and another account's.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = self.path.stat().st_uid
        if owner != os.geteuid():
            # Also root may not: what it wrote there would lock the owner out of the own project.
            raise StoreError(
                f"{self.path} belongs to another account (user id {owner}): run the command as its owner, "
                "or use another PostgreSQL by its DSN (TILLAGE_STORE_DSN, or `store` of an environment)"
            )

    def make_socket_dir(self) -> Path:
        """Returns the socket folder, which only this account can enter.

        Raises:
            StoreError: Another account owns that name, or can enter it.
        """
        made = self.socket_dir
        with suppress(FileExistsError):
            made.mkdir(mode=0o700)
        found = made.lstat()
        is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        if is_ours and made.parent == self.path:
            made.chmod(0o700)
        elif not is_ours or stat.S_IMODE(found.st_mode) != 0o700:
            # Names in a shared temporary folder can be taken by anybody beforehand, to listen in our place.
            message = (
                f"{made} is not a folder of this account with mode 0700, so no socket is put there."
                " Remove it, or move the project to a shorter path."
            )
            raise StoreError(message)
        return made

    def remove_short_socket_dir(self) -> None:
        """Leaves nothing of a stopped server in the system's temporary folder."""
        if self.socket_dir.parent != self.path:
            with suppress(OSError):
                self.socket_dir.rmdir()


def socket_file(socket_dir: Path) -> Path:
    """The socket's file, as PostgreSQL and libpq name it."""
    return socket_dir / f".s.PGSQL.{PORT}"


def _fits_a_socket(socket_dir: Path) -> bool:
    text = str(socket_file(socket_dir))
    return len(os.fsencode(text)) <= _SOCKET_PATH_LIMIT_BYTES and _NOT_IN_A_SOCKET_PATH.isdisjoint(text)
