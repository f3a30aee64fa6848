"""What stands around a pattern: whether it is a whole word or number there, and in which field of JSON."""

from __future__ import annotations

import base64
import re

from tillage.scans.forms import Edge, Form, Spelling

LOOK_BYTES = 512
"""How far from a pattern anything is looked at."""
_NAMED_NUMBER = re.compile(
    # Quotes may be escaped any number of times: the log of a Delta table has statistics as JSON in a JSON string.
    rb'(?P<quote>\\*")(?P<name>[^"\\]{1,200})(?P=quote)[ \t\r\n]*:'
    rb"[ \t\r\n]*(?:\[[-+0-9.eE, \t\r\n\[\]]*)?-?[0-9]*\.?[0-9]*\Z"
)
_NUMBER_ENDS = re.compile(rb"[0-9]*(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?[ \t\r\n]*(?:[,}\]]|\Z)")
_ESCAPE_BEFORE = re.compile(rb"(?:\\[nrtbf]|%[0-9a-f]{2}|\\u[0-9a-f]{4}|&#?[0-9a-z]{1,7};)\Z", re.IGNORECASE)
_ESCAPE_AFTER = re.compile(rb"%[0-9a-f]{2}|\\u[0-9a-f]{4}|&#x?[0-9a-f]{1,6};", re.IGNORECASE)
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_SIGNS = tuple(bytes([sign]) for sign in _ALPHABET)
_HEX_BEFORE = re.compile(rb"[0-9a-f]*\Z", re.IGNORECASE)
_HEX_AFTER = re.compile(rb"[0-9a-f]*", re.IGNORECASE)
_TEXT_BYTES = {*b"\t\n", *range(0x20, 0x7F)}  # these stand before a word in any text, and say no length
_PRINTABLE = range(0x20, 0x7F)


def holds(spelling: Spelling, data: bytes, start: int, end: int) -> bool:
    """Whether what has to stand around the pattern does."""
    if spelling.edge is Edge.FREE:
        return True
    if spelling.form is Form.BASE64:
        return _holds_base64(spelling, data, start, end)
    before, after = data[max(0, start - LOOK_BYTES) : start], data[end : end + LOOK_BYTES]
    if spelling.form is Form.HEX:
        return _holds_hex(before, after)
    if spelling.form is Form.UTF_16:
        is_little = spelling.written[1:2] == b"\0"
        return _ends(_narrow_before(before, is_little=is_little)) and _begins(_narrow_after(after, is_little=is_little))
    return _ends(before) and (_begins(after) or _is_framed(before, end - start))


def number_field(data: bytes, start: int, end: int) -> str:
    """The member of JSON whose value is a number with these digits; empty if they are anything else."""
    if not _NUMBER_ENDS.match(data[end : end + LOOK_BYTES]):
        return ""
    found = _NAMED_NUMBER.search(data[max(0, start - LOOK_BYTES) : start])
    return found["name"].decode("utf-8", "replace") if found else ""


def _is_word(byte: int) -> bool:
    return byte < 128 and chr(byte).isalnum()


def _ends(before: bytes) -> bool:
    """No letter or digit is at the end, unless it is one of an escape's, which is asked what it stands for."""
    if not before or not _is_word(before[-1]):
        # `&#49;` ends with no letter either, but is one.
        return not (before.endswith(b";") and (found := _ESCAPE_BEFORE.search(before[-12:])) and _says_word(found[0]))
    found = _ESCAPE_BEFORE.search(before[-12:])
    return found is not None and not _says_word(found[0])


def _begins(after: bytes) -> bool:
    found = _ESCAPE_AFTER.match(after[:12])
    if found:
        return not _says_word(found[0])
    return not after or not _is_word(after[0])


def _says_word(escape: bytes) -> bool:
    escape = escape.lower()
    if escape.startswith(b"%"):
        return _is_word(int(escape[1:], 16))
    if escape.startswith(b"\\u"):
        return _is_word(int.from_bytes(bytes.fromhex(escape[2:].decode())))
    if escape.startswith(b"&#x"):
        digits, radix = escape[3:-1], 16
    elif escape.startswith(b"&#"):
        digits, radix = escape[2:-1], 10
    else:
        return False
    try:
        return _is_word(int(digits, radix))
    except ValueError:
        return False


def _is_framed(before: bytes, size: int) -> bool:
    """A length in front says that exactly this is a value, whatever follows: PostgreSQL's tuples pack values closely.

    One byte as in a short varlena, Avro or Protocol Buffers; four as in a varlena, Parquet, or PostgreSQL's COPY.
    """
    if before and before[-1] in {2 * size + 3, size, 2 * size} - _TEXT_BYTES:
        return True
    four = before[-4:]
    return four in {size.to_bytes(4, "little"), (4 * (size + 4)).to_bytes(4, "little"), size.to_bytes(4, "big")}


def _narrow_before(before: bytes, *, is_little: bool) -> bytes:
    """The ASCII at the end of UTF-16."""
    # Of a cut unit the high byte is taken to be zero: what is big endian here may be little endian a byte later.
    whole = before[len(before) % 2 :] if is_little else b"\0" * (len(before) % 2) + before
    signs, high = (whole[0::2], whole[1::2]) if is_little else (whole[1::2], whole[0::2])
    return signs[len(high.rstrip(b"\0")) :]


def _narrow_after(after: bytes, *, is_little: bool) -> bytes:
    whole = after + b"\0" * (len(after) % 2) if is_little else after[: len(after) // 2 * 2]
    signs, high = (whole[0::2], whole[1::2]) if is_little else (whole[1::2], whole[0::2])
    return signs[: len(high) - len(high.lstrip(b"\0"))]


def _holds_hex(before: bytes, after: bytes) -> bool:
    """It begins at a whole byte, and the bytes around it are no letters or digits of ASCII."""
    found_before, found_after = _HEX_BEFORE.search(before), _HEX_AFTER.match(after)
    left, right = found_before[0] if found_before else b"", found_after[0] if found_after else b""
    if len(left) % 2 or len(right) % 2:
        return False
    return not (left and _is_word(int(left[-2:], 16))) and not (right and _is_word(int(right[:2], 16)))


def _holds_base64(spelling: Spelling, data: bytes, start: int, end: int) -> bool:
    before, after = data[max(0, start - 8) : start], data[end : end + 8]
    if spelling.edge is Edge.WHOLE:
        return not before.endswith(_SIGNS) and not after.startswith(_SIGNS)
    around = _decoded_around(spelling, before, data[start:end], after)
    if around is None:
        return False
    left, right = around
    if spelling.edge is Edge.PRINTED and any(byte is not None and byte not in _PRINTABLE for byte in (left, right)):
        return False
    return not any(byte is not None and _is_word(byte) for byte in (left, right))


def _decoded_around(
    spelling: Spelling, before: bytes, core: bytes, after: bytes
) -> tuple[int | None, int | None] | None:
    """The bytes before and after the text in what is coded, where it has no end there; nothing if it is none."""
    lead = (0, 2, 3)[spelling.shift]
    left, right = before[len(before.rstrip(_ALPHABET)) :], after[: len(after) - len(after.lstrip(_ALPHABET))]
    if len(left) < lead:
        return None
    # Of a group that is not whole nothing is known.
    is_whole = len(left) >= lead + 4
    left = left[-lead - 4 :] if is_whole else left[len(left) - lead :]
    coded = (left + core + right).translate(bytes.maketrans(b"-_", b"+/"))
    coded = coded[:-1] if len(coded) % 4 == 1 else coded
    decoded = base64.b64decode(coded + b"=" * (-len(coded) % 4))
    at = spelling.shift + (3 if is_whole else 0)
    to = at + spelling.size_bytes
    if to > len(decoded):
        return None
    return (decoded[at - 1] if at else None), (decoded[to] if to < len(decoded) else None)
