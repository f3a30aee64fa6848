"""What a test gives to a feed, as files in a folder that is gone afterwards: names, folders and packing count."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from tillage.contracts.cases.file import Given
from tillage.contracts.project import Feed
from tillage.doors.files import FilesDoor
from tillage.doors.record_files import SUFFIXES, record_file
from tillage.errors import OperatorError

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever it is made


@contextmanager
def laid(feed: Feed, given: Sequence[Given]) -> Iterator[FilesDoor]:
    """A door at which exactly these files lie.

    Raises:
        OperatorError: the format of the feed cannot hold what a file is made of.
    """
    with TemporaryDirectory(prefix="tillage-") as folder:
        landing = Path(folder, feed.folder)
        landing.mkdir(parents=True)
        for one in given:
            name = one.name or f"given{SUFFIXES[feed.format]}"
            # What is given as bytes is packed already, if it is.
            _put(landing, name, _bytes(one, feed), is_packed=isinstance(one.content, bytes))
        yield FilesDoor(Path(folder))


def _bytes(given: Given, feed: Feed) -> bytes:
    content = given.content
    if isinstance(content, bytes):
        return content
    if not isinstance(content, str):
        return record_file(content, feed)
    encoding = feed.csv.encoding if feed.format == "csv" else "utf-8"
    try:
        return content.encode(encoding)
    except UnicodeEncodeError:
        raise OperatorError(
            f"a file holds a letter that {encoding} does not have; give its bytes in base64: `!!binary`"
        ) from None


def _put(landing: Path, name: str, data: bytes, *, is_packed: bool) -> None:
    """Packed as the name says."""
    parts = name.split("/")
    archive = next((depth for depth, part in enumerate(parts[:-1], 1) if part.lower().endswith(".zip")), None)
    path = landing.joinpath(*parts[:archive])
    path.parent.mkdir(parents=True, exist_ok=True)
    if archive is not None:
        with zipfile.ZipFile(path, "a", compression=zipfile.ZIP_DEFLATED) as zipped:
            zipped.writestr(zipfile.ZipInfo("/".join(parts[archive:]), _EPOCH), data)
        return
    path.write_bytes(data if is_packed else _packed(path.suffix.lower(), data))


def _packed(suffix: str, data: bytes) -> bytes:
    if suffix == ".gz":
        return gzip.compress(data, mtime=0)
    if suffix == ".zst":
        return bytes(pa.Codec("zstd").compress(data, asbytes=True))
    return data
