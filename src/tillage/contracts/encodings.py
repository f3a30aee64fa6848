"""The encodings that a CSV feed may state: UTF-16, and those in which an ASCII byte is that character wherever it is.

So rows can be cut before they are decoded. Shift JIS and GBK are not among them: there, a backslash or `|` may be the
second half of a letter. Names are spelt in any case, with `-`, `_`, a blank or nothing between their parts.
"""

from __future__ import annotations

import re

_ISO = (*range(1, 12), *range(13, 17))
_LATIN = {1: 1, 2: 2, 3: 3, 4: 4, 5: 9, 6: 10, 7: 13, 8: 14, 9: 15, 10: 16}
_PAGES = (437, 720, 737, 775, 850, 852, 855, 856, 857, 858, 860, 861, 862, 863, 865, 866, 869, 874, 949, 1006, 1125)
_WINDOWS = tuple(range(1250, 1259))
_MAC = ("arabic", "croatian", "cyrillic", "farsi", "greek", "iceland", "latin2", "roman", "romanian", "turkish")
_OTHERS = ("koi8-r", "koi8-t", "koi8-u", "tis-620", "hp-roman8", "euc-jp", "euc-jis-2004", "euc-jisx0213", "euc-kr")

CODECS: dict[str, str] = {
    "utf-8": "utf-8",
    "utf-8-sig": "utf-8",
    "utf-16": "utf-16",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "ascii": "ascii",
    "us-ascii": "ascii",
    "gb-2312": "gb2312",
    "kz-1048": "kz1048",
    "ptcp-154": "ptcp154",
    **{f"iso-8859-{part}": f"iso8859-{part}" for part in _ISO},
    **{f"latin-{number}": f"iso8859-{part}" for number, part in _LATIN.items()},
    **{f"cp-{page}": f"cp{page}" for page in (*_PAGES, *_WINDOWS)},
    **{f"windows-{page}": f"cp{page}" for page in _WINDOWS},
    **{f"mac-{name}": f"mac-{name}" for name in _MAC},
    **{name: name for name in _OTHERS},
}
"""Each name with `-` between its parts, and the codec as Python calls it."""

_BETWEEN = "[-_ ]?"
_BY_SPELLING = {name.replace("-", ""): codec for name, codec in CODECS.items()}


def codec_of(name: object) -> str | None:
    """The codec of that name; None if there is none that can be stated."""
    if not isinstance(name, str) or not re.fullmatch(pattern(), name):
        return None
    return _BY_SPELLING[re.sub("[-_ ]", "", name.lower())]


def pattern() -> str:
    """All spellings of all names, as a regular expression that JSON Schema knows too."""
    by_start: dict[str, list[str]] = {}
    for name in CODECS:
        start, _, end = name.rpartition("-")
        by_start.setdefault(start, []).append(end)
    return "|".join(
        f"{_any_case(start)}{_BETWEEN if start else ''}(?:{'|'.join(map(_any_case, ends))})"
        for start, ends in by_start.items()
    )


def _any_case(name: str) -> str:
    return "".join(
        _BETWEEN if letter == "-" else f"[{letter.upper()}{letter}]" if letter.isalpha() else letter for letter in name
    )
