"""The byte patterns under which a text may stand in a file, each of them once."""

from __future__ import annotations

import base64
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, quote_plus

SHORT = 10
"""Texts of fewer characters stand anywhere by chance, and count under conditions only."""
SHORTEST = 2
_CORE = 8  # base64 of 6 bytes: among random base64, once in 10^14 places
_EDGED_CORE = 7  # what a number of 6 digits has at two of three alignments
# What is left as it is by encoders of URLs: Python's, RFC 3986, encodeURIComponent, encodeURI, paths.
_LEFT_IN_URLS = ("", "/", "!'()*", ":/?#[]@!$&'()*+,;=", ":@!$&'()*+,;=", "/:@", "@")
_UNSAFE_IN_HTML = "'\"<>&+`"  # JSON that is made for HTML has them as \u00XX


class Form(StrEnum):
    """How a text is written."""

    PLAIN = "plain"
    UTF_16 = "utf-16"
    JSON = "json"
    URL = "url"
    XML = "xml"
    CSV = "csv"
    BASE64 = "base64"
    HEX = "hex"


class Edge(StrEnum):
    """What has to stand before and after it."""

    FREE = "free"
    """Anything."""
    TOKEN = "token"  # noqa: S105 - a word, not a secret
    """No letter or digit of ASCII, read in the same form."""
    PRINTED = "printed"
    """As before, and of printable ASCII, or an end: the pattern alone is too short to be sure."""
    WHOLE = "whole"
    """Nothing else of the same alphabet."""


@dataclass(frozen=True)
class Spelling:
    """One way to write a text."""

    form: Form
    written: bytes
    """In lower case, but for base64, in which case counts."""
    edge: Edge = Edge.FREE
    shift: int = 0
    """In base64: how many bytes of its first group stand before the text."""
    size_bytes: int = 0
    """In base64: of the text."""

    def __repr__(self) -> str:
        return f"Spelling({self.form}, ..)"


def trimmed(text: str) -> str:
    """Without what may stand around it and is no part of it."""
    return text.strip().strip("\0\ufeff").strip()


def folded(text: str) -> str:
    """Equal for two texts that differ in case, composition or blanks around them alone."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", trimmed(text)).casefold())


def is_short(text: str) -> bool:
    return len(trimmed(text)) < SHORT


def spellings(text: str, *, is_token: bool) -> list[Spelling]:
    """All ways to write the text, the plainest first; none for one that is too short to be searched.

    Args:
        is_token: It counts as a whole word or number only.
    """
    if len(trimmed(text)) < SHORTEST:
        return []
    edge = Edge.TOKEN if is_token else Edge.FREE
    found: dict[tuple[bytes, bool], Spelling] = {}
    for spelling in _all(text, edge):
        found.setdefault((spelling.written, spelling.form is Form.BASE64), spelling)
    return list(found.values())


def _all(text: str, edge: Edge) -> Iterator[Spelling]:
    whole = trimmed(text)
    cased = _cased(whole)
    for one in cased:
        yield Spelling(Form.PLAIN, _bytes(one).lower(), edge)
    for one in cased:
        for order in ("utf-16-le", "utf-16-be"):
            yield Spelling(Form.UTF_16, one.encode(order, "surrogatepass").lower(), edge)
        for form, escapes in ((Form.JSON, _json), (Form.URL, _url), (Form.XML, _xml)):
            for escaped in escapes(one):
                yield Spelling(form, _bytes(escaped).lower(), edge)
        yield Spelling(Form.CSV, _bytes(one.replace('"', '""')).lower(), edge)
    # In code each case is another pattern: as written, lower, upper.
    for one in dict.fromkeys(
        [whole, *(unicodedata.normalize("NFC", one) for one in (whole, whole.lower(), whole.upper()))]
    ):
        yield Spelling(Form.JSON, "".join(f"\\u{unit:04x}" for unit in _units(one)).encode(), edge)
        yield Spelling(Form.URL, "".join(f"%{byte:02x}" for byte in _bytes(one)).encode(), edge)
        yield Spelling(Form.HEX, _bytes(one).hex().encode(), edge)
        yield from _base64(_bytes(one), edge)
    if text != whole:
        yield from _base64(_bytes(text), edge)


def _cased(text: str) -> list[str]:
    """Case beyond ASCII, and of what is written in code, is spelled out, since only ASCII is searched in lower case."""
    if text.isascii():
        return [text.lower()]
    composed = [text, *(unicodedata.normalize(kind, text) for kind in ("NFC", "NFD"))]
    return list(
        dict.fromkeys(
            cased
            for one in composed
            for cased in (one, one.lower(), one.upper(), one.title(), one.casefold(), one.capitalize())
        )
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _units(text: str) -> list[int]:
    """The code units of UTF-16."""
    data = text.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]


def _json(text: str) -> Iterator[str]:
    for is_ascii in (True, False):
        escaped = json.dumps(text, ensure_ascii=is_ascii)[1:-1]
        # \u0022 for \": the backslash that is there belongs to the quote.
        safe = escaped.replace('\\"', "\\u0022")
        for sign in _UNSAFE_IN_HTML:
            safe = safe.replace(sign, f"\\u{ord(sign):04x}")
        for one in (escaped, safe):
            yield one
            yield one.replace("/", "\\/")


def _url(text: str) -> Iterator[str]:
    for safe in _LEFT_IN_URLS:
        yield quote(text, safe, errors="surrogatepass")
        yield quote_plus(text, safe.replace("+", ""), errors="surrogatepass")


def _xml(text: str) -> Iterator[str]:
    marked = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for quotes, apostrophe in (
        ('"', "'"),
        ("&quot;", "&apos;"),
        ("&quot;", "&#39;"),
        ("&quot;", "&#x27;"),
        ('"', "&#39;"),
    ):
        one = marked.replace('"', quotes).replace("'", apostrophe)
        yield one
        yield "".join(sign if ord(sign) < 128 else f"&#{ord(sign)};" for sign in one)
        yield "".join(sign if ord(sign) < 128 else f"&#x{ord(sign):x};" for sign in one)


def _base64(data: bytes, edge: Edge) -> Iterator[Spelling]:
    """At each place in a group of three bytes, those characters that depend on nothing but the text."""
    for shift in range(3):
        core = base64.b64encode(b"\0" * shift + data + b"\0\0")[(0, 2, 3)[shift] : (shift + len(data)) * 8 // 6]
        if len(core) >= _CORE:
            yield from _alphabets(core, edge, shift, len(data))
        elif len(core) >= _EDGED_CORE:
            yield from _alphabets(core, Edge.PRINTED, shift, len(data))
        elif shift == 0:
            yield from _alphabets(base64.b64encode(data), Edge.WHOLE, shift, len(data))


def _alphabets(core: bytes, edge: Edge, shift: int, size_bytes: int) -> Iterator[Spelling]:
    for written in (core, core.translate(bytes.maketrans(b"+/", b"-_"))):
        yield Spelling(Form.BASE64, written, edge, shift, size_bytes)
