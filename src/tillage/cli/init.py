"""`tillage init`: copies an example project, or makes one around a file of unknown records."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

from tillage.contracts.document import nearest
from tillage.contracts.project import WHITESPACE
from tillage.contracts.yaml_text import listed, quoted, word
from tillage.errors import OperatorError
from tillage.lake.paths import check_folder

if TYPE_CHECKING:
    from tillage.contracts.project import Feed

_GITIGNORE = (
    "# The lake, the embedded store and all results.\n/data/\n/processed/\n"
    "# Keys.\n/safe/\n# What arrived.\n/landing/*/*\n/archive/\n"
)


@dataclass(frozen=True)
class Guessed:
    """A feed made from a file."""

    name: str
    feed_text: str
    """Its line of `tillage.yaml`, with the doubts about it as comments before."""
    contract_text: str
    doubts: dict[int, str]
    """Of the contract, by line."""
    file_name: str
    """What the file has to be called at the door."""
    records: int
    skipped_records: int


def make_project(template: str, folder: Path) -> list[str]:
    """Copies the template into `folder`; the files made, relative to it, sorted.

    Raises:
        OperatorError: no such template, the folder has something in it, or no table can lie below it.
    """
    check_folder(folder.resolve())
    templates = resources.files("tillage").joinpath("templates")
    known = sorted(
        entry.name for entry in templates.iterdir() if entry.is_dir() and not entry.name.startswith(("_", "."))
    )
    if template not in known:
        raise OperatorError(
            f"no template '{template}'{nearest(template, known)}. From a file of yours: "
            f"tillage init {template} --from FILE"
        )
    _refuse_full(folder)
    made: list[str] = []
    try:
        _copy(templates.joinpath(template), folder, "", made)
    except OSError as wrong:
        raise OperatorError(f"{folder} cannot be written: {wrong.strerror}") from None
    return sorted(made)


def guess_feed(file: Path, *, delimiter: str | None = None, skip_rows: int | None = None) -> Guessed:
    """A feed named after the file, with a contract that the records looked at keep.

    Raises:
        OperatorError: the file cannot be read, or no contract can be made of it.
    """
    from tillage.contracts.tools.infer import column_name, doubts, infer_contract
    from tillage.doors.folders import PACKED, SUFFIXES, is_hidden, suffix_reason
    from tillage.doors.sample import Stated, read_sample
    from tillage.wiring import compile_text

    known = tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
    packed = next((suffix for suffix in PACKED if file.name.lower().endswith(suffix)), "")
    stem = file.name[: len(file.name) - len(packed)]
    suffix = next((suffix for suffix in known if stem.lower().endswith(suffix)), "")
    name = column_name(stem[: len(stem) - len(suffix)], set())
    sample = read_sample(file, name, Stated(_mark(delimiter), skip_rows))
    head = [f"In tillage.yaml: {_feed_line(sample.feed)}"]
    if sample.skipped_records:
        head.append(f"doubtful: {sample.skipped_records:,} more records cannot be read as {sample.feed.format}")
    contract_text = infer_contract(name, sample.records, is_text=sample.is_text, head=head)
    compile_text(name, contract_text)
    is_taken = suffix_reason(file.name, sample.feed) is None and not is_hidden(file.name) and file.name.isprintable()
    return Guessed(
        name,
        "".join(f"  # doubtful: {doubt}\n" for doubt in sample.doubts) + f"  {_feed_line(sample.feed)}\n",
        contract_text,
        doubts(contract_text),
        file.name if is_taken else f"{name}{sample.suffix}",
        len(sample.records),
        sample.skipped_records,
    )


def _mark(delimiter: str | None) -> str | None:
    """A tab may be written as in a program.

    Raises:
        OperatorError: no rows could be parted by it.
    """
    found = {"\\t": "\t", "tab": "\t"}.get(delimiter or "", delimiter)
    if found is None or found == WHITESPACE or (re.fullmatch(r"[^\w\\\"\r\n]", found, re.ASCII) and found.isascii()):
        return found
    raise OperatorError(
        f"--delimiter is one ASCII character that is no letter, digit or quote, `tab` or `{WHITESPACE}`; like "
        "--delimiter ';'"
    )


def make_from_file(
    folder: Path, file: Path, *, delimiter: str | None = None, skip_rows: int | None = None
) -> tuple[Guessed, list[str]]:
    """A project in `folder` whose one feed takes the file; the feed, and the files made, relative to it, sorted.

    Raises:
        OperatorError: as `guess_feed`, or the folder has something in it or cannot be written.
    """
    check_folder(folder.resolve())
    _refuse_full(folder)
    guessed = guess_feed(file, delimiter=delimiter, skip_rows=skip_rows)
    landed = f"landing/{guessed.name}/{guessed.file_name}"
    project = re.sub(r"[^a-z0-9_-]+", "-", folder.resolve().name.lower()).strip("-_")[:63] or "project"
    texts = {
        "tillage.yaml": f"# Which door feeds what.\nproject: {word(project)}\nfeeds:\n{guessed.feed_text}",
        f"contracts/{guessed.name}.odcs.yaml": guessed.contract_text,
        ".gitignore": _GITIGNORE,
    }
    try:
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        (folder / "models").mkdir()
        _land(file, folder / landed)
    except OSError as wrong:
        raise OperatorError(f"{folder} cannot be written: {wrong.strerror}; empty it, then again") from None
    return guessed, sorted([*texts, landed])


def three_commands(folder: Path, guessed: Guessed) -> list[str]:
    """What leads from here to the rows."""
    from shlex import quote

    import duckdb

    with duckdb.connect(":memory:") as connection:
        reserved = connection.execute(
            "select count(*) from duckdb_keywords() where keyword_category = 'reserved' and keyword_name = ?",
            [guessed.name],
        ).fetchall()[0][0]
    table = f'silver."{guessed.name}"' if reserved else f"silver.{guessed.name}"
    query = quote(f"from {table}") if reserved else f'"from {table}"'
    return [f"cd {quote(str(folder))}", "tillage run", f"tillage query {query}"]


def _feed_line(feed: Feed) -> str:
    """The feed as one line of `tillage.yaml`."""
    parts = [f"path: {feed.path}", f"format: {feed.format}"]
    if feed.records is not None:
        parts.append(f"records: {quoted(feed.records)}")
    if feed.format == "csv":
        csv = feed.csv
        written = [f"delimiter: {quoted(csv.delimiter or ',')}"]
        written += [f"quote: {quoted(csv.quote)}"] if csv.quote != '"' else []
        written += [] if csv.has_header else ["header: false"]
        written += [f"columns: {listed(csv.columns)}"] if csv.columns else []
        written.append(f"encoding: {csv.encoding}")
        written += [f"skip: {csv.skip_rows}"] if csv.skip_rows else []
        parts.append(f"csv: {{{', '.join(written)}}}")
    return f"{word(feed.name)}: {{{', '.join(parts)}}}"


def _land(file: Path, target: Path) -> None:
    """A copy under a name that no run takes until it is whole."""
    target.parent.mkdir(parents=True)
    part = target.with_name(f".{target.name}.part")
    with file.open("rb") as source, part.open("xb") as copy:
        shutil.copyfileobj(source, copy, 1024 * 1024)
        copy.flush()
        os.fsync(copy.fileno())
    part.rename(target)


def _refuse_full(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OperatorError(f"{folder} is not an empty folder; choose another name, or empty it")


def _copy(source: Traversable, target: Path, prefix: str, made: list[str]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        if entry.is_dir():
            _copy(entry, target / entry.name, f"{prefix}{entry.name}/", made)
        else:
            (target / entry.name).write_bytes(entry.read_bytes())
            made.append(prefix + entry.name)


def init_from_example(template: str, folder: Path, *, is_shown: bool) -> dict[str, object]:
    """Makes the project and says what to do next; what was done, for JSON."""
    from tillage.settings import read_settings
    from tillage.wiring import load_project, safe_of

    made = make_project(template, folder)
    project, feeds, _ = load_project(folder, read_settings({}))
    if any(feed.check.contract.has_people for feed in feeds.values()):
        safe_of(folder, project.environment).keys(None)
    if is_shown:
        paths = " and ".join(dict.fromkeys(feed.path for feed in project.feeds))
        print(f"made {folder} with {', '.join(made)}")
        print(f"next: cd {folder}; put files into {paths}; tillage run")
    return {"project": str(folder), "files": made}


def init_from_file(
    folder: Path, file: Path, *, delimiter: str | None, skip_rows: int | None, is_shown: bool
) -> dict[str, object]:
    """Makes the project and says the three commands that lead to its rows; what was done, for JSON."""
    guessed, made = make_from_file(folder, file, delimiter=delimiter, skip_rows=skip_rows)
    commands = three_commands(folder, guessed)
    if is_shown:
        _show(folder, made, guessed, commands)
    return {
        "project": str(folder),
        "files": made,
        "feed": guessed.name,
        "records": guessed.records,
        "skipped_records": guessed.skipped_records,
        "doubts": [{"line": line, "doubt": doubt} for line, doubt in guessed.doubts.items()],
        "next": commands,
    }


def _show(folder: Path, made: Sequence[str], guessed: Guessed, commands: Sequence[str]) -> None:
    print(f"made {folder} with {', '.join(made)}")
    contract = f"contracts/{guessed.name}.odcs.yaml"
    doubtful = guessed.feed_text.count("# doubtful: ")
    if doubtful:
        print(f"tillage.yaml has {doubtful} guesses marked `doubtful`")
    if guessed.doubts:
        print(f"{contract} has {len(guessed.doubts)} lines marked `doubtful`: look at them before you rely on it")
    if guessed.skipped_records:
        print(f"{guessed.skipped_records:,} of the first records cannot be read; tillage status will say why")
    print("next:")
    for command in commands:
        print(f"  {command}")
