"""Everything that is wrong with one contract file, as far as its parts can be looked at one by one.

Reading a contract stops at the first error. So after one, each column is read alone, and then each dataset whose
columns are right: what one of them breaks is not said of another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tillage.contracts.compiler.check import compile_check
from tillage.contracts.contract import Contract
from tillage.contracts.document import Document, Path
from tillage.contracts.odcs.column import read_column
from tillage.contracts.odcs.contract_file import contract_document, read_contract
from tillage.contracts.odcs.dataset import read_dataset
from tillage.contracts.odcs.standard import check_standard
from tillage.contracts.tools.infer import doubts
from tillage.errors import TillageError


@dataclass(frozen=True)
class Linted:
    """What is said of one file; a contract only if there are no problems."""

    name: str
    contract: Contract | None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def lint(feed: str, name: str, text: str) -> Linted:
    """The contract of `feed` in `text`, or all that keeps it from being one; `name` is how messages call the file."""
    try:
        contract = compile_check(read_contract(feed, name, text)).contract
    except TillageError as wrong:
        found = dict.fromkeys([*_parts(name, text), str(wrong)])
        return Linted(name, None, tuple(sorted(found, key=_line)))
    return Linted(name, contract, notes=(*contract.notes, *_doubtful(text)))


def _doubtful(text: str) -> Iterator[str]:
    lines = doubts(text)
    if lines:
        shown = ", ".join(map(str, list(lines)[:20]))
        more = ", ..." if len(lines) > 20 else ""
        yield f"{len(lines)} lines marked `doubtful`; take the mark away where the guess is right: {shown}{more}"


def _line(problem: str) -> int:
    found = re.match(r".*?, line (\d+):", problem)
    return int(found[1]) if found else 0


def _parts(name: str, text: str) -> Iterator[str]:
    """What is wrong with the columns and datasets, each looked at alone."""
    try:
        document = contract_document(name, text)
    except TillageError:
        return
    schema = document.data.get("schema")
    for index, item in enumerate(schema if isinstance(schema, list) else ()):
        if isinstance(item, dict):
            yield from _dataset(document, index, item)


def _dataset(document: Document, index: int, item: Mapping[str, Any]) -> Iterator[str]:
    properties = item.get("properties")
    is_grouped = "groupBy" in str(item.get("customProperties"))
    is_right = True
    for number, column in enumerate(properties if isinstance(properties, list) else ()):
        here: Path = ("schema", 0, "properties", 0)
        moved = ("schema", index, "properties", number)
        alone = _only(document, {"name": "alone", "properties": [column]}, moved, here)
        problem = _said(alone, partial(read_column, alone, here, column, is_grouped=is_grouped))
        if problem is not None:
            is_right = False
            yield problem
    if is_right:
        alone = _only(document, item, ("schema", index), ("schema", 0))
        problem = _said(alone, partial(read_dataset, alone, ("schema", 0), item, []))
        if problem is not None:
            yield problem


def _said(document: Document, read: Callable[[], object]) -> str | None:
    try:
        check_standard(document)
        read()
    except TillageError as wrong:
        return str(wrong)
    return None


def _only(document: Document, item: Mapping[str, Any], moved: Path, to: Path) -> Document:
    """A contract of one dataset; the part at `moved` stands at `to` in it, and keeps its lines."""
    lines = {(*to, *path[len(moved) :]): line for path, line in document.lines.items() if path[: len(moved)] == moved}
    lines |= {to[:size]: lines.get(to, 1) for size in range(len(to))}
    texts = {(*to, *path[len(moved) :]): text for path, text in document.texts.items() if path[: len(moved)] == moved}
    return replace(document, data={**_HEAD, "schema": [item]}, lines=lines, texts=texts)


_HEAD = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": "alone", "version": "1.0.0", "status": "draft"}
