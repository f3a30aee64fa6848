"""Every rule of RFC 8259's grammar, kept and broken, as texts of one value; and what RFC 7493 adds.

Source: RFC 8259, sections 2 to 9; RFC 7493, section 2 (names once, no lone surrogates).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

DEPTH = 64


@dataclass(frozen=True)
class Case:
    """`text` is one JSON value, or what somebody took for one."""

    rule: str
    text: bytes
    is_kept: bool
    is_too_deep: bool = False

    @property
    def is_plain_string(self) -> bool:
        """Whether a string column takes it: a JSON string without NUL, or null."""
        return self.is_kept and (self.text.strip(b" \t\n\r") == b"null" or self._is_string())

    def _is_string(self) -> bool:
        return self.text.strip(b" \t\n\r").startswith(b'"') and b"\\u0000" not in self.text


def cases() -> list[Case]:
    """All cases, each once, rule by rule."""
    found = [*_white_space(), *_literals(), *_numbers(), *_strings(), *_utf8(), *_objects(), *_arrays(), *_depth()]
    return list(dict.fromkeys(found))


def _white_space() -> Iterator[Case]:
    for blank in (b" ", b"\t", b"\r", b"  \t "):
        for text in (b"%b1%b", b"[%b1%b]", b"[1%b,%b2]", b'{%b"a":1%b}', b'{"a"%b:%b1}'):
            yield Case(
                "ws: blank, tab, carriage return (and line feed, which ends a line)", text % (blank, blank), True
            )
    for odd in (b"\f", b"\v", b"\xc2\xa0", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xe3\x80\x80", b"/**/", b"//\r", b"#"):
        for text in (b"%b1", b"1%b", b"[1,%b2]", b'{"a":%b1}'):
            yield Case("ws: nothing else, no comments", text % odd, False)


def _literals() -> Iterator[Case]:
    for text in (b"true", b"false", b"null"):
        yield Case("literal: true, false, null", text, True)
    for text in (
        b"True",
        b"TRUE",
        b"FALSE",
        b"False",
        b"Null",
        b"NULL",
        b"nul",
        b"tru",
        b"truex",
        b"nulll",
        b"undefined",
    ):
        yield Case("literal: lower case, whole", text, False)
    for text in (b"NaN", b"nan", b"Infinity", b"-Infinity", b"inf", b"-inf", b"None", b"'a'", b"`a`", b"a"):
        yield Case("literal: no other words", text, False)


def _numbers() -> Iterator[Case]:
    wholes = (b"0", b"7", b"10", b"1234567890123456789012345678901234567890")
    for minus, whole, fraction, exponent in product(
        (b"", b"-"), wholes, (b"", b".0", b".5", b".000000000000000000000000001"), (b"", b"e1", b"E+2", b"e-3", b"e400")
    ):
        yield Case("number: [minus] int [frac] [exp]", minus + whole + fraction + exponent, True)
    for text in (
        b"+1",
        b"01",
        b"-01",
        b"00",
        b"1.",
        b".5",
        b"-.5",
        b"1.e1",
        b"1e",
        b"1e+",
        b"1E-",
        b"e1",
        b"-",
        b"--1",
    ):
        yield Case("number: no plus, no leading zero, digits around the point and after e", text, False)
    for text in (
        b"0x10",
        b"1_000",
        b"1,5",
        b"1 0",
        b"1d",
        b"1n",
        b"\xd9\xa3",
        b"\xef\xbc\x91",
        b"1.2.3",
        b"1e1.5",
        b"$1",
    ):
        yield Case("number: decimal ASCII digits only", text, False)


def _strings() -> Iterator[Case]:
    for escape in (b'\\"', b"\\\\", b"\\/", b"\\b", b"\\f", b"\\n", b"\\r", b"\\t", b"\\u0041", b"\\u00e9", b"\\uABCD"):
        yield Case("string: escapes", b'"a%bz"' % escape, True)
    yield Case("string: escapes", b'"\\u0000"', True)
    for text in (
        b'""',
        b'"a"',
        b'" "',
        b'"\\"\\""',
        b'"\x7f"',
        b'"[1,]"',
        b'"{\\"a\\":1,}"',
        b'"NaN"',
        b'"\\":"',
        b'"\'"',
    ):
        yield Case("string: any other character stands for itself", text, True)
    for escape in (b"\\x41", b"\\'", b"\\a", b"\\0", b"\\u12", b"\\u123g", b"\\U00000041", b"\\ ", b"\\u", b"\\u+123"):
        yield Case("string: no other escapes", b'"%b"' % escape, False)
    for point in (*range(10), *range(11, 32)):
        yield Case("string: control characters are escaped", b'"a%cz"' % point, False)
    for text in (b'"', b'"a', b'a"', b'"a\\"', b'"a"b"', b'"a""b"', b'"\\'):
        yield Case("string: opened and closed once", text, False)
    for text in (b'"\\ud83d\\ude00"', b'"\\uD83D\\uDE00x"', b'"a\\ud800\\udc00"'):
        yield Case("string: surrogates in pairs", text, True)
    for text in (
        b'"\\ud83d"',
        b'"\\ude00"',
        b'"\\ude00\\ud83d"',
        b'"\\ud83dx\\ude00"',
        b'"\\ud83d\\ud83d"',
        b'"\\uD83D\\n"',
    ):
        yield Case("string: no lone surrogates (RFC 7493)", text, False)


def _utf8() -> Iterator[Case]:
    for text in ("é", "寿", "🍕", "\u2028", "\ufeff", "\uffff", "\U0010ffff", "e\u0301", "\x80"):
        yield Case("UTF-8: one to four bytes", b'"%b"' % text.encode(), True)
    for raw in (
        b"\xff",
        b"\xc3",
        b"\xa9",
        b"\xc0\x80",
        b"\xe0\x80\xaf",
        b"\xf0\x9f\x8d",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
    ):
        yield Case("UTF-8: nothing else", b'"%b"' % raw, False)


def _objects() -> Iterator[Case]:
    kept = (
        b"{}",
        b'{"a":1}',
        b'{"a":1,"b":2}',
        b'{"":1}',
        b'{"a":{"a":1}}',
        b'{"a":[],"b":{}}',
        b'{"a":1,"A":2}',
        b'{"a b":null}',
    )
    for text in kept:
        yield Case("object: names in quotes, colon, value, commas between", text, True)
    broken = (
        b'{"a":1,}',
        b"{,}",
        b'{,"a":1}',
        b'{"a":1,,"b":2}',
        b'{"a" 1}',
        b'{"a":}',
        b'{"a"}',
        b'{"a":1 "b":2}',
        b"{a:1}",
    )
    broken += (
        b"{'a':1}",
        b"{1:1}",
        b"{null:1}",
        b'{"a"::1}',
        b'{"a":1',
        b'"a":1}',
        b'{"a":1}}',
        b'{"a":1]',
        b'{{"a":1}}',
        b'{"a"=1}',
    )
    for text in broken:
        yield Case("object: nothing else", text, False)
    for text in (
        b'{"a":1,"a":1}',
        b'{"a":null,"a":null}',
        b'{"a":1,"\\u0061":2}',
        b'{"b":{"a":1,"a":2}}',
        b'{"a":1,"b":2,"a":3}',
    ):
        yield Case("object: each name once (RFC 7493)", text, False)


def _arrays() -> Iterator[Case]:
    for text in (b"[]", b"[1]", b"[1,2]", b"[[]]", b"[null,null]", b'[1,"a",true,{}]', b"[[1],[2]]"):
        yield Case("array: commas between values", text, True)
    for text in (
        b"[1,]",
        b"[,]",
        b"[,1]",
        b"[1,,2]",
        b"[1 2]",
        b"[1",
        b"1]",
        b"[1}",
        b"[1]]",
        b"[",
        b"]",
        b"[1;2]",
        b"(1)",
        b"[...]",
    ):
        yield Case("array: nothing else", text, False)
    for text in (b"1 2", b"{} {}", b"1,2", b'"a" "b"', b"[] []"):
        yield Case("text: one value", text, False)


def _depth() -> Iterator[Case]:
    # Inside {"v": ...}, which is the first level.
    for depth, is_kept in ((DEPTH - 1, True), (DEPTH, False), (5000, False)):
        rule = f"depth: {DEPTH} levels are read" if is_kept else f"depth: more than {DEPTH} are not"
        yield Case(rule, b"[" * depth + b"]" * depth, is_kept, is_too_deep=not is_kept)
        yield Case(rule, b'{"a":' * depth + b"1" + b"}" * depth, is_kept, is_too_deep=not is_kept)
