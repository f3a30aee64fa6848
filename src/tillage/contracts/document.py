"""A YAML document with the line of every node, so that each complaint about it can name where to look.

Names are text as they are written, and so are dates: the YAML that PyYAML reads takes `NO` for a boolean, `010` for 8,
`12:30` for 750 and fails on a day that does not exist.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import yaml

from tillage.errors import OperatorError

Path = tuple[str | int, ...]

# Far beyond what a person writes; a file beyond it would cost minutes or gigabytes.
_MOST_CHARACTERS = 4_000_000
_MOST_DEPTH = 100
_MOST_NODES = 500_000

_TAG = "tag:yaml.org,2002:"
_KEPT = ("bool", "null", "merge")
_PLAIN = {f"{_TAG}{name}" for name in ("map", "seq", "str", "int", "float", *_KEPT)}
# Digits as people write them; longer ones are no number of a contract, and Python is slow at them.
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,99})\Z")
_FLOAT = re.compile(
    r"[-+]?(?:(?:0|[1-9][0-9]{0,99})?\.[0-9]{1,99}|[1-9][0-9]{0,99}\.|(?:0|[1-9][0-9]{0,99})(?:\.[0-9]{0,99})?"
    r"[eE][-+]?[0-9]{1,3}|\.inf|\.nan)\Z"
)


class _Loader(yaml.SafeLoader):
    """Of what is written without quotes, takes for a number only what JSON would; dates stay text."""

    yaml_implicit_resolvers = {  # noqa: RUF012  (PyYAML's own place for it)
        letter: [pair for pair in pairs if pair[0] in {_TAG + name for name in _KEPT}]
        for letter, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        """With the names as they are written."""
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}


_Loader.add_implicit_resolver(f"{_TAG}int", _INTEGER, list("-+0123456789"))
_Loader.add_implicit_resolver(f"{_TAG}float", _FLOAT, list("-+0123456789."))


@dataclass(frozen=True)
class Document:
    """`data` as plain dicts and lists; `lines` maps the path of each node to its line, from 1."""

    name: str
    data: Any
    lines: Mapping[Path, int]
    error: type[OperatorError]
    texts: Mapping[Path, str] = field(default_factory=dict)
    """What stands in the file for each value that is one, whatever YAML makes of it."""
    is_kept: bool = False
    """A load was decided under this text: it was accepted once, and is read for what it meant then."""

    def text(self, path: Path, value: Any) -> str:
        """The value at `path` as it is written; `value` is what YAML makes of it.

        Raises:
            OperatorError: it is no text, and nothing shows how it is written.
        """
        if isinstance(value, str):
            return value
        if path not in self.texts or value is None:
            raise self.wrong(path, "must be a text; put it in quotes")
        return self.texts[path]

    def line(self, path: Path) -> int:
        """Where the node at `path` stands, or what holds it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def wrong(self, path: Path, message: str) -> OperatorError:
        """An error of this document's kind: file, line, and what is wrong there."""
        return self.error(f"{self.name}, line {self.line(path)}: {message}")

    def lint(self, path: Path, message: str) -> None:
        """Refuses what would be read without an effect, or what nobody means; a kept text is read on all the same.

        Raises:
            OperatorError: as `wrong`, unless the text is kept.
        """
        if not self.is_kept:
            raise self.wrong(path, message)

    def check_names(self, path: Path, found: Iterable[Any], allowed: Iterable[str]) -> None:
        """Each of `found` is one of `allowed`.

        Raises:
            OperatorError: names the unknown one, the nearest, and all that are allowed.
        """
        allowed = sorted(allowed)
        for name in found:
            if name not in allowed:
                # A list or mapping where a name belongs has no line of its own.
                where = (*path, name) if isinstance(name, str) else path
                raise self.wrong(where, f"unknown name '{name}'{nearest(name, allowed)}")


def nearest(name: Any, allowed: Iterable[str]) -> str:
    """'; did you mean ..? Allowed: ..' for an error message."""
    allowed = list(allowed)
    close = difflib.get_close_matches(str(name), allowed, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else "."
    return f"{hint} Allowed: {', '.join(allowed)}"


def read_document(name: str, text: str, error: type[OperatorError], *, is_kept: bool = False) -> Document:
    """The YAML mapping in `text`; `is_kept`: see `Document`.

    Raises:
        OperatorError: of type `error`; not YAML, no mapping, or a name given twice, with the line.
    """
    root, data = _composed(name, text, error)
    if not isinstance(data, dict):
        raise error(f"{name}, line 1: must be a mapping of names to values")
    lines: dict[Path, int] = {}
    texts: dict[Path, str] = {}
    document = Document(name, data, lines, error, texts, is_kept)
    _walk(document, root, (), lines, texts)
    return document


def _composed(name: str, text: str, error: type[OperatorError]) -> tuple[yaml.Node | None, Any]:
    """The nodes, and the same as plain data."""
    if len(text) > _MOST_CHARACTERS:
        raise error(f"{name}: has {len(text):,} characters; at most {_MOST_CHARACTERS:,} are read")
    with yaml_problems(name, error):
        root = yaml.compose(text, Loader=_Loader)
        _check_tags(name, root, error)
        return root, yaml.load(text, Loader=_Loader)  # noqa: S506  (made of the safe one)


def _check_tags(name: str, root: yaml.Node | None, error: type[OperatorError]) -> None:
    """Only what JSON has is asked for by a tag, by values that are such; and names are single values."""
    todo, seen = [root] if root else [], set[int]()
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        line = f"{name}, line {node.start_mark.line + 1}"
        is_fitting = not isinstance(node, yaml.ScalarNode) or _FITTING.get(node.tag, _ANY).match(node.value)
        if node.tag not in _PLAIN or not is_fitting:
            raise error(
                f"{line}: not read here as {node.tag.removeprefix(_TAG)}; write a plain value, or put it in quotes"
            )
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise error(f"{name}, line {key.start_mark.line + 1}: not YAML: a name must be a text")
                todo += [key, value]
        elif isinstance(node, yaml.SequenceNode):
            todo += node.value


_ANY = re.compile("")
_FITTING = {
    f"{_TAG}int": _INTEGER,
    f"{_TAG}float": re.compile(f"{_FLOAT.pattern}|{_INTEGER.pattern}"),
    f"{_TAG}bool": re.compile(r"(?i:true|false|yes|no|on|off)\Z"),
}


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


def _walk(
    document: Document, node: yaml.Node | None, path: Path, lines: dict[Path, int], texts: dict[Path, str]
) -> None:
    if node is None:
        return
    # Aliases can hold themselves, or unfold to far more than stands in the file.
    if len(path) > _MOST_DEPTH or len(lines) > _MOST_NODES:
        raise document.error(
            f"{document.name}, line {node.start_mark.line + 1}: is nested too deeply, or its aliases (`*name`) unfold "
            "to too much; write it out without aliases"
        )
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.ScalarNode):
        texts[path] = node.value
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            here = (*path, key.value)
            lines[here] = key.start_mark.line + 1
            if key.value in seen and key.value != "<<":
                raise document.wrong(here, f"'{key.value}' is given twice; keep one")
            seen.add(key.value)
            _walk(document, value, here, lines, texts)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(document, value, (*path, index), lines, texts)
