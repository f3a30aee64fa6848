"""Each bad input: how it is made, and what must come of it. The rows of docs/reference/bad-input.md are these."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

MIB = 1024 * 1024
LINE_BYTES = 2 * 1024 * MIB
GOOD = b'{"id":"good","note":"x"}\n'
LANDING, BRONZE, HEAD = "landing", "bronze", "head"
WHERE = {
    LANDING: "file",
    BRONZE: "bronze",
    HEAD: "bronze, cut",
    "": "bronze",
    "none": "none",
    "unread": "unread",
}
_REPLACE = "replace it, or move it away"
_ASK = "ask the sender for it"

Make = Callable[[Path], bytes | None]
"""Puts the input below the landing folder; the bytes that the record must keep, where it keeps any."""


@dataclass(frozen=True)
class Case:
    """One row of the page."""

    what: str
    make: Make
    exit_code: int
    code: str
    """Of the problem, or of the unit; without either what is said."""
    where: str
    mend: str
    feed: str = "lines"
    peak_mib: int = 384
    says: str = ""
    """A part of what stderr says."""
    units: int = 1
    """Units that are read of it, in the feed's dataset."""


def _file(name: str, data: bytes, kept: bytes | None = None) -> Make:
    def make(folder: Path) -> bytes | None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return kept

    return make


def _line(name: str, record: bytes) -> Make:
    """Between two lines that are fine."""
    return _file(name, b'{"id":"before"}\n' + record + b'\n{"id":"after"}\n', record)


def _zipped(name: str, data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr(name, data)
    return file.getvalue()


def _bomb(folder: Path) -> None:
    """More than 1 GiB of zeros in about 1 MB: a gzip file is any number of members one after another."""
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(bytes(64 * MIB), 9) * 17)


def _long_line(folder: Path) -> bytes:
    """A hole in a file takes no room on the disk, and is read as zeros."""
    start = b'{"id":"before"}\n{"id":"'
    with (folder / "long.jsonl").open("wb") as file:
        file.write(start)
        file.seek(LINE_BYTES)
        file.write(b'"}\n{"id":"after"}\n')
    return b'{"id":"' + bytes(64 * 1024 - 7)


def _parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"id": ["1", "2"]}), file)
    return file.getvalue()


def _link_out(folder: Path) -> None:
    outside = folder.parent.parent / "outside"
    outside.mkdir()
    (outside / "secret.jsonl").write_bytes(b'{"id":"secret"}\n')
    (folder / "link.jsonl").symlink_to(outside / "secret.jsonl")
    (folder / "folder").symlink_to(outside)


def _unreadable_file(folder: Path) -> None:
    _file("mine.jsonl", GOOD)(folder)
    (folder / "mine.jsonl").chmod(0)


def _unreadable_folder(folder: Path) -> None:
    _file("mine/a.jsonl", GOOD)(folder)
    (folder / "mine").chmod(0)


_SMALL_GZIP = gzip.compress(GOOD * 3, mtime=0)
_DEEP = b'{"id":"deep","extra":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
_MANY = b'{"id":"many",' + b",".join(b'"k%d":1' % number for number in range(1_000_000)) + b"}"
_BROKEN_JSON = b'[{"id":"1"},{"id":"2"'
_LAUGHS = b'<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><r><p><id>&b;</id></p></r>'

CASES = (
    Case("empty file", _file("a.jsonl", b""), 0, "no record", "none", "nothing", units=0),
    Case("nothing but blank lines", _file("a.jsonl", b"\n \r\n\t\n"), 0, "no record", "none", "nothing", units=0),
    Case(
        "wrong suffix",
        _file("a.doc", GOOD),
        0,
        "left alone",
        LANDING,
        "rename the file",
        says="its suffix is none of jsonl",
        units=0,
    ),
    Case(
        "JSON list in a feed of JSON Lines",
        _file("a.jsonl", b'[{"id":"1"},{"id":"2"}]'),
        11,
        "file-rejected",
        LANDING,
        "set `format: json`",
        says="set `format: json`",
    ),
    Case("gzip that is not called .gz", _file("a.jsonl", _SMALL_GZIP), 0, "accepted", "", "nothing", units=3),
    Case(
        "called .gz and is none",
        _file("a.jsonl.gz", GOOD),
        11,
        "file-rejected",
        LANDING,
        _REPLACE,
        says="is no gzip file",
    ),
    Case(
        "torn gzip",
        _file("a.jsonl.gz", _SMALL_GZIP[:-9]),
        11,
        "file-rejected",
        LANDING,
        _REPLACE,
        says="is no whole gzip file",
    ),
    Case(
        "gzip with something behind its end",
        _file("a.jsonl.gz", _SMALL_GZIP + b"more"),
        11,
        "file-rejected",
        LANDING,
        _REPLACE,
        says="is no whole gzip file",
    ),
    Case(
        "torn zip",
        _file("a.zip", _zipped("m.jsonl", GOOD)[:-9]),
        11,
        "file-rejected",
        LANDING,
        _REPLACE,
        says="is no whole zip file",
    ),
    Case(
        "torn Parquet",
        _file("a.parquet", _parquet()[:-9]),
        11,
        "file-rejected",
        LANDING,
        _REPLACE,
        feed="columns",
        says="is no whole Parquet file",
    ),
    Case(
        "gzip bomb",
        _bomb,
        11,
        "file-rejected",
        LANDING,
        _REPLACE,
        says="unpacks to more than 1,073,741,824 bytes",
    ),
    Case("line of 2 GiB", _long_line, 0, "too_large", HEAD, _ASK, units=3),
    Case("nested 100,000 deep", _line("a.jsonl", _DEEP), 0, "too_deep", BRONZE, _ASK, units=3),
    Case(
        "a million members in a record",
        _line("a.jsonl", _MANY),
        0,
        "accepted",
        "",
        "nothing",
        units=3,
        peak_mib=1600,
    ),
    Case("NUL byte in a string", _line("a.jsonl", b'{"id":"a\0b"}'), 0, "unreadable", BRONZE, _ASK, units=3),
    Case("NUL as `\\u0000` in a column", _line("a.jsonl", b'{"id":"a\\u0000b"}'), 0, "type", BRONZE, _ASK, units=3),
    Case(
        "NUL byte in a CSV field",
        _file("a.csv", b"id,note\n1,x\na\0b,x\n3,x\n", b"a\0b,x"),
        0,
        "type",
        BRONZE,
        _ASK,
        feed="rows",
        units=3,
    ),
    Case("invalid UTF-8", _line("a.jsonl", b'{"id":"\xff\xfe"}'), 0, "unreadable", BRONZE, _ASK, units=3),
    Case(
        "JSON document that ends too early",
        _file("a.json", _BROKEN_JSON, _BROKEN_JSON),
        0,
        "unreadable",
        BRONZE,
        "ask for the whole document",
        feed="documents",
    ),
    Case(
        "XML with entities of its own",
        _file("a.xml", _LAUGHS, _LAUGHS),
        0,
        "unreadable",
        BRONZE,
        "ask for one without a document type",
        feed="elements",
    ),
    Case(
        "XML without an element at `records`",
        _file("a.xml", b"<r><q><id>1</id></q></r>"),
        11,
        "file-rejected",
        LANDING,
        "correct `records`",
        feed="elements",
        says="has elements, but none where `records` in tillage.yaml leads",
    ),
    Case(
        "CSV without a column of the contract",
        _file("a.csv", b"id;note\n1;x\n"),
        11,
        "file-rejected",
        LANDING,
        "correct `csv` or the contract",
        feed="rows",
        says='set `csv: {delimiter: ";"}`',
    ),
    Case(
        "CSV row with a field too many",
        _file("a.csv", b"id,note\n1,x\n2,y,z\n3,x\n", b"2,y,z"),
        0,
        "unreadable",
        BRONZE,
        _ASK,
        feed="rows",
        units=3,
    ),
    Case(
        "carriage return in a CSV field without quotes",
        _file("a.csv", b"id,note\n1,x\n2\r2,x\n3,x\n", b"2\r2,x"),
        0,
        "unreadable",
        BRONZE,
        _ASK,
        feed="rows",
        units=3,
    ),
    Case(
        "CSV whose lines end by CR alone",
        _file("a.csv", b"id,note\r1,x\r2,y\r"),
        11,
        "file-rejected",
        LANDING,
        "save it with line ends of LF or CRLF",
        feed="rows",
        says="has a carriage return inside its header",
    ),
    Case(
        "CSV header with one name twice",
        _file("a.csv", b"id,id\n1,x\n"),
        11,
        "file-rejected",
        LANDING,
        "name all columns by `csv: {columns: [..]}`",
        feed="rows",
        says="has one name for columns 1 and 2",
    ),
    Case(
        "zip member called `../a.jsonl`",
        _file("a.zip", _zipped("../a.jsonl", GOOD)),
        11,
        "file-rejected",
        LANDING,
        "pack it anew",
        says="whose name leads out of the zip file",
    ),
    Case("file called `a..b.jsonl`", _file("a..b.jsonl", GOOD), 0, "accepted", "", "nothing"),
    Case(
        "link to a file or folder outside",
        _link_out,
        0,
        "left alone",
        LANDING,
        "put the file itself into the folder",
        says="a link that leads out of the feed's folder",
        units=0,
    ),
    Case(
        "FIFO",
        lambda folder: os.mkfifo(folder / "a.jsonl"),
        0,
        "left alone",
        "none",
        "put a file into the folder",
        says="no regular file",
        units=0,
    ),
    Case(
        "file that may not be read",
        _unreadable_file,
        10,
        "operator",
        LANDING,
        "make it readable",
        says="landing/lines/mine.jsonl cannot be read (Permission denied)",
    ),
    Case(
        "folder that may not be read",
        _unreadable_folder,
        10,
        "operator",
        LANDING,
        "make it readable",
        says="landing/lines/mine cannot be read (Permission denied)",
    ),
)


def _made_by_its_test(folder: Path) -> None:
    raise AssertionError(f"{folder} needs more than a file")


WRITTEN = Case(
    "file that somebody is writing",
    _made_by_its_test,
    0,
    "left alone",
    LANDING,
    "nothing: the next run takes it",
)
CHANGED = Case(
    "file of 128 MiB that changes while it is read",
    _made_by_its_test,
    12,
    "source-changed",
    LANDING,
    "run again",
    peak_mib=1600,
)
OUTSIDE = Case("feed whose `path` has `..`", _made_by_its_test, 10, "project-file", "unread", "name a folder inside")
