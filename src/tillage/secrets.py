"""Reads secrets from where they are kept: variables, and files as Docker and Kubernetes mount them.

No message here holds a secret, or a part of one.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tillage.domain.secret import Kept, Secret
from tillage.errors import OperatorError
from tillage.settings import Settings

_MOST_BYTES = 64 * 1024


def read_secret(root: Path, secret: Secret, settings: Settings, what: str) -> str:
    """The secret, without one line end behind it.

    Args:
        root: The project, to which the path of a file may be relative.
        what: What it is, for messages, like `the DSN of environment prod`.

    Raises:
        OperatorError: it is not there, empty, or cannot be one; the message says how to put it there.
    """
    if secret.kept is Kept.ENV:
        found = settings.variables.get(secret.name)
        if not found:
            raise OperatorError(f"{what} is in {secret}, which is not set: set it, like {secret}=...")
        return found
    return _in_file(root / secret.name, secret, what)


def _in_file(path: Path, secret: Secret, what: str) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise _wrong(what, secret, "does not exist", "mount or write it") from None
    except OSError as wrong:
        raise _wrong(what, secret, f"cannot be read ({wrong.strerror})", "let this account read it") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _wrong(what, secret, "is no regular file", "write the secret into one")
        held = os.read(descriptor, _MOST_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(held) > _MOST_BYTES:
        raise _wrong(what, secret, f"has more than {_MOST_BYTES:,} bytes", "it holds the secret and nothing else")
    try:
        text = held.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise _wrong(what, secret, "is not UTF-8", "write it as UTF-8") from None
    if not text.strip():
        raise _wrong(what, secret, "is empty", "write the secret into it")
    if "\0" in text or "\n" in text:
        raise _wrong(what, secret, "has more than one line", "it holds the secret and nothing else")
    return text


def _wrong(what: str, secret: Secret, is_wrong: str, mend: str) -> OperatorError:
    return OperatorError(f"{what} is in {secret}, which {is_wrong}; {mend}")
