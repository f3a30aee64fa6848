"""How a text may be written, and what has to stand around it."""

from __future__ import annotations

import base64
import json
import random
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

import pytest

from tillage.ports.scanning import Hit, Identifier, IdentifierKind
from tillage.scans.forms import Form, spellings
from tillage.scans.pages import unpacked_values, unpglz
from tillage.scans.search import BytesSearch
from tillage.scans.streams import Stream
from tillage.scans.unpacking import TornError

ID, ALIAS, VALUE = IdentifierKind.ID, IdentifierKind.ALIAS, IdentifierKind.VALUE
TEXTS = {
    "id": Identifier(0, ID, "622058"),
    "email": Identifier(0, ALIAS, "anna.kern@example.com"),
    "name": Identifier(0, VALUE, "Jürgen O'Größe"),
    "phone": Identifier(0, VALUE, "+49 170 1234567"),
}


def _escaped(text: str) -> str:
    data = text.encode("utf-16-be")
    return "".join(f"\\u{data[at]:02x}{data[at + 1]:02x}" for at in range(0, len(data), 2))


FORMS: dict[str, Callable[[str], bytes]] = {
    "as written": lambda text: text.encode(),
    "lower": lambda text: text.lower().encode(),
    "upper": lambda text: text.upper().encode(),
    "folded": lambda text: text.casefold().encode(),
    "decomposed": lambda text: unicodedata.normalize("NFD", text).encode(),
    "utf-16-le": lambda text: text.encode("utf-16-le"),
    "utf-16-be": lambda text: text.encode("utf-16-be"),
    "utf-16 upper": lambda text: text.upper().encode("utf-16-le"),
    "json": lambda text: json.dumps(text)[1:-1].encode(),
    "json upper hex": lambda text: json.dumps(text)[1:-1].replace("\\u00fc", "\\u00FC").encode(),
    "json for html": lambda text: json.dumps(text)[1:-1].replace("'", "\\u0027").replace("+", "\\u002B").encode(),
    "json whole": lambda text: _escaped(text).encode(),
    "json whole, upper": lambda text: _escaped(text.upper()).upper().replace("\\U", "\\u").encode(),
    "url": lambda text: quote(text).encode(),
    "url plus": lambda text: quote_plus(text).encode(),
    "url lower hex": lambda text: quote(text, safe="").lower().encode(),
    "url whole": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()).encode(),
    "xml": lambda text: text.replace("'", "&apos;").encode(),
    "xml numbers": lambda text: text.replace("'", "&#39;").encode("ascii", "xmlcharrefreplace"),
    "hex": lambda text: text.encode().hex().encode(),
    "hex upper": lambda text: text.encode().hex().upper().encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 of lower": lambda text: base64.b64encode(text.lower().encode()),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).rstrip(b"="),
    "base64 after 1": lambda text: base64.b64encode(b'"' + text.encode() + b'"'),
    "base64 after 2": lambda text: base64.b64encode(b':"' + text.encode() + b'"'),
    "base64 after many": lambda text: base64.b64encode(b'{"customer_id":"' + text.encode() + b'","x":1}'),
}  # fmt: skip


def found(data: bytes, *identifiers: Identifier) -> list[Hit]:
    return list(BytesSearch(identifiers).found(data, place="here"))


@pytest.mark.parametrize("identifier", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("around", [(b"", b""), (b'{"a":"', b'"}'), (b"\n", b"\r\n"), (b"\0", b"\0"), (b"x ", b" y")])
def test_each_form_of_each_text_is_found_once(identifier: Identifier, form: str, around: tuple[bytes, bytes]) -> None:
    data = around[0] + FORMS[form](identifier.text) + around[1]
    hits = found(data, identifier)
    assert len(hits) == 1, data
    assert (hits[0].person, hits[0].kind, hits[0].place) == (0, identifier.kind, "here")


@pytest.mark.parametrize("identifier", TEXTS.values(), ids=TEXTS)
def test_blanks_around_a_text_are_no_part_of_it(identifier: Identifier) -> None:
    blanks = Identifier(0, identifier.kind, f" \t{identifier.text}\u00a0\n")
    assert len(found(b"<" + identifier.text.encode() + b">", blanks)) == 1
    assert [hit.at for hit in found(b"<" + blanks.text.encode() + b">", identifier)] == [3]


@pytest.mark.parametrize(
    "data",
    [
        b"1622058", b"6220581", b"622058x", b"x622058", b"a622058b",
        "1622058".encode("utf-16-le"), "6220581".encode("utf-16-be"), "x622058".encode("utf-16-le"),
        _escaped("1622058").encode(), _escaped("6220581").encode(),
        b"%31%36%32%32%30%35%38", b"%36%32%32%30%35%38%31", b"622058%31", b"\\u0031622058",
        b"&#49;622058", b"622058&#x31;",
        b"1622058".hex().encode(), b"6220581".hex().encode(), b"1363232303538", b"3632323035381",
        base64.b64encode(b"1622058"), base64.b64encode(b"6220581"), base64.b64encode(b"12622058"),
        base64.b64encode(b'{"id":"1622058"}'), base64.b64encode(b'{"i":"6220583"}'), base64.b64encode(b"id=1622058;"),
    ],
)  # fmt: skip
def test_a_short_id_within_a_longer_word_is_no_hit(data: bytes) -> None:
    assert found(data, TEXTS["id"]) == []
    brace = (b"{\0", b"\0{") if b"\0" in data else (b"{", b"}")
    assert found(brace[data.startswith(b"\0")] + data + brace[not data.endswith(b"\0")], TEXTS["id"]) == []


@pytest.mark.parametrize(
    "data",
    [
        b"\\n622058", b'"a\\t622058\\n"', b"a%20622058", b"%3D622058%26", b"\\u0022622058\\u0022",
        b"&quot;622058&quot;",
        b"\xc3\xbc622058\xc3\xbc", b"id-622058-x", b"/622058/", b"\\x363232303538",
        b"\x0f622058Anna", b"\x28\x00\x00\x00622058Anna", b"\x06\x00\x00\x00622058\x41\x00\x00\x00", b"\x06622058Anna",
    ],
)  # fmt: skip
def test_an_escape_before_or_a_length_says_that_an_id_is_whole(data: bytes) -> None:
    assert len(found(data, TEXTS["id"])) == 1


def test_lines_that_begin_with_an_id_are_not_taken_for_lengths() -> None:
    assert found(b"\n123456\t1234567\r\n1234599", Identifier(0, ID, "12345"), Identifier(0, ID, "123")) == []


def test_a_long_text_counts_within_others() -> None:
    assert len(found(b"xxanna.kern@example.comyy", TEXTS["email"])) == 1
    assert len(found(b"900123456789012", Identifier(0, ID, "0123456789"))) == 1


def test_base64_keeps_its_case() -> None:
    data = base64.b64encode(b"anna.kern@example.com")
    assert len(found(data, TEXTS["email"])) == 1
    assert found(data.lower(), TEXTS["email"]) == []


def test_a_value_below_two_characters_is_not_searched() -> None:
    assert spellings("m", is_token=True) == []
    assert found(b"m m m", Identifier(0, VALUE, "m"), Identifier(0, VALUE, " ")) == []


ANNA = (
    Identifier(0, ID, "622058"), Identifier(0, VALUE, "Anna"), Identifier(0, VALUE, "Kern"),
    Identifier(0, VALUE, "Kiel"), Identifier(1, ID, "733169"), Identifier(1, VALUE, "Anna"),
)  # fmt: skip


def counted(data: bytes) -> list[tuple[int, str, int]]:
    return [(hit.person, hit.kind.value, hit.at) for hit in found(data, *ANNA)]


def test_a_short_value_counts_only_near_its_person() -> None:
    assert counted(b"Anna Kern") == []
    assert counted(b"Anna Anna Anna") == []
    assert counted(b"anna,622058") == [(0, "value", 0), (0, "id", 5)]
    assert counted(b"Anna,733169") == [(1, "value", 0), (1, "id", 5)]
    assert counted(b"Anna" + b" " * 512 + b"622058") == [(0, "value", 0), (0, "id", 516)]
    assert counted(b"Anna" + b" " * 513 + b"622058") == [(0, "id", 517)]
    assert counted(b"Anna 1622058") == []


def test_three_different_short_values_of_a_person_are_each_others_context() -> None:
    assert counted(b"Anna,Kern,Kiel") == [(0, "value", 0), (0, "value", 5), (0, "value", 10)]
    assert counted(b"Anna" + b" " * 500 + b"Kern" + b" " * 500 + b"Kiel") == [(0, "value", 504)]
    assert counted(b"Kiel" + b" " * 600 + b"Anna,Kern") == []
    assert counted(b"xAnna,Kern,Kiel") == []


def test_many_common_names_do_not_hide_the_three_that_stand_together() -> None:
    line = b"Anna;" + b"." * 700 + b"Kern;" + b"." * 700 + b"Kiel;" + b"." * 700
    data = line * 50 + b"Kern,Anna,Kiel" + b"." * 700 + line * 50
    at = len(line) * 50
    assert counted(data) == [(0, "value", at), (0, "value", at + 5), (0, "value", at + 10)]


@pytest.mark.parametrize(
    ("data", "explained"),
    [
        (b'{"size":622058,"x":1}', "size"),
        (b'{"size": 622058}', "size"),
        (b'{\n "size" :\n 622058\n}', "size"),
        (b'{"sizes":[1,2, 622058,3]}', "sizes"),
        (b'{"n":-622058}', "n"),
        (b'{"n":0.622058}', "n"),
        (b'{"n":622058.25e3}', "n"),
        (b'{"stats":"{\\"numRecords\\":622058,\\"a\\":1}"}', "numRecords"),
        (b'{"size":"622058"}', ""),
        (b'{"text":"of 622058, or"}', ""),
        (b"size,622058,1", ""),
        (b"size: 622058,", ""),
        (b'{"size":"a","b":"622058,"}', ""),
        (b"[622058]", ""),
    ],
)
def test_a_number_of_json_is_listed_with_its_member(data: bytes, explained: str) -> None:
    assert [hit.explained for hit in found(data, TEXTS["id"])] == [explained]


def test_nothing_that_is_shown_holds_a_text() -> None:
    identifier = TEXTS["email"]
    search = BytesSearch([identifier])
    shown = repr((identifier, search, list(search.found(identifier.text.encode(), place="x")), search._texts))
    assert "anna" not in shown.lower()


PLANTED = [
    Identifier(person, kind, text)
    for person, texts in enumerate(
        [
            ("622058", "anna.kern@example.com", "Jürgen O'Größe", "+49 170 1234567"),
            ("733169", "o'neil+shop@example.org", "Łukasz Święty-Mały", "(040) 55 66 77 88"),
            ("A-77/31", "x_y@example.net", 'Zoë "Z" Ångström', "0171/9876543"),
        ]
    )
    for kind, text in zip((ID, ALIAS, VALUE, VALUE), texts, strict=True)
]


@pytest.mark.parametrize("seed", range(30))
def test_all_that_is_planted_in_random_bytes_is_found_and_nothing_else(seed: int) -> None:
    print("seed", seed)
    dice = random.Random(seed)
    data, planted = bytearray(), []
    for _ in range(dice.randint(20, 60)):
        data += dice.randbytes(dice.randint(0, 3000)) + dice.choice([b"  ", b'"', b"\n", b"\0\0"])
        identifier = dice.choice(PLANTED)
        written = FORMS[dice.choice(list(FORMS))](identifier.text)
        planted.append((len(data), identifier.person, identifier.kind))
        data += written + dice.choice([b"  ", b'"', b"\n", b"\0\0"])
    search = BytesSearch(PLANTED)
    block_bytes = dice.choice([1, 100, 4096, len(data), 10**6])
    size = dice.randint(1, 5000)
    pieces = [bytes(data[at : at + size]) for at in range(0, len(data), size)]
    hits = list(Stream(pieces, block_bytes=max(block_bytes, 500)).hits(search, "x"))
    # Coded within more text, or in UTF-16 after a zero, it begins some bytes later or earlier.
    assert [(hit.person, hit.kind) for hit in hits] == [(person, kind) for _, person, kind in planted]
    assert all(-2 <= hit.at - at <= 24 for hit, (at, _, _) in zip(hits, planted, strict=True))
    assert hits == list(search.found(bytes(data), place="x"))


@pytest.mark.parametrize("cut", range(0, 60, 3))
def test_a_match_across_the_edge_of_blocks_counts_once(cut: int) -> None:
    search = BytesSearch(ANNA)
    for text in (b"622058", b"Anna,Kern,Kiel"):
        data = b"." * (2000 - cut) + text + b"." * 3000
        whole = list(search.found(data, place="x"))
        for size in (1, 7, 1000):
            pieces = [data[at : at + size] for at in range(0, len(data), size)]
            assert list(Stream(pieces, block_bytes=1000).hits(search, "x")) == whole
            assert whole


def test_hits_before_a_tear_are_told() -> None:
    def torn() -> Iterator[bytes]:
        yield b"a 622058 b"
        raise TornError("torn")

    hits = Stream(torn()).hits(BytesSearch(ANNA), "x")
    assert next(hits).at == 2
    with pytest.raises(TornError, match="torn"):
        next(hits)


def test_pglz_repeats_what_it_writes() -> None:
    assert unpglz(b"\x02a\x0a\x01", 14) == b"a" * 14
    assert unpglz(b"\x02a\x0f\x01\x05", 24) == b"a" * 24
    assert unpglz(b"\x02a\x0a\x02", 14) is None  # further back than the start
    assert unpglz(b"\x02a\x0a", 14) is None


def test_a_compressed_value_is_found_wherever_it_stands_in_a_page() -> None:
    value = (((4 + 8) << 2) | 2).to_bytes(4, "little") + (14).to_bytes(4, "little") + b"\x02a\x0a\x01"
    for at in (24, 101, 8192 - len(value)):
        page = bytearray(8192)
        page[at : at + len(value)] = value
        assert list(unpacked_values(bytes(page) * 2)) == [b"a" * 14] * 2


def test_forms_have_names() -> None:
    assert {spelling.form for text in TEXTS.values() for spelling in spellings(text.text, is_token=False)} <= set(Form)
