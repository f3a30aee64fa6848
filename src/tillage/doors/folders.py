"""Which files lie at a feed's door, and what their folders say: names, patterns and links, nothing of their content."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import unquote

from tillage.contracts.project import Feed
from tillage.doors.opening import signature
from tillage.errors import OperatorError
from tillage.ports.door import LeftAlone

PACKED = {".gz": "gzip", ".zst": "zstd", ".zip": "zip"}
SUFFIXES = {
    "jsonl": (".jsonl", ".ndjson", ".json"),
    "json": (".json",),
    "csv": (".csv", ".tsv", ".tab", ".psv", ".txt", ".dat"),
    "parquet": (".parquet", ".pq"),
    "xml": (".xml",),
}
_ANY_SUFFIX = tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
# What editors, browsers and copying programs call a file that is not there yet.
_TEMPORARY = (".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".download", ".swp", "~")
_NOWHERE = "a link that leads nowhere"
_NO_FILE = "no regular file"
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class Candidate:
    """A regular file whose name fits."""

    name: str
    """Relative to the project, with forward slashes."""
    folder: Path
    """Where it lies, links followed."""
    last: str
    """Its name there."""
    found: os.stat_result
    doubt: str = ""
    """Why it is left alone, unless it begins as a file of the feed's format: its suffix is one of another format."""

    @property
    def real(self) -> Path:
        """The file, links followed; made only when it is asked for, since most files are known and never opened."""
        return self.folder / self.last


def candidates(
    root: Path, feed: Feed, known: Mapping[str, str] | None = None
) -> tuple[list[Candidate], list[LeftAlone]]:
    """The feed's files in order of name, and what was left alone though it does not hide.

    Args:
        known: By name, signatures of files that nothing more is asked of. A feed of some years has tens of thousands,
            and every run looks at each: all it costs is to be listed and its times to be read.

    Raises:
        OperatorError: the folder is missing, one in it may not be read, or a name is no text.
    """
    folder = refuse_missing(root, feed)
    inside = folder.resolve()
    pattern = feed.path.split("/")
    known = known or {}
    taken: list[Candidate] = []
    alone: list[LeftAlone] = []
    for directory, names in walk(folder, root):
        place, prefix, real = str(directory), directory.relative_to(root).as_posix(), directory.resolve()
        for last in names:
            name = f"{prefix}/{last}"
            if name in known and _signature(f"{place}/{last}") == known[name]:
                continue
            if is_hidden(last) or not fits(name.split("/"), pattern):
                continue
            candidate = _candidate(directory / last, name, feed, directory=real, inside=inside)
            if isinstance(candidate, LeftAlone):
                alone.append(candidate)
            elif candidate:
                taken.append(candidate)
    return sorted(taken, key=lambda candidate: candidate.name), sorted(alone, key=lambda left: left.path)


def refuse_missing(root: Path, feed: Feed) -> Path:
    """The feed's folder.

    Raises:
        OperatorError: there is none.
    """
    folder = root / feed.folder
    if not folder.is_dir():
        raise OperatorError(
            f"feed {feed.name}: folder {feed.folder} does not exist; make it: mkdir -p {feed.folder}"
            if not folder.exists()
            else f"feed {feed.name}: {feed.folder} is no folder; `path` names a folder, or files by a pattern with *"
        )
    return folder


def is_hidden(name: str) -> bool:
    """Whether a part of a path asks to be left alone without a word."""
    return name.startswith((".", "_")) or name.lower().endswith(_TEMPORARY)


def suffix_reason(name: str, feed: Feed, *, is_member: bool = False) -> str | None:
    """Why a file of that name is none of the feed's; None if it is."""
    lower = name.lower()
    stem, dot, last = lower.rpartition(".")
    packed = PACKED.get(dot + last)
    allowed = SUFFIXES[feed.format]
    if packed and is_member:
        return "a file inside a zip file cannot be packed again"
    if packed and feed.format == "parquet":
        return "parquet packs itself; unpack the file"
    if packed == "zip" or lower.endswith(allowed) or (packed and stem.endswith(allowed)):
        return None
    also = "" if is_member else ", also with .gz, .zst, .zip"
    return f"its suffix is none of {feed.format}: {', '.join(allowed)}{also}"


def is_data(name: str) -> bool:
    """Whether the name ends as files of any format do, so that only a look into the file can tell."""
    lower = name.lower()
    stem, dot, last = lower.rpartition(".")
    return (stem if dot + last in PACKED else lower).endswith(_ANY_SUFFIX)


def folder_members(path: str, feed: Feed) -> dict[str, str]:
    """What the folders `name=value` of a source's path say, below the fixed part of the feed's path.

    Values are decoded as Hive writes them, `%2F` for a slash; its spelling of null leaves the name out, and the
    innermost of two equal names holds.
    """
    below = path.removeprefix(feed.folder).strip("/").split("/")[:-1]
    members: dict[str, str] = {}
    for part in below:
        name, equals, value = part.partition("=")
        if not equals or not name or part.lower().endswith(".zip"):
            continue
        members.pop(unquote(name), None)
        if value != _HIVE_NULL:
            members[unquote(name)] = unquote(value)
    return members


def walk(folder: Path, root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each folder that does not hide, with everything in it that is no real folder; links to folders are not followed.

    Raises:
        OperatorError: a folder may not be read; else its files would be left out without a word.
    """

    def refuse(wrong: OSError) -> None:
        if isinstance(wrong, FileNotFoundError | NotADirectoryError):
            return  # gone since it was listed
        name = _shown(Path(wrong.filename).relative_to(root).as_posix())
        raise OperatorError(
            f"folder {name} cannot be read ({wrong.strerror}); make it readable, or move it out of the folder"
        ) from None

    for directory, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        links = [name for name in folders if Path(directory, name).is_symlink()]
        yield Path(directory), [*files, *links]


def fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a path, or a folder that it lies in, fits; `*` does not cross a slash, `**` is any number of folders."""
    if not pattern:
        return True
    if not parts:
        return False
    if pattern[0] == "**":
        return fits(parts, pattern[1:]) or fits(parts[1:], pattern)
    return fnmatchcase(parts[0], pattern[0]) and fits(parts[1:], pattern[1:])


def _signature(place: str) -> str | None:
    """Of what lies there itself, were it a link; None if nothing does."""
    try:
        return signature(os.lstat(place))
    except OSError:
        return None


def _candidate(place: Path, name: str, feed: Feed, *, directory: Path, inside: Path) -> Candidate | LeftAlone | None:
    """What is made of one name; None if it is gone since it was listed. `directory` is its own, links followed.

    Raises:
        OperatorError: the name is no text.
    """
    last = place.name
    try:
        found = place.lstat()
    except OSError:
        return LeftAlone(_shown(name), _NOWHERE)
    is_link = stat.S_ISLNK(found.st_mode)
    no_file = None if stat.S_ISREG(found.st_mode) else _NO_FILE
    doubt = suffix_reason(last, feed) or ""
    reason = (_link_reason(place, inside) if is_link else no_file) or ("" if is_data(last) else doubt)
    if reason:
        return LeftAlone(_shown(name), reason)
    try:
        candidate = _linked(name, place, doubt) if is_link else Candidate(name, directory, last, found, doubt)
    except OSError:
        return None
    _refuse_odd_name(name)
    return candidate


def _linked(name: str, link: Path, doubt: str) -> Candidate:
    real = link.resolve()
    return Candidate(name, real.parent, real.name, link.stat(), doubt)


def _link_reason(path: Path, inside: Path) -> str | None:
    try:
        if not path.resolve().is_relative_to(inside):
            return "a link that leads out of the feed's folder"
        found = path.stat()
    except (OSError, RuntimeError):
        return _NOWHERE
    if stat.S_ISDIR(found.st_mode):
        return "a link to a folder"
    return None if stat.S_ISREG(found.st_mode) else _NO_FILE


def _shown(name: str) -> str:
    return name.encode(errors="backslashreplace").decode()


def _refuse_odd_name(name: str) -> None:
    """The ledger keeps names as text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        folder, _, last = _shown(name).rpartition("/")
        raise OperatorError(f"a file's name in {folder} is not UTF-8: {last}; rename it") from None
