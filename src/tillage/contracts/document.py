"""A YAML document with the line of every node, so that each complaint about it can name where to look."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import yaml

from tillage.errors import OperatorError

Path = tuple[str | int, ...]

# Far beyond what a person writes; a file beyond it would cost minutes or gigabytes.
_MOST_CHARACTERS = 4_000_000
_MOST_DEPTH = 100
_MOST_NODES = 500_000


@dataclass(frozen=True)
class Document:
    """`data` as plain dicts and lists; `lines` maps the path of each node to its line, from 1."""

    name: str
    data: Any
    lines: Mapping[Path, int]
    error: type[OperatorError]

    def wrong(self, path: Path, message: str) -> OperatorError:
        """An error of this document's kind: file, line, and what is wrong there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.error(f"{self.name}, line {self.lines.get(path, 1)}: {message}")

    def check_names(self, path: Path, found: Iterable[Any], allowed: Iterable[str]) -> None:
        """Each of `found` is one of `allowed`.

        Raises:
            OperatorError: names the unknown one, the nearest, and all that are allowed.
        """
        allowed = sorted(allowed)
        for name in found:
            if name not in allowed:
                raise self.wrong((*path, name), f"unknown name '{name}'{nearest(name, allowed)}")


def nearest(name: Any, allowed: Iterable[str]) -> str:
    """'; did you mean ..? Allowed: ..' for an error message."""
    allowed = list(allowed)
    close = difflib.get_close_matches(str(name), allowed, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else "."
    return f"{hint} Allowed: {', '.join(allowed)}"


def read_document(name: str, text: str, error: type[OperatorError]) -> Document:
    """The YAML mapping in `text`.

    Raises:
        OperatorError: of type `error`; not YAML, no mapping, or a name given twice, with the line.
    """
    root, data = _composed(name, text, error)
    if not isinstance(data, dict):
        raise error(f"{name}, line 1: must be a mapping of names to values")
    lines: dict[Path, int] = {}
    document = Document(name, data, lines, error)
    _walk(document, root, (), lines)
    return document


def _composed(name: str, text: str, error: type[OperatorError]) -> tuple[yaml.Node | None, Any]:
    """The nodes, and the same as plain data."""
    if len(text) > _MOST_CHARACTERS:
        raise error(f"{name}: has {len(text):,} characters; at most {_MOST_CHARACTERS:,} are read")
    with yaml_problems(name, error):
        return yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)


@contextmanager
def yaml_problems(name: str, error: type[OperatorError]) -> Iterator[None]:
    """What PyYAML raises inside becomes an error of the file `name`, with the line where it has one."""
    try:
        yield
    except yaml.MarkedYAMLError as wrong:
        line = wrong.problem_mark.line + 1 if wrong.problem_mark else 1
        raise error(f"{name}, line {line}: not YAML: {wrong.problem}") from None
    except yaml.YAMLError:
        raise error(f"{name}: not YAML: it holds a character that YAML does not allow") from None
    except RecursionError:
        raise error(f"{name}: is nested too deeply") from None


def _walk(document: Document, node: yaml.Node | None, path: Path, lines: dict[Path, int]) -> None:
    if node is None:
        return
    # Aliases can hold themselves, or unfold to far more than stands in the file.
    if len(path) > _MOST_DEPTH or len(lines) > _MOST_NODES:
        raise document.error(
            f"{document.name}, line {node.start_mark.line + 1}: is nested too deeply, or its aliases (`*name`) unfold "
            "to too much; write it out without aliases"
        )
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            here = (*path, key.value)
            lines[here] = key.start_mark.line + 1
            if key.value in seen and key.value != "<<":
                raise document.wrong(here, f"'{key.value}' is given twice; keep one")
            seen.add(key.value)
            _walk(document, value, here, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(document, value, (*path, index), lines)
