"""YAML as JSON's values, each with its line: numbers keep their digits, and a word that JSON does not have is text.

So a record in a test file is the record that a shop would send: `18.50` stays `18.50`, and `2024-01-31`, `007`,
`1_000`, `12:30` and `yes` are text, though YAML 1.1 makes a date, two other numbers, minutes and a boolean of them.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from tillage.contracts.document import Document, Path, yaml_problems
from tillage.errors import OperatorError

# Beyond what a person writes. The parser takes some 20 s for the first, and aliases may unfold beyond it.
_MOST_CHARACTERS = 1_000_000
_MOST_NODES = 200_000
_MOST_DEPTH = 100
_TEXT = "tag:yaml.org,2002:str"
_BYTES = "tag:yaml.org,2002:binary"
_NULL, _BOOLEAN, _NUMBER = "json:null", "json:boolean", "json:number"
_DIGITS = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\Z")


@dataclass(frozen=True)
class Number:
    """A JSON number by its digits."""

    text: str


class _Loader(yaml.SafeLoader):
    """Tells null, booleans and numbers as JSON does; without the implicit types of YAML 1.1."""

    yaml_implicit_resolvers = {  # noqa: RUF012  (PyYAML's own place for it)
        None: [(_NULL, re.compile(r"(?:null|~|)\Z")), (_BOOLEAN, re.compile(r"(?:true|false)\Z")), (_NUMBER, _DIGITS)]
    }


def read_values(name: str, text: str, error: type[OperatorError]) -> Document:
    """The values in `text`, as dicts, lists, text, bytes, `Number`, booleans and None.

    Raises:
        OperatorError: of type `error`; not YAML, too much of it, or a name given twice, with the line.
    """
    if len(text) > _MOST_CHARACTERS:
        raise error(
            f"{name}: has {len(text):,} characters; at most {_MOST_CHARACTERS:,} are read: make two files of it"
        )
    with yaml_problems(name, error):
        root = yaml.compose(text, Loader=_Loader)
    lines: dict[Path, int] = {}
    document = Document(name, None, lines, error)
    return Document(name, _value(document, root, (), lines), lines, error)


def json_text(value: Any) -> str:
    """The value as JSON text."""
    if isinstance(value, Number):
        return value.text
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {json_text(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(json_text, value)) + "]"
    return json.dumps(value)


def check_choice(document: Document, path: Path, value: Any, allowed: Iterable[str]) -> None:
    """The value at `path` is one of `allowed`.

    Raises:
        OperatorError: of the document's kind; names the nearest, and all that are allowed.
    """
    if not isinstance(value, str):
        raise document.wrong(path, f"must be one of: {', '.join(sorted(allowed))}")
    document.check_names(path, [value], allowed)


def has_bytes(value: Any) -> bool:
    """Whether bytes are somewhere inside."""
    if isinstance(value, dict):
        return any(map(has_bytes, value.values()))
    return any(map(has_bytes, value)) if isinstance(value, list) else isinstance(value, bytes)


def _value(document: Document, node: yaml.Node | None, path: Path, lines: dict[Path, int]) -> Any:
    if node is None:
        return None
    line = node.start_mark.line + 1
    # Aliases can hold themselves, or unfold to far more than stands in the file.
    if len(path) > _MOST_DEPTH or len(lines) > _MOST_NODES:
        raise document.error(
            f"{document.name}, line {line}: is nested too deeply, or its aliases (`*name`) unfold to too much; write "
            "it out without aliases"
        )
    lines.setdefault(path, line)
    if isinstance(node, yaml.MappingNode):
        return _mapping(document, node, path, lines)
    if isinstance(node, yaml.SequenceNode):
        return [_value(document, value, (*path, index), lines) for index, value in enumerate(node.value)]
    return _scalar(document, node, path)


def _mapping(document: Document, node: yaml.MappingNode, path: Path, lines: dict[Path, int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise document.error(f"{document.name}, line {line}: a name is text, no list or mapping")
        if key.value == "<<" and key.style is None:
            raise document.error(
                f"{document.name}, line {line}: `<<` is not read; write the names out, or repeat a whole value by "
                "`&name` and `*name`"
            )
        _whole(document, key.value, path)
        if key.value in found:
            raise document.error(f"{document.name}, line {line}: '{key.value}' is given twice; keep one")
        here = (*path, key.value)
        lines[here] = line
        found[key.value] = _value(document, value, here, lines)
    return found


def _scalar(document: Document, node: yaml.Node, path: Path) -> Any:
    text = str(node.value)
    if node.tag == _TEXT:
        return _whole(document, text, path)
    if node.tag == _NULL:
        return None
    if node.tag == _BOOLEAN:
        return text == "true"
    if node.tag == _NUMBER and _DIGITS.match(text):
        return Number(text)
    if node.tag == _BYTES:
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            raise document.wrong(path, "`!!binary` is followed by bytes in base64") from None
    raise document.wrong(path, f"the tag '{node.tag}' is not read; allowed: !!str, !!binary, or none")


def _whole(document: Document, text: str, path: Path) -> str:
    """The text, in which every escape is a letter: half of a surrogate pair could not be printed or stored."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise document.wrong(path, "`\\ud800` to `\\udfff` are no letters; write the letter itself") from None
    return text
