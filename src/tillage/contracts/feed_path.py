"""Reads where a feed's files arrive: a folder of the project, or a pattern that begins with one."""

from __future__ import annotations

import re
from typing import Any

from tillage.contracts.document import Document, Path

_PATH_PART = re.compile(r"[^/\\\x00-\x1f]+")


def folder_of(path: str) -> str:
    """The part of `path` that holds no wildcard: where the files lie."""
    parts = path.split("/")
    wild = next((number for number, part in enumerate(parts) if re.search(r"[*?\[]", part)), len(parts))
    return "/".join(parts[:wild])


def read_feed_path(document: Document, path: Path, folder: Any) -> str:
    """The value at `path`, with forward slashes.

    Raises:
        OperatorError: of the document's kind; it leads out of the project, or is no such pattern.
    """
    parts = folder.split("/") if isinstance(folder, str) else [""]
    if not all(_PATH_PART.fullmatch(part) and part not in {".", ".."} for part in parts) or re.search(
        r"[*?\[]", parts[0]
    ):
        raise document.wrong(
            path,
            "`path` must be a folder inside the project, like landing/orders, or a pattern that begins with one, like "
            "landing/date=*/orders.json* or landing/**/orders.csv",
        )
    if any("**" in part and part != "**" for part in parts):
        raise document.wrong(path, "`**` stands for any folders and is a whole part of `path`: landing/**/orders.csv")
    return "/".join(parts)
