"""Scrubbing: the records that are meant leave their file, and every other record stays where it stood."""

from __future__ import annotations

import gzip
import io
import json
import random
import resource
import stat
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.integration.unprivileged import unprivileged
from tillage.contracts.project import Csv, Feed
from tillage.domain.load import CommitPoint, SourceFile
from tillage.doors.files import FilesDoor
from tillage.doors.scrub_spans import scrub_of
from tillage.doors.scrubbing import ScrubbedFiles
from tillage.errors import OperatorError
from tillage.ports.commit import Commits
from tillage.ports.scrubbing import Rewrite, Scrubbed, Wanted
from tillage.ports.store import Known

NAMES = ("Müller", "東京", "Ægir 😀", "O'Neil", "Zoë", "plain")


class Free:
    """Lets every commit pass, and remembers it."""

    def __init__(self) -> None:
        self.passed: list[CommitPoint] = []

    def at(self, point: CommitPoint) -> nullcontext[None]:
        self.passed.append(point)
        return nullcontext()


class KilledError(BaseException):
    """In place of a signal: nothing but the test catches it."""


class Kills:
    """Ends the process before or after its first commit."""

    def __init__(self, *, is_after: bool) -> None:
        self._is_after = is_after

    @contextmanager
    def at(self, point: CommitPoint) -> Iterator[None]:
        assert point is CommitPoint.SCRUB
        if self._is_after:
            yield
        raise KilledError


class Meanwhile:
    """Does something right before the commit."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work

    @contextmanager
    def at(self, _: CommitPoint) -> Iterator[None]:
        self._work()
        yield


@dataclass
class House:
    """A project folder with one feed."""

    root: Path
    feed: Feed
    notes: list[list[Rewrite]] = field(default_factory=list)
    key: bytes | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def folder(self) -> Path:
        return self.root / self.feed.folder

    def land(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    @property
    def door(self) -> FilesDoor:
        return FilesDoor(self.root, digest_key=lambda _: self.key)

    def sources(self) -> tuple[SourceFile, ...]:
        arrived = self.door.arrivals(self.feed, Known())
        assert not arrived.rejected
        return arrived.sources

    def records(self, *sources: SourceFile) -> list[dict[str, Any]]:
        return [row for batch in self.door.read(self.feed, sources) for row in batch.to_pylist()]

    def scrub(self, wanted: dict[str, Wanted | list[Wanted]], commits: Commits | None = None) -> Scrubbed:
        files = ScrubbedFiles(self.root, commits or Free(), lambda _: self.key)
        listed = {path: those if isinstance(those, list) else [those] for path, those in wanted.items()}
        return files.scrub(self.feed, listed, lambda found: self.notes.append(list(found)))

    def take(self, source: SourceFile, *ordinals: int, commits: Commits | None = None) -> Scrubbed:
        return self.scrub({source.path: Wanted({source.digest}, ordinals, source.form)}, commits)

    def stored(self) -> dict[str, bytes]:
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in everything(self.root)}


def everything(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def lines(tmp_path: Path, **options: Any) -> House:
    return House(tmp_path / "shop", Feed("shop", "landing/shop", "jsonl", **options))


# ---- random files of every kind -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """How a feed's files are written, and a writer of one: from the fields of its records to the decoded stream."""

    feed: Feed
    write: Callable[[list[tuple[str, str]], random.Random], bytes]
    encoding: str = "utf-8"
    suffix: str = ""


def _feed(kind: str, **options: Any) -> Feed:
    return Feed("shop", "landing/shop", kind, **options)


def _csv(**options: Any) -> Feed:
    return _feed("csv", csv=Csv(**{"delimiter": ",", **options}))


def _jsonl(rows: list[tuple[str, str]], rng: random.Random, *, end: str = "\n", start: str = "") -> bytes:
    text = "".join(
        f'{{"secret":"{secret}","name":{json.dumps(name, ensure_ascii=False)}}}{end}' + end * (rng.random() < 0.2)
        for secret, name in rows
    )
    return (start + (text.removesuffix(end) if rng.random() < 0.5 else text)).encode()


def _table(
    rows: list[tuple[str, str]], rng: random.Random, *, encoding: str, mark: str = ",", top: str = "", end: str = "\n"
) -> bytes:
    def quoted(text: str) -> str:
        choice = rng.randrange(4)
        if choice == 0:
            return '"' + text + f'{end}next ""line""{mark} of it' + '"'
        return f'"{text}"' if choice == 1 or mark in text else text

    body = "".join(f"{quoted(secret)}{mark}{quoted(name)}{end}" + end * (rng.random() < 0.2) for secret, name in rows)
    text = top + (body.removesuffix(end) if rng.random() < 0.5 else body)
    return text.encode(encoding, errors="replace")


def _blank_table(rows: list[tuple[str, str]], rng: random.Random) -> bytes:
    return ("secret name\n" + "".join(f"  {secret} \t {name.replace(' ', '_')} \n" for secret, name in rows)).encode()


def _document(rows: list[tuple[str, str]], rng: random.Random, *, around: str = "%s") -> bytes:
    items = []
    for secret, name in rows:
        gap = rng.choice(["", " ", "\n  ", "\r\n"])
        items.append(gap + json.dumps({"secret": secret, "name": name, "of": [1, {"a": "],"}]}, ensure_ascii=False))
        if rng.random() < 0.3:
            items.append(gap + rng.choice(["1", "{}", "[]", "-12", '""', "null"]) + gap)
    return (around % f"[{','.join(items)}]").encode()


def _xml(rows: list[tuple[str, str]], rng: random.Random, *, encoding: str = "utf-8") -> bytes:
    items = []
    for secret, name in rows:
        gap = rng.choice(["", " ", "\n  ", "\r\n"])
        open_tag = rng.choice(["<row>", '<row a="1">', "<row\n>", '<row\tb="&gt;>">'])
        items.append(rng.choice([f"{gap}<row s='{secret}'/>", f"{gap}{open_tag}{secret}<n>{name}</n>\n</row >"]))
    text = f'<?xml version="1.0" encoding="{encoding}"?><all><x/>{"".join(items)}</all>'
    return text.encode(encoding, errors="xmlcharrefreplace")


def _parquet(rows: list[tuple[str, str]], rng: random.Random) -> bytes:
    secrets, names = [row[0] for row in rows], [row[1] for row in rows]
    inner = pa.struct([pa.field("x", pa.string(), nullable=False), pa.field("y", pa.list_(pa.int32()))])
    schema = pa.schema(
        [
            pa.field("secret", pa.string(), nullable=False),
            pa.field("name", pa.dictionary(pa.int32(), pa.string())),
            pa.field("inner", inner, nullable=False),
            pa.field("money", pa.decimal128(12, 2)),
            pa.field("at", pa.timestamp("ns", "UTC")),
            pa.field("pairs", pa.map_(pa.string(), pa.int64())),
        ],
        {"of": "a test"},
    )
    columns = [
        pa.array(secrets),
        pa.array(names).dictionary_encode().cast(schema.field(1).type),
        pa.array([{"x": one, "y": [1, None]} for one in secrets], inner),
        pa.array(map(Decimal, range(len(rows))), pa.decimal128(12, 2)),
        pa.array([number * 1001 for number in range(len(rows))], schema.field(4).type),
        pa.array([[(one, 1)] for one in secrets], schema.field(5).type),
    ]
    sink = io.BytesIO()
    table = pa.Table.from_arrays(columns, schema=schema)
    pq.write_table(table, sink, row_group_size=rng.randrange(1, 8), compression={"secret": "zstd", "name": "gzip"})
    return sink.getvalue()


KINDS = {
    "jsonl": Kind(_feed("jsonl"), _jsonl),
    "jsonl-crlf": Kind(_feed("jsonl"), lambda rows, rng: _jsonl(rows, rng, end="\r\n", start="\ufeff")),
    "csv": Kind(_csv(), lambda rows, rng: _table(rows, rng, encoding="utf-8", top="secret,name\n")),
    "csv-crlf": Kind(
        _csv(encoding="iso8859-15"),
        lambda rows, rng: _table(rows, rng, encoding="iso8859-15", top="\r\nsecret,name\r\n", end="\r\n"),
        encoding="iso8859-15",
    ),
    "csv-skip": Kind(
        _csv(delimiter=" ", skip_rows=2, has_header=False, columns=("secret", "name")),
        lambda rows, rng: _table(rows, rng, encoding="utf-8", top='one "\ntwo\n', mark=" "),
    ),
    "csv-whitespace": Kind(_csv(delimiter="whitespace"), _blank_table),
    "csv-utf16": Kind(
        _csv(encoding="utf-16"),
        lambda rows, rng: _table(rows, rng, encoding="utf-16", top="secret,name\r\n", end="\r\n"),
        encoding="utf-16-le",
    ),
    "csv-utf16-be": Kind(
        _csv(encoding="utf-16-be"),
        lambda rows, rng: _table(rows, rng, encoding="utf-16-be", top="\ufeffsecret,name\n"),
        encoding="utf-16-be",
    ),
    "csv-euc": Kind(
        _csv(encoding="euc-jp"),
        lambda rows, rng: _table(rows, rng, encoding="euc-jp", top="secret,name\n"),
        encoding="euc-jp",
    ),
    "json": Kind(_feed("json"), _document),
    "json-path": Kind(
        _feed("json", records="$.a.b[*]"),
        lambda rows, rng: _document(rows, rng, around='\ufeff{"x":[1],"a":{"y":"]","b":%s},"z":{}}\n'),
    ),
    "xml": Kind(_feed("xml", records="/all/row"), _xml),
    "xml-utf16": Kind(
        _feed("xml", records="/all/row"), lambda rows, rng: _xml(rows, rng, encoding="utf-16"), encoding="utf-16-le"
    ),
    "xml-latin1": Kind(
        _feed("xml", records="/all/row"),
        lambda rows, rng: _xml(rows, rng, encoding="iso-8859-1"),
        encoding="iso-8859-1",
    ),
    "parquet": Kind(_feed("parquet"), _parquet),
}
SUFFIX = {"jsonl": ".jsonl", "csv": ".csv", "json": ".json", "xml": ".xml", "parquet": ".parquet"}


def _zipped(name: str, data: bytes, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as zipped:
        zipped.comment = b"of a test"
        for number, (member, content) in enumerate({"folder/": b"", "read.me": b"hello", name: data}.items()):
            info = zipfile.ZipInfo(member, (1999, 12, 31, 23, 58, 2 * number))
            info.external_attr, info.comment, info.compress_type = number << 16, b"c%d" % number, method
            info.extra = b"\x99\x99\x01\x00x"
            zipped.writestr(info, content)
    return sink.getvalue()


def _several(data: bytes) -> bytes:
    cut = len(data) // 2
    return gzip.compress(data[:cut], mtime=7) + gzip.compress(data[cut:], mtime=8) + b"\0" * 9


PACKINGS: dict[str, Callable[[str, bytes], tuple[str, bytes]]] = {
    "plain": lambda name, data: (name, data),
    "gzip": lambda name, data: (f"{name}.gz", gzip.compress(data)),
    "several": lambda name, data: (f"{name}.gz", _several(data)),
    "zstd": lambda name, data: (f"{name}.zst", bytes(pa.Codec("zstd").compress(data, asbytes=True))),
    "zip": lambda name, data: (f"{name}.zip", _zipped(name, data)),
    "lzma": lambda name, data: (f"{name}.zip", _zipped(name, data, method=zipfile.ZIP_LZMA)),
}


def decoded(path: Path) -> bytes:
    """By other means than the product's."""
    data = path.read_bytes()
    if data.startswith(b"\x1f\x8b"):
        return gzip.decompress(data)
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            return bytes(stream.read())
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as zipped:
            return b"".join(zipped.read(info) for info in zipped.infolist())
    if data.startswith(b"PAR1"):
        return repr(pq.read_table(io.BytesIO(data)).drop(["at"]).to_pylist()).encode()
    return data


def place(record: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(record[name] for name in ("ordinal", "offset", "raw", "text", "size_bytes", "code", "is_part"))


CASES = [(kind, packing) for kind in KINDS for packing in PACKINGS if kind != "parquet" or packing == "plain"]


@pytest.mark.parametrize(("name", "packing"), CASES, ids=["-".join(case) for case in CASES])
def test_records_that_are_meant_leave_and_all_others_stay_where_they_stood(
    tmp_path: Path, name: str, packing: str
) -> None:
    kind = KINDS[name]
    for seed in range(6):
        print(f"seed {seed}")
        rng = random.Random(f"{name} {packing} {seed}")
        secrets = [f"s{rng.getrandbits(64):016x}" for _ in range(rng.randrange(1, 30))]
        rows = [(secret, rng.choice(NAMES)) for secret in secrets]
        house = House(tmp_path / f"shop{seed}", kind.feed, key=rng.choice([None, b"k" * 32]))
        path = house.land(*PACKINGS[packing](f"a{SUFFIX[kind.feed.format]}", kind.write(rows, rng)))
        path.chmod(0o640)
        (source,) = house.sources()
        before = house.records(source)
        texts = {row["ordinal"]: (row["raw"].decode(_of_raw(kind)), row["text"]) for row in before}
        wanted = set(rng.sample(sorted(texts), rng.randrange(1, len(texts) + 1)))
        goes = [one for one in secrets if any(one in texts[number][0] for number in wanted)]
        done = house.take(source, *wanted, 10_000)
        (now,) = house.sources()
        is_changed = any(_is_something(texts[number][0]) for number in wanted)
        assert done.left == ()
        assert done.rewritten == ((path.relative_to(house.root).as_posix(),) if is_changed else ())
        assert house.notes == ([[Rewrite(source.path, source.digest, now.digest)]] if is_changed else [])
        after = house.records(replace(now, form=source.form))
        kept = [place(row) for row in before if row["ordinal"] not in wanted]
        spans = [(row["offset"], row["offset"] + _width(kind, row)) for row in before if row["ordinal"] in wanted]
        in_spans = [row for row in after if any(start <= row["offset"] < end for start, end in spans)]
        assert [place(row) for row in after if row not in in_spans] == kept
        assert all(_is_nothing(kind, row) for row in in_spans)
        if kind.feed.format in {"json", "xml", "parquet"}:
            assert {row["ordinal"] for row in in_spans} == wanted
        text = decoded(path)
        for secret in secrets:
            assert (secret.encode(kind.encoding) in text) is (secret not in goes)
            assert secret not in goes or secret.encode() not in path.read_bytes()
        assert [one.name for one in path.parent.iterdir()] == [path.name]
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        stored, house.notes = house.stored(), []
        again = Wanted({source.digest, now.digest}, wanted, source.form)
        assert house.scrub({source.path: again}) == Scrubbed((), ())
        assert (house.stored(), house.notes) == (stored, [])


def _of_raw(kind: Kind) -> str:
    is_utf8 = kind.feed.format == "csv" and kind.encoding.startswith("utf-16")
    return "utf-8" if is_utf8 else kind.encoding


def _width(kind: Kind, row: dict[str, Any]) -> int:
    """How far the record goes, as offsets count."""
    return 1 if kind.feed.format == "parquet" else max(row["size_bytes"], 1)


def _is_something(text: str) -> bool:
    return text.strip() not in {"", "null", "0"}


def _is_nothing(kind: Kind, row: dict[str, Any]) -> bool:
    if kind.feed.format == "json":
        return row["raw"] in {b"null", b"0"}
    if kind.feed.format == "xml":
        return json.loads(row["text"]) == {}
    if kind.feed.format == "parquet":
        return set(json.loads(row["raw"]).values()) == {None}
    return not row["raw"].strip() and row["code"] == (
        "unreadable" if kind.feed.format == "csv" and row["raw"] else None
    )


# ---- what is special about a format ---------------------------------------------------------------------------------


def test_line_ends_within_a_row_stay_so_that_lines_keep_their_numbers(tmp_path: Path) -> None:
    house = House(tmp_path, _csv())
    path = house.land("a.csv", b'id,t\n1,"a\r\nb\rc\nd"\r\n2,x\r\n')
    (source,) = house.sources()
    house.take(source, 2)
    assert path.read_bytes() == b"id,t\n    \r\n \r \n  \r\n2,x\r\n"
    (now,) = house.sources()
    assert [(row["ordinal"], row["raw"]) for row in house.records(now) if row["code"] is None] == [(5, b"2,x\r")]


@pytest.mark.parametrize("rest", ["", "8,p\n"])
def test_quote_that_nothing_closes_does_not_find_its_end_behind_the_blanks(tmp_path: Path, rest: str) -> None:
    house = House(tmp_path, _csv())
    path = house.land("a.csv", f'id,t\n1,"open\n2,"ann"\n",w\n{rest}'.encode())
    (source,) = house.sources()
    before = house.records(source)
    assert [row["code"] for row in before[:3]] == ["unreadable", None, "unreadable"]
    assert house.take(source, 3).left == ()
    assert path.read_bytes() == f'id,t\n1,"open\n ,"   "\n",w\n{rest}'.encode()
    (now,) = house.sources()
    after = house.records(now)
    assert [place(row) for row in after if row["ordinal"] != 3] == [place(row) for row in before if row["ordinal"] != 3]


def test_utf16_that_is_torn_stays_torn_as_it_was(tmp_path: Path) -> None:
    house = House(tmp_path, _csv(encoding="utf-16"))
    text = "id,t\nä,ö東\n2,\ud83d\n3,😀".encode("utf-16-le", errors="surrogatepass")
    for number, tail in enumerate([b"", b"x", b"\x3d\xd8x"]):
        path = house.land(f"{number}.csv", b"\xff\xfe" + text + tail)
    sources = house.sources()
    before = house.records(*sources)
    for source in sources:
        assert house.take(source, 2).left == ()
    kept = [place(row) for row in before if row["ordinal"] != 2]
    assert [place(row) for row in house.records(*house.sources()) if row["ordinal"] != 2] == kept
    assert path.read_bytes().endswith("3,😀".encode("utf-16-le") + b"\x3d\xd8x")
    house.take(house.sources()[1], 4)
    assert (house.folder / "1.csv").read_bytes().decode("utf-16", errors="surrogatepass").endswith("\n       ")


@pytest.mark.parametrize("records", [None, "$", "$.a[*]"])
@pytest.mark.parametrize("text", ['{"a": {"ann": 1}}', ' "ann" ', "7", "12345"])
def test_document_that_is_one_record_becomes_null(tmp_path: Path, records: str | None, text: str) -> None:
    house = House(tmp_path, _feed("json", records=records))
    path = house.land("a.json", text.encode())
    (source,) = house.sources()
    (row,) = house.records(source)
    assert house.take(source, 1).left == ()
    left = path.read_bytes()
    assert (len(left), b"ann" in left) == (len(text), False)
    (now,) = house.sources()
    assert {one["raw"] for one in house.records(now)} <= {b"null", b"0"}
    assert row["offset"] == len(left[: row["offset"]])


@pytest.mark.parametrize(
    ("feed", "data"),
    [
        (_feed("json"), b'\xef\xbb\xbf[{"a":"ann"},\n{"b":"ann"]'),
        (_feed("json"), b'[{"a":"ann"}] x'),
        (_feed("json", records="$.a[*]"), b'{"a":[{"a":"ann"}],"a":1}'),
        (_feed("xml", records="/all/row"), b"<all><row>ann</row><row>ann</all>"),
        (_feed("xml", records="/all/row"), "<all><row>ann</row><row>ann</all>".encode("utf-16")),
    ],
)
def test_document_with_a_broken_part_is_one_record_and_goes_as_a_whole(tmp_path: Path, feed: Feed, data: bytes) -> None:
    house = House(tmp_path, feed)
    path = house.land(f"a{SUFFIX[feed.format]}", data)
    (source,) = house.sources()
    assert house.take(source, 2) == Scrubbed((), ())
    assert house.take(source, 1).left == ()
    assert path.read_bytes() == b" " * len(data)
    (now,) = house.sources()
    assert house.records(now) == []
    assert house.take(now, 1) == Scrubbed((), ())


def test_document_that_only_the_check_finds_broken_goes_as_a_whole_where_that_is_said() -> None:
    data = b'[{"a":"ann"},{"a":01}]'
    scrub = scrub_of(_feed("json"), [1], lambda: iter([data]), spans={1: (0, len(data))})
    assert scrub is not None
    assert b"".join(scrub.stream(iter([data]), is_shape_kept=False)) == b" " * len(data)
    assert scrub_of(_feed("json"), [1], lambda: iter([b" " * 22]), spans={1: (0, len(data))}) is None


def test_record_that_is_too_large_leaves_as_a_whole(tmp_path: Path) -> None:
    house = lines(tmp_path)
    large = b'{"a":"' + b"ann " * (5 << 20) + b'"}'
    path = house.land("a.jsonl.gz", gzip.compress(b'{"a":1}\n' + large + b'\n{"a":2}\n', compresslevel=1))
    (source,) = house.sources()
    assert house.records(source)[1]["code"] == "too_large"
    assert house.take(source, 2).left == ()
    assert gzip.decompress(path.read_bytes()) == b'{"a":1}\n' + b" " * len(large) + b'\n{"a":2}\n'


def test_gzip_has_no_name_and_no_time_so_that_it_is_the_same_whenever_it_is_made(tmp_path: Path) -> None:
    house = lines(tmp_path)
    sink = io.BytesIO()
    with gzip.GzipFile("ann.jsonl", "wb", fileobj=sink) as packed:
        packed.write(b'{"a":"ann"}\n')
    path = house.land("a.jsonl.gz", sink.getvalue())
    (source,) = house.sources()
    house.take(source, 1)
    assert path.read_bytes()[:8] == b"\x1f\x8b\x08\0\0\0\0\0"


def test_parquet_keeps_groups_types_metadata_and_compression(tmp_path: Path) -> None:
    house = House(tmp_path, KINDS["parquet"].feed)
    path = house.land("a.parquet", _parquet([(f"s{number}", "n") for number in range(20)], random.Random(1)))
    old = pq.ParquetFile(path)
    groups = [old.metadata.row_group(number) for number in range(old.num_row_groups)]
    (source,) = house.sources()
    house.take(source, 1, 20)
    new = pq.ParquetFile(path)
    assert [new.metadata.row_group(number).num_rows for number in range(new.num_row_groups)] == [
        group.num_rows for group in groups
    ]
    assert [new.metadata.row_group(0).column(number).compression for number in range(3)] == [
        groups[0].column(number).compression for number in range(3)
    ]
    assert all(one.nullable for one in new.schema_arrow)
    assert new.schema_arrow.metadata[b"of"] == b"a test"
    assert [one.type for one in new.schema_arrow if one.name != "inner"] == [
        one.type for one in old.schema_arrow if one.name != "inner"
    ]
    rows, olds = (one.read().drop(["at"]).to_pylist() for one in (new, old))
    assert rows == [dict.fromkeys(olds[0]), *olds[1:-1], dict.fromkeys(olds[0])]


def test_members_of_a_zip_are_scrubbed_together_and_all_else_in_it_is_kept(tmp_path: Path) -> None:
    house = lines(tmp_path)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_BZIP2) as zipped:
        for name in ("b.jsonl", "note.png", "x/a.jsonl", "ü.jsonl"):
            zipped.writestr(zipfile.ZipInfo(name, (2001, 2, 3, 4, 5, 6)), b'{"a":"ann"}\n{"a":"%s"}\n' % name.encode())
    path = house.land("a.zip", sink.getvalue())
    old = {info.filename: info for info in zipfile.ZipFile(path).infolist()}
    sources = house.sources()
    done = house.scrub({one.path: Wanted({one.digest}, [1]) for one in sources if "ü" not in one.path})
    assert (done.rewritten, done.left) == (("landing/shop/a.zip",), ())
    now = {one.path: one.digest for one in house.sources()}
    assert house.notes == [[Rewrite(one.path, one.digest, now[one.path]) for one in sources if "ü" not in one.path]]
    with zipfile.ZipFile(path) as zipped:
        assert [info.filename for info in zipped.infolist()] == list(old)
        for info in zipped.infolist():
            before = old[info.filename]
            for name in ("date_time", "external_attr", "compress_type", "comment", "create_system", "file_size"):
                assert getattr(info, name) == getattr(before, name)
            is_scrubbed = info.filename in {"b.jsonl", "x/a.jsonl"}
            assert zipped.read(info).startswith(b" " * 11 + b"\n" if is_scrubbed else b'{"a":"ann"}\n')


# ---- where files lie ------------------------------------------------------------------------------------------------


def test_every_copy_in_the_archive_that_holds_the_bytes_is_scrubbed_and_no_other(tmp_path: Path) -> None:
    house = lines(tmp_path)
    data = b'{"a":"ann"}\n{"a":2}\n'
    path = house.land("day=1/a.jsonl", data)
    (source,) = house.sources()
    archive = house.root / "archive/landing/shop/day=1"
    archive.mkdir(parents=True)
    path.rename(archive / "a.jsonl")
    (archive / "a~2.jsonl").write_bytes(b"other")
    (archive / "a~7.jsonl").write_bytes(data)
    (archive / "b.jsonl").write_bytes(data)
    held = house.folder / "day=1/.a.jsonl.tillage-after"
    held.write_bytes(data)
    done = house.take(source, 1)
    names = ["archive/landing/shop/day=1/a.jsonl", "archive/landing/shop/day=1/a~7.jsonl"]
    assert (sorted(done.rewritten), done.left) == ([*names, "landing/shop/day=1/.a.jsonl.tillage-after"], ())
    clean = b" " * 11 + b'\n{"a":2}\n'
    assert {name: house.stored()[name] for name in done.rewritten} == dict.fromkeys(done.rewritten, clean)
    assert ((archive / "a~2.jsonl").read_bytes(), (archive / "b.jsonl").read_bytes()) == (b"other", data)


def test_members_of_a_zip_in_the_archive_are_found_by_the_path_they_landed_under(tmp_path: Path) -> None:
    house = lines(tmp_path)
    path = house.land("a.zip", _zipped("in/m.jsonl", b'{"a":"ann"}\n'))
    (source,) = house.sources()
    assert source.path == "landing/shop/a.zip/in/m.jsonl"
    archive = house.root / "archive/landing/shop"
    archive.mkdir(parents=True)
    path.rename(archive / "a~3.zip")
    assert house.take(source, 1) == Scrubbed(("archive/landing/shop/a~3.zip",), ())
    assert zipfile.ZipFile(archive / "a~3.zip").read("in/m.jsonl") == b" " * 11 + b"\n"


def test_file_that_is_nowhere_is_no_problem(tmp_path: Path) -> None:
    house = lines(tmp_path)
    path = house.land("a.zip", _zipped("m.jsonl", b'{"a":1}\n'))
    (source,) = house.sources()
    path.write_bytes(_zipped("n.jsonl", b'{"a":1}\n'))
    assert house.take(source, 1) == Scrubbed((), ())
    path.unlink()
    assert house.take(source, 1) == Scrubbed((), ())
    house.folder.rmdir()
    assert house.take(source, 1) == Scrubbed((), ())


def test_file_that_holds_other_bytes_is_left_and_named(tmp_path: Path) -> None:
    house = lines(tmp_path)
    path = house.land("a.jsonl", b'{"a":"ann"}\n')
    (source,) = house.sources()
    path.write_bytes(b'{"a":"new"}\n')
    says = "landing/shop/a.jsonl holds other bytes than were loaded from there"
    assert house.take(source, 1) == Scrubbed((), (says,))
    archive = house.root / "archive/landing/shop"
    archive.mkdir(parents=True)
    path.rename(archive / "a.jsonl")
    assert house.take(source, 1) == Scrubbed((), (f"archive/{says}",))
    assert (archive / "a.jsonl").read_bytes() == b'{"a":"new"}\n'
    (archive / "a~2.jsonl").write_bytes(b'{"a":"ann"}\n')
    assert house.take(source, 1) == Scrubbed(("archive/landing/shop/a~2.jsonl",), ())


def test_files_that_had_one_path_at_different_times_are_each_scrubbed_of_their_own(tmp_path: Path) -> None:
    house = lines(tmp_path)
    archive = house.root / "archive/landing/shop"
    archive.mkdir(parents=True)
    wanted, contents = [], (b'{"a":"ann"}\n{"a":"bob"}\n', b'{"a":"cid"}\n{"a":"ann"}\n')
    for name, content, ordinal in zip(("a.jsonl", "a~2.jsonl"), contents, (1, 2), strict=True):
        path = house.land("a.jsonl", content)
        (source,) = house.sources()
        wanted += [Wanted({source.digest}, [ordinal]), Wanted({source.digest, "f" * 64}, [ordinal])]
        path.rename(archive / name)
    (archive / "a~3.jsonl").write_bytes(b"{}\n")
    done = house.scrub({source.path: wanted})
    assert (len(done.rewritten), done.left) == (2, ())
    assert [len(note) for note in house.notes] == [1, 1]
    assert [path.read_bytes() for path in everything(archive)] == [
        b" " * 11 + b'\n{"a":"bob"}\n',
        b'{"a":"cid"}\n' + b" " * 11 + b"\n",
        b"{}\n",
    ]


def test_links_are_not_followed_out_of_the_folder(tmp_path: Path) -> None:
    house = lines(tmp_path)
    path = house.land("a.jsonl", b'{"a":"ann"}\n')
    (source,) = house.sources()
    outside = house.root / "elsewhere.jsonl"
    path.rename(outside)
    path.symlink_to(outside)
    done = house.take(source, 1)
    assert done == Scrubbed((), ("landing/shop/a.jsonl is reached by a link out of the feed's folder",))
    assert (outside.read_bytes(), path.is_symlink()) == (b'{"a":"ann"}\n', True)


def test_file_that_two_names_lead_to_is_scrubbed_once_of_what_is_meant_under_both(tmp_path: Path) -> None:
    house = lines(tmp_path)
    path = house.land("a.jsonl", b'{"a":"ann"}\n{"a":"bob"}\n{"a":3}\n')
    (house.folder / "b.jsonl").symlink_to(path)
    one, two = house.sources()
    done = house.scrub({one.path: Wanted({one.digest}, [1]), two.path: Wanted({two.digest}, [2])})
    assert (done.left, len(done.rewritten), len(house.notes)) == ((), 1, 1)
    assert path.read_bytes() == b" " * 11 + b"\n" + b" " * 11 + b'\n{"a":3}\n'
    assert (house.folder / "b.jsonl").is_symlink()
    assert [rewrite.path for rewrite in house.notes[0]] == [one.path, two.path]


def test_digest_from_before_the_feed_was_about_people_is_known_too(tmp_path: Path) -> None:
    house = lines(tmp_path)
    house.land("a.jsonl", b'{"a":"ann"}\n')
    (source,) = house.sources()
    house.key = b"k" * 32
    assert house.take(source, 1).left == ()
    (now,) = house.sources()
    assert house.notes == [[Rewrite(source.path, source.digest, now.digest)]]


# ---- what goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["jsonl", "csv", "json", "xml", "parquet"])
@pytest.mark.parametrize("packing", ["plain", "gzip", "zip"])
@pytest.mark.parametrize("is_after", [False, True])
def test_whoever_is_killed_leaves_the_file_as_it_was_or_as_it_is_to_be(
    tmp_path: Path, kind: str, packing: str, is_after: bool
) -> None:
    packing = "plain" if kind == "parquet" else packing
    made = KINDS[kind].write([(f"secret{number}", "n") for number in range(5)], random.Random(3))
    ends = []
    for is_killed in (False, True):
        house = House(tmp_path / f"shop{is_killed}", KINDS[kind].feed)
        path = house.land(*PACKINGS[packing](f"a{SUFFIX[kind]}", made))
        (source,) = house.sources()
        old, ordinals = path.read_bytes(), [row["ordinal"] for row in house.records(source)][1:3]
        if is_killed:
            with pytest.raises(KilledError):
                house.take(source, *ordinals, commits=Kills(is_after=is_after))
            assert (path.read_bytes() == old) is not is_after
            path.with_name(f".{path.name}.tillage-scrub").write_bytes(b"half of it")
        digests = {source.digest, *(rewrite.after for note in house.notes for rewrite in note)}
        assert house.scrub({source.path: Wanted(digests, ordinals, source.form)}).left == ()
        (now,) = house.sources()
        assert {rewrite for note in house.notes for rewrite in note} == {
            Rewrite(source.path, source.digest, now.digest)
        }
        ends.append(house.stored())
    assert ends[0] == ends[1]


def test_what_note_raises_stops_all_and_leaves_the_file(tmp_path: Path) -> None:
    house = lines(tmp_path)
    house.land("a.jsonl", b'{"a":"ann"}\n')
    house.land("b.jsonl", b'{"a":"ann"}\n')
    before = house.stored()

    def note(_: Sequence[Rewrite]) -> None:
        raise OSError(5, "the ledger is away")

    wanted = {one.path: [Wanted({one.digest}, [1])] for one in house.sources()}
    with pytest.raises(OSError, match="the ledger is away"):
        ScrubbedFiles(house.root, Free()).scrub(house.feed, wanted, note)
    assert house.stored() == before


def test_file_that_changes_meanwhile_is_left_and_named(tmp_path: Path) -> None:
    house = lines(tmp_path)
    path = house.land("a.jsonl", b'{"a":"ann"}\n')
    (source,) = house.sources()

    def replaced() -> None:
        path.with_name("new").write_bytes(b'{"a":"new"}\n')
        path.with_name("new").rename(path)

    says = "landing/shop/a.jsonl changed while it was scrubbed"
    assert house.take(source, 1, commits=Meanwhile(replaced)) == Scrubbed((), (says,))
    assert house.stored() == {"landing/shop/a.jsonl": b'{"a":"new"}\n'}
    path.write_bytes(b'{"a":"ann"}\n')
    with path.open("ab") as file:
        assert house.take(source, 1).left == ("landing/shop/a.jsonl is being written",)
        done = file.write(b"{}\n")
    assert done == 3
    path.write_bytes(b'{"a":"ann"}\n')
    assert house.take(source, 1, commits=Meanwhile(path.unlink)) == Scrubbed((), ())
    assert house.stored() == {}


@pytest.mark.parametrize("packing", ["plain", "gzip", "zstd", "zip"])
def test_full_disk_loses_nothing_and_is_named(tmp_path: Path, packing: str) -> None:
    house = lines(tmp_path)
    rng = random.Random(5)
    data = b"".join(b'{"a":"%x"}\n' % rng.getrandbits(400) for _ in range(3000))
    house.land(*PACKINGS[packing]("a.jsonl", data))
    (source,) = house.sources()
    before, limits = house.stored(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        done = house.take(source, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    (name,) = before
    assert done == Scrubbed((), (f"{name} cannot be scrubbed (File too large)",))
    assert house.stored() == before
    assert house.take(source, 1).left == ()


def test_full_disk_loses_no_parquet_file(tmp_path: Path) -> None:
    house = House(tmp_path, KINDS["parquet"].feed)
    house.land("a.parquet", _parquet([(f"{number:x}" * 9, "n") for number in range(900)], random.Random(5)))
    (source,) = house.sources()
    before, limits = house.stored(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limits[1]))
    try:
        done = house.take(source, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert done.rewritten == ()
    assert "a.parquet cannot be scrubbed (" in done.left[0]
    assert "File too large" in done.left[0]
    assert house.stored() == before


def test_folder_that_may_not_be_written_or_read_is_named() -> None:
    with TemporaryDirectory(prefix="tillage-") as name:
        house = lines(Path(name))
        house.land("a.jsonl", b'{"a":"ann"}\n')
        (source,) = house.sources()
        before = house.stored()
        with unprivileged(Path(name)):
            house.folder.chmod(0o500)
            assert house.take(source, 1).left == ("landing/shop/a.jsonl cannot be scrubbed (Permission denied)",)
            house.folder.chmod(0o100)
            with pytest.raises(OperatorError, match="folder landing/shop cannot be read"):
                house.take(source, 1)
            house.folder.chmod(0o700)
        assert house.stored() == before


def test_file_that_cannot_be_read_as_the_feed_says_is_left(tmp_path: Path) -> None:
    house = lines(tmp_path)
    house.land("a.json", b'[{"a":"ann"}]')
    (source,) = house.sources()
    house.feed = _feed("json", records="$.a[*]")
    assert house.take(source, 1).left == (
        "landing/shop/a.json is a list, where `records` in tillage.yaml begins with a member; set `$[*]`",
    )


def test_what_killed_processes_left_half_made_is_removed(tmp_path: Path) -> None:
    house = lines(tmp_path)
    path = house.land("a.jsonl", b'{"a":"ann"}\n')
    (source,) = house.sources()
    archive = house.root / "archive/landing/shop"
    archive.mkdir(parents=True)
    path.rename(house.folder / ".a.jsonl.tillage-after")
    (archive / ".a.jsonl.tillage-after").write_bytes(b'{"a":"a')
    (archive / ".a~4.jsonl.tillage-scrub").write_bytes(b"  ")
    (house.folder / ".a.jsonl.tillage-scrub").write_bytes(b"  ")
    house.take(source, 1)
    assert house.stored() == {"landing/shop/.a.jsonl.tillage-after": b" " * 11 + b"\n"}
