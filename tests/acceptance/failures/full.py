"""Runs the command while a part of the project lies on a disk that is full; in a mount namespace of its own.

    python -m tests.acceptance.failures.full ROOT PART MARGIN_BYTES

PART is `data/lake` or `data/store`. It is put on a disk in memory with so much room left; the command is run; the disk
is made larger; the command is run again, and everything is put back. Prints one line of JSON: how both ended. Ends with
77 where this account may not mount.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

from tests.acceptance.failures.commands import has_second, tillage

NOT_ALLOWED = 77
_NEW_NAMESPACE, _NEW_USER = 0x00020000, 0x10000000
_REMOUNT, _RECURSIVE, _PRIVATE = 32, 16384, 1 << 18
_ROOMY_BYTES = 1024**3
_PAGE_BYTES = 4096
_libc = ctypes.CDLL(None, use_errno=True)


def main(root: Path, part: str, margin_bytes: int) -> None:
    place, kept = root / part, root.parent / "kept"
    try:
        enter_namespace()
        shutil.copytree(place, kept, symlinks=True)
        mount(place, _ROOMY_BYTES)
    except OSError as wrong:
        print(f"this account may not mount: {wrong.strerror}", file=sys.stderr)
        sys.exit(NOT_ALLOWED)
    shutil.copytree(kept, place, symlinks=True, dirs_exist_ok=True)
    found = os.statvfs(place)
    used_bytes = (found.f_blocks - found.f_bfree) * found.f_frsize
    mount(place, used_bytes // _PAGE_BYTES * _PAGE_BYTES + margin_bytes, _REMOUNT)
    failed = tillage(root, "run", "--json")
    is_in_bronze = has_second(root)
    mount(place, _ROOMY_BYTES, _REMOUNT)
    again = tillage(root, "run", "--json")
    after = tillage(root, "dump", "--canonical")
    print(json.dumps([asdict(failed), is_in_bronze, asdict(again), asdict(after)]))


def enter_namespace() -> None:
    """What is mounted from here on nobody else sees, and it is gone with this process."""
    uid, gid = os.geteuid(), os.getegid()
    check(_libc.unshare(_NEW_NAMESPACE | (0 if uid == 0 else _NEW_USER)))
    if uid:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")
    check(_libc.mount(None, b"/", None, _RECURSIVE | _PRIVATE, None))


def mount(place: Path, size_bytes: int, flags: int = 0) -> None:
    check(_libc.mount(b"tmpfs", os.fsencode(place), b"tmpfs", flags, f"size={size_bytes},mode=0700".encode()))


def check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
