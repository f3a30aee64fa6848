"""Made-up personal values, a house that holds them wherever a record can hold anything, and the search for them."""

from __future__ import annotations

import base64
import gzip
import html
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

CANARY = "Zenobia Quägge-7f3a"
"""The name of nobody. Its letter beyond ASCII and its blank make the encodings differ."""
ID = "quagge7f3a"
"""The same as an identifier, where a blank would end a name."""
KNOWN, OTHER = f"{CANARY}-1", f"{CANARY}-2"
"""A customer that there is, and one that there is not."""


def spellings(text: str = CANARY) -> dict[str, bytes]:
    """Each way in which the text could be written, in lower case."""
    raw = text.encode()
    found = {
        "raw": raw,
        "latin-1": text.encode("latin-1"),
        "utf-16-le": text.encode("utf-16-le"),
        "utf-16-be": text.encode("utf-16-be"),
        "hex": raw.hex().encode(),
        "hex of utf-16-le": text.encode("utf-16-le").hex().encode(),
        "percent": quote(text, safe="").encode(),
        "percent, plus": quote_plus(text, safe="").encode(),
        "percent, all": "".join(f"%{byte:02x}" for byte in raw).encode(),
        "json": json.dumps(text)[1:-1].encode(),
        "bytes of Python": repr(raw)[2:-1].encode(),
        "html": html.escape(text).encode("ascii", "xmlcharrefreplace"),
    }
    for place in range(3):  # the letters that depend on nothing that stands before or behind
        for name, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
            encoded = encode(b"\0" * place + raw).rstrip(b"=")
            found[f"{name}, {place}"] = encoded[-(-8 * place // 6) : -1]
    return {name: written.lower() for name, written in found.items()}


SPELLINGS = spellings()


def found_in(content: bytes) -> list[str]:
    """The spellings in which the canary is there, letters large or small."""
    lower = content.lower()
    found = [name for name, written in SPELLINGS.items() if written in lower]
    return [*found, "id"] if ID.encode() in lower else found


def order(number: str, product: str = "p", kind: object = "hot food", price: object = 1.15) -> dict[str, object]:
    return {
        "orderId": number,
        "basket": [{"productId": product, "productType": kind, "grossMerchandiseValueEur": price}],
    }


def land(landing: Path) -> None:
    """Records that are accepted, wait, conflict and cannot be read; and a file that is refused whole."""
    good = {"customerId": KNOWN, "orders": [order(f"{CANARY}-a", CANARY), order("b", CANARY)], "email": CANARY}
    records = [
        good,
        {"customerId": KNOWN, "orders": [order(f"{CANARY}-a", CANARY, price=2.3)]},  # key_conflict
        {"customerId": f"{CANARY}-3", "orders": [order(f"{CANARY}-c", CANARY, kind=CANARY)]},  # no rate
        {
            "customerId": f"{CANARY}-4",
            "orders": [order(f"{CANARY}-d", price=CANARY), order(f"{CANARY}-e", price=1.155)],
        },
        {"customerId": {"name": CANARY}, "orders": CANARY},
        {"customerId": f"{CANARY}-5", CANARY: {CANARY: [CANARY]}},  # unknown members
        {"name": CANARY, "orders": [order(f"{CANARY}-f")]},  # customerId missing
        {"customerId": f"{CANARY}-6", "orders": [{"orderId": f"{CANARY}-g", "basket": CANARY}, CANARY]},
    ]
    broken = [
        f'{{"customerId": "{CANARY}", "orders": [',
        f'{{"customerId": "{CANARY}", "customerId": "{CANARY}"}}',
        f'{{"customerId": "{CANARY}\\u0000"}}',
        f'"{CANARY}"',
        CANARY,
        f'{{"customerId": "{CANARY}", "orders": [], "n": 1{"0" * 60}}}',
    ]
    lines = [json.dumps(record, ensure_ascii=number % 2 == 0) for number, record in enumerate(records)]
    text = "\n".join([*lines, *broken]).encode() + f'\n{{"customerId": "{CANARY}'.encode("latin-1") + b'\xff"}\n'
    (landing / "1.jsonl").write_bytes(text)
    packed = gzip.compress(json.dumps(good | {"customerId": f"{CANARY}-7"}).encode() * 50, 0)
    (landing / "2.jsonl.gz").write_bytes(packed[: len(packed) // 2])


_ELSEWHERE = {"format": "json", "records": "$.o[*]"}
_ROWS = f"{CANARY};{CANARY}\n1;{CANARY}\n"
MISDESCRIBED: dict[str, tuple[str, bytes, Mapping[str, object]]] = {
    "header twice": ("a.csv", f"{CANARY},{CANARY}\n{CANARY},{CANARY}\n".encode(), {"format": "csv"}),
    "no header": ("a.csv", f"{CANARY}1,{CANARY}2\n{CANARY},{CANARY}\n".encode(), {"format": "csv"}),
    "line before the header": ("a.csv", f"{CANARY}\nid,name\n1,{CANARY}\n".encode(), {"format": "csv"}),
    "other delimiter": ("a.csv", _ROWS.encode(), {"format": "csv", "csv": {"delimiter": ","}}),
    "other encoding": ("a.csv", f"id,name\n1,{CANARY}\n2,{CANARY}\n".encode("latin-1"), {"format": "csv"}),
    "torn quotes": ("a.csv", f'id,name\n1,{CANARY},{CANARY}\n"{CANARY}\n'.encode(), {"format": "csv"}),
    "CSV as lines": ("a.jsonl", f"id,name\n1,{CANARY}\n".encode(), {}),
    "lines as CSV": ("a.csv", f'{{"id":"{CANARY}"}}\n{{"id":"{CANARY}"}}\n'.encode(), {"format": "csv"}),
    "list as lines": ("a.json", json.dumps([{"id": CANARY}]).encode(), {}),
    "torn list": ("a.json", f'[{{"id":"{CANARY}"}}, {{"id": {CANARY}}}, {{'.encode(), {"format": "json"}),
    "object by name": ("a.json", json.dumps({CANARY: [{"id": CANARY}]}).encode(), _ELSEWHERE),
    "object by id": ("a.json", json.dumps({ID: [{"id": ID}]}).encode(), _ELSEWHERE),
    "element by id": ("a.xml", f"<o><{ID}><id>{CANARY}</id></{ID}></o>".encode(), {"format": "xml", "records": "/a/b"}),
    "entity": ("a.xml", f"<!DOCTYPE o [<!ENTITY x '{CANARY}'>]><a><b>&x;</b></a>".encode(),
               {"format": "xml", "records": "/a/b"}),
    "torn element": ("a.xml", f"<a><b><id>{CANARY}</id><b></a>".encode(), {"format": "xml", "records": "/a/b"}),
    "no Parquet": ("a.parquet", f"PAR1{CANARY}PAR1".encode(), {"format": "parquet"}),
}  # fmt: skip
"""Files that are something else than their feed says, by what is wrong: name, content, feed."""
