"""The scanner over real files of every kind."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import random
import resource
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote_plus

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.integration.unprivileged import unprivileged
from tillage.ports.scanning import Hit, Identifier, IdentifierKind, Searched
from tillage.scans.files import OTHERS, FileScanner
from tillage.stores.embedded import EmbeddedPostgres

ID, ALIAS, VALUE = IdentifierKind.ID, IdentifierKind.ALIAS, IdentifierKind.VALUE
ANNA = [
    Identifier(0, ID, "622058"),
    Identifier(0, ALIAS, "anna.kern@example.com"),
    Identifier(0, VALUE, "Jürgen O'Größe"),
    Identifier(0, VALUE, "+49 170 1234567"),
]
FORMS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda text: text.encode(),
    "upper": lambda text: text.upper().encode(),
    "utf-16": lambda text: text.encode("utf-16-le"),
    "json": lambda text: json.dumps(text)[1:-1].encode(),
    "url": lambda text: quote_plus(text).encode(),
    "base64": lambda text: base64.b64encode(b'{"id":"' + text.encode() + b'"}'),
    "hex": lambda text: text.encode().hex().encode(),
}


def _zip(*members: bytes, packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packing) as opened:
        for number, data in enumerate(members):
            opened.writestr(f"m{number}", data)
    return file.getvalue()


def _parquet(values: pa.Array, **options: object) -> bytes:
    file = io.BytesIO()
    # Among other rows, so that the value is in no statistics of the file's.
    pq.write_table(pa.table({"row": range(len(values)), "v": values}), file, **options)
    return file.getvalue()


def _binary(data: bytes) -> list[bytes]:
    return [b"\0", data, b"\xff" * 100]


def _zstd(data: bytes) -> bytes:
    packed: bytes = pa.Codec("zstd").compress(data, asbytes=True)
    return packed


CONTAINERS: dict[str, Callable[[bytes], bytes]] = {
    "stored": lambda data: b"<" + data + b">",
    "gzip": lambda data: gzip.compress(b"x " * 50 + data + b" y" * 50),
    "gzip of two": lambda data: gzip.compress(b"x " * 50) + gzip.compress(b" " + data + b" ") + b"\0" * 50,
    "zstd": lambda data: _zstd(b"x " * 50 + data + b" y" * 50),
    "zip": lambda data: _zip(b"x", b"y " * 99 + data + b" z"),
    "gzip in zip": lambda data: _zip(gzip.compress(b" " + data + b" ")),
    "zip in gzip": lambda data: gzip.compress(_zip(b" " + data + b" ")),
    "zip in zip": lambda data: _zip(_zip(b" " + data + b" ")),
    "parquet in zip": lambda data: _zip(_parquet(pa.array(_binary(data)), compression="zstd")),
    "parquet": lambda data: _parquet(pa.array(_binary(data)), compression="zstd", write_statistics=False),
    "parquet of dictionaries": lambda data: _parquet(
        pa.array(_binary(data)).dictionary_encode(), compression="zstd", write_statistics=False
    ),
    "parquet of deltas": lambda data: _parquet(
        pa.array(_binary(data)),
        compression="gzip", use_dictionary=False, column_encoding={"v": "DELTA_BYTE_ARRAY"}, write_statistics=False,
    ),
    "parquet of lists": lambda data: _parquet(
        pa.array([[], [{"a": {"b": data}}], None, [{"a": None}, {"a": {"b": b"z"}}]]),
        compression="zstd", write_statistics=False,
    ),
    "parquet of maps": lambda data: _parquet(
        pa.array([[], [(data, 1)], None], pa.map_(pa.binary(), pa.int32())), compression="zstd", write_statistics=False
    ),
}  # fmt: skip


def scanned(root: Path, identifiers: list[Identifier], layers: tuple[tuple[str, str], ...] = ()) -> dict[str, Searched]:
    scanner = FileScanner(root)
    return {searched.layer: searched for searched in scanner.files(scanner.search(identifiers), layers)}


def hits_in(root: Path, identifiers: list[Identifier]) -> list[Hit]:
    others = scanned(root, identifiers)[OTHERS]
    assert (others.undecoded, others.unread) == ([], [])
    return others.hits


@pytest.mark.parametrize("identifier", ANNA, ids=["id", "email", "name", "phone"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("container", CONTAINERS)
def test_each_form_in_each_container_is_found(
    tmp_path: Path, identifier: Identifier, form: str, container: str
) -> None:
    (tmp_path / "file").write_bytes(CONTAINERS[container](FORMS[form](identifier.text)))
    hits = hits_in(tmp_path, ANNA)
    assert {(hit.person, hit.kind) for hit in hits} == {(0, identifier.kind)}
    assert [hit.place for hit in hits if "," in hit.place or container == "stored"]
    if container == "stored":
        assert len(hits) == 1


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1, 622058, 3]), pa.array([1, 622058, 3], pa.uint32()), pa.array([1.0, 622058.0, 3.5]),
        pa.array([Decimal("1.00"), Decimal("622058.00")]), pa.array([1, 622058]).dictionary_encode(),
    ],
    ids=["int64", "uint32", "double", "decimal", "dictionary"],
)  # fmt: skip
def test_a_number_of_parquet_is_listed_with_its_column(tmp_path: Path, values: pa.Array) -> None:
    (tmp_path / "a.parquet").write_bytes(_parquet(values, compression="zstd"))
    assert [(hit.place, hit.explained) for hit in hits_in(tmp_path, ANNA)] == [("a.parquet, rows", "v")]


def test_a_number_deep_in_parquet_has_its_dotted_path(tmp_path: Path) -> None:
    values = pa.array([{"sizes": [{"n": 1}]}, {"sizes": [{"n": 5}, {"n": 622058}, {"n": 16220580}]}, None])
    (tmp_path / "a.parquet").write_bytes(_parquet(values))
    assert [hit.explained for hit in hits_in(tmp_path, ANNA)] == ["v.sizes.n"]


def test_a_number_written_as_text_in_parquet_is_there(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(_parquet(pa.array(["1", "622058"]), compression="zstd"))
    assert {hit.explained for hit in hits_in(tmp_path, ANNA)} == {""}


def test_a_first_name_in_a_row_counts_with_the_id_of_that_row_only(tmp_path: Path) -> None:
    people = [Identifier(0, ID, "622058"), Identifier(0, VALUE, "Anna")]
    filler = "." * 600
    table = {"id": ["622058", "2", "3", "4"], "name": ["Anna", "Ben", "Cleo", "Anna"], "note": [filler] * 4}
    pq.write_table(pa.table(table), tmp_path / "a.parquet", compression="zstd", write_statistics=False)
    rows = [hit for hit in hits_in(tmp_path, people) if hit.place.endswith("rows")]
    assert [hit.kind for hit in rows] == [ID, VALUE]


def test_the_innermost_layer_has_a_file_and_the_rest_is_of_none(tmp_path: Path) -> None:
    layers = (("landing", "landing"), ("data", "data"), ("store", "data/store/"), ("empty", "nothing/here"))
    inside = ("landing/a", "data/b", "data/.hidden/c", "data/store/d", "data/store/x/e", "data/stores")
    for file in (*inside, ".env", "landings/g"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("622058")
    searched = scanned(tmp_path, ANNA, layers)
    assert list(searched) == ["landing", "data", "store", "empty", OTHERS]
    assert {name: sorted(hit.place for hit in one.hits) for name, one in searched.items()} == {
        "landing": ["landing/a"],
        "data": ["data/.hidden/c", "data/b", "data/stores"],
        "store": ["data/store/d", "data/store/x/e"],
        "empty": [],
        OTHERS: [".env", "landings/g"],
    }
    assert [one.files for one in searched.values()] == [1, 3, 2, 0, 2]
    assert [one.stored_bytes for one in searched.values()] == [6, 18, 12, 0, 12]


def test_no_place_holds_what_was_found(tmp_path: Path) -> None:
    folder = tmp_path / "landing" / "622058" / "in"
    folder.mkdir(parents=True)
    (folder / "anna.kern@example.com.zip").write_bytes(_zip(b"a 622058"))
    (folder / "a.csv").write_text("622058")
    (folder / "z").symlink_to("/nowhere/622058")
    searched = scanned(tmp_path, ANNA, (("landing", "landing"),))["landing"]
    assert sorted((hit.place, hit.kind.value) for hit in searched.hits) == [
        ("(entry 1 of landing)/in/a.csv", "id"),
        ("(entry 2 of (entry 1 of landing)/in), member 1", "id"),
        ("name of entry 1 of landing", "id"),
        ("name of entry 2 of (entry 1 of landing)/in", "alias"),
        ("target of entry 3 of (entry 1 of landing)/in", "id"),
    ]


def test_links_are_not_followed_and_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a").write_text("622058")
    root = tmp_path / "root"
    root.mkdir()
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "file").symlink_to(tmp_path / "outside" / "a")
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "fifo")
    assert hits_in(root, ANNA) == []


def test_the_callers_own_file_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("622058")
    (tmp_path / "ids.txt.bak").write_text("622058")
    scanner = FileScanner(tmp_path, is_skipped=lambda path: path.name == "ids.txt")
    (others,) = scanner.files(scanner.search(ANNA), [])
    assert [hit.place for hit in others.hits] == ["ids.txt.bak"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (gzip.compress(b"622058 " + random.Random(1).randbytes(5000))[:3000], "gzip"),
        (_zstd(b"622058 " + random.Random(1).randbytes(500_000))[:300_000], "zstd"),
        (_zip(b"x" * 100, b"622058")[:-30] + b"622058", "zip"),
        (_parquet(pa.array(["a 622058"]))[:-3], "Parquet"),
        (b"BZh91AY&SY 622058 ", "bzip2"),
        (b"\xfd7zXZ\0 622058 ", "xz"),
    ],
    ids=["gzip", "zstd", "zip", "parquet", "bzip2", "xz"],
)
def test_torn_and_unknown_packings_are_searched_as_far_as_they_go_and_listed(
    tmp_path: Path, data: bytes, says: str
) -> None:
    (tmp_path / "file").write_bytes(data)
    others = scanned(tmp_path, ANNA)[OTHERS]
    assert {hit.kind for hit in others.hits} == {ID}
    assert len(others.undecoded) == 1
    assert others.undecoded[0].startswith("file")
    assert says in others.undecoded[0]


def test_a_member_with_a_password_is_listed(tmp_path: Path) -> None:
    data = bytearray(_zip(b"622058 secret", packing=zipfile.ZIP_STORED))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    (undecoded,) = scanned(tmp_path, ANNA)[OTHERS].undecoded
    assert undecoded.startswith("a.zip, member 1: ")


def test_packed_too_often_is_listed(tmp_path: Path) -> None:
    data = b"622058"
    for _ in range(6):
        data = gzip.compress(data)
    (tmp_path / "a.gz").write_bytes(data)
    others = scanned(tmp_path, ANNA)[OTHERS]
    assert others.hits == []
    assert len(others.undecoded) == 1


def test_what_cannot_be_read_is_listed() -> None:
    with TemporaryDirectory(prefix="tillage-") as name:
        folder = Path(name)
        (folder / "a").write_text("622058")
        (folder / "a").chmod(0)
        (folder / "b").mkdir(mode=0)
        scanned(folder, ANNA)  # what Python imports late may lie where nobody may read
        with unprivileged(folder):
            others = scanned(folder, ANNA)[OTHERS]
        (folder / "b").chmod(0o700)
    assert [place.split(":")[0] for place in others.unread] == ["a", "b"]


def test_a_root_that_is_not_there_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    (unread,) = scanned(tmp_path / "gone", ANNA)[OTHERS].unread
    assert unread.startswith("the project's folder: ")


@pytest.mark.parametrize("pack", [gzip.compress, _zstd, _zip], ids=["gzip", "zstd", "zip"])
def test_a_bomb_does_not_fill_the_memory(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    size = 300_000_000
    (tmp_path / "bomb").write_bytes(pack(b"\0" * size))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    others = scanned(tmp_path, ANNA)[OTHERS]
    assert others.decoded_bytes == size
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


def test_a_match_across_blocks_of_a_file_counts_once(tmp_path: Path) -> None:
    block_bytes = 4096
    data = bytearray(b"." * 40_000)
    places = [block_bytes * number - 8 + number for number in range(1, 9)]
    for place in places:
        data[place : place + 8] = b" 622058 "
    (tmp_path / "a").write_bytes(data)
    (tmp_path / "b.gz").write_bytes(gzip.compress(data))
    scanner = FileScanner(tmp_path, block_bytes=block_bytes)
    (others,) = scanner.files(scanner.search(ANNA), [])
    assert [(hit.place, hit.at) for hit in others.hits] == [
        (name, place + 1) for name in ("a", "b.gz, unpacked") for place in places
    ]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    with EmbeddedPostgres(folder) as dsn, psycopg.connect(dsn, autocommit=True) as store:
        store.execute("create table plain (id text, next text, n int)")
        store.execute("insert into plain values ('622058', repeat('x', 40), 65)")
        for method in ("pglz", "lz4"):
            try:
                store.execute(f"create table {method} (t text compression {method})")
            except psycopg.errors.FeatureNotSupported:
                continue
            store.execute(f"insert into {method} values (%s)", ["so " * 900 + "anna.kern@example.com " + "as " * 900])
        # Longer than a page's share even when compressed; and not compressed, with the text where it is cut.
        noise = base64.b64encode(random.Random(3).randbytes(9000)).decode()
        store.execute("create table long (t text)")
        store.execute("insert into long values (%s)", [noise + " +49 170 1234567 " * 40])
        store.execute("create table cut (t text)")
        store.execute("alter table cut alter t set storage external")
        store.execute("insert into cut values (%s)", ["." * 1990 + "Jürgen O'Größe" + "." * 4000])
        store.execute("checkpoint")
    return folder


@pytest.mark.parametrize("identifier", ANNA[1:], ids=["compressed", "cut", "compressed and cut"])
def test_values_that_postgresql_compressed_or_cut_are_found(cluster: Path, identifier: Identifier) -> None:
    searched = scanned(cluster, [identifier])[OTHERS]
    assert searched.unread == []
    assert [hit.kind for hit in searched.hits if hit.place.endswith(", long values")]


def test_an_id_before_another_column_of_postgresql_is_whole(cluster: Path) -> None:
    # The next column begins with a length that reads as a letter.
    hits = scanned(cluster, ANNA[:1])[OTHERS].hits
    assert len([hit for hit in hits if "/base/" in f"/{hit.place}"]) == 1
