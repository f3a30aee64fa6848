"""What the kernel says of a process. Source: proc(5)."""

from contextlib import suppress
from pathlib import Path


def children(pid: int) -> list[int]:
    """The processes that it started and that have not been waited for."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command_of(pid: int) -> bytes:
    """What was started; nothing where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def open_files(pid: int | str) -> list[str]:
    """What its descriptors point to, without those that it closes while they are listed."""
    found = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(descriptor.readlink()))
    return found
