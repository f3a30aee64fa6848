"""Where a secret is kept: what project files say instead of the secret itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

REFERENCE = re.compile(r"\$\{(?:env:([A-Za-z_][A-Za-z0-9_]{0,99})|file:([^\s${}][^${}\n\r]{0,999}))\}")


class Kept(StrEnum):
    """In what a secret is kept."""

    ENV = "env"
    FILE = "file"


@dataclass(frozen=True)
class Secret:
    """The place of a secret; the secret is in no object that is shown."""

    kept: Kept
    name: str
    """Of a variable, or of a file: absolute, or relative to the project."""

    def __str__(self) -> str:
        """As messages name it."""
        return self.name if self.kept is Kept.ENV else f"file {self.name}"


def read_reference(text: str) -> Secret | None:
    """What `${env:NAME}` or `${file:PATH}` refers to; None: it is neither."""
    match = REFERENCE.fullmatch(text)
    if match is None:
        return None
    return Secret(Kept.ENV, match[1]) if match[1] else Secret(Kept.FILE, match[2].rstrip())
