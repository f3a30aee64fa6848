"""Reads `tillage.yaml`: which door feeds what, what is served where, and which environments there are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from tillage.contracts import json_path
from tillage.contracts.document import Document, Path, nearest, read_document
from tillage.contracts.encodings import codec_of
from tillage.contracts.environments import DEFAULT, PROCESSED, Environment, read_environments
from tillage.contracts.feed_path import folder_of, read_feed_path
from tillage.contracts.schedule import Schedule, read_schedule, read_zone
from tillage.domain.bound import QuarantineBound, read_bound
from tillage.errors import OperatorError, ProjectFileError

FORMATS = ("jsonl", "json", "csv", "parquet", "xml")
SAME_CONTENT = ("load", "skip")
MIRRORED_FORMATS = ("jsonl", "json")  # of which a record alone is a record again
WHITESPACE = "whitespace"
PROJECT_NAMES = {"project", "feeds", "serve", "timezone", "maintain", "environments"}
FEED_NAMES = {"path", "format", "records", "csv", "sameContent", "maxQuarantine", "schedule", "after", "mirror"}
CSV_NAMES = {"delimiter", "quote", "header", "columns", "encoding", "skip"}
ROUTE_NAMES = {"from", "fields", "auth"}
MAINTAIN_NAMES = {"schedule"}
ARCHIVE = "archive"  # the folder of the project where loaded files go
PROJECT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
QUOTES = tuple("!\"#$%&'()*+,-./:;<=>?@[]^`{|}~")
JSON_RECORDS = re.compile(rf"\$|\$(?:{json_path.STEP})*\[\*\]")
XML_RECORDS = re.compile(r"(?:/[\w\u0080-\uffff][\w\u0080-\uffff.:-]*)+")  # as editors read it, whose \w is ASCII
FEED_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
SCOPE = re.compile(r"[a-z][a-z0-9_.:-]{0,62}")
OPEN = "none"
HOUSE_SCOPE = "house:read"  # of pages and metrics
ROUTE = re.compile(r"(?:/[A-Za-z0-9_-]+)+/\{([A-Za-z_][A-Za-z0-9_]*)\}")


class After(StrEnum):
    """What becomes of a landed file once all of it is loaded."""

    KEEP = "keep"
    ARCHIVE = "archive"
    DELETE = "delete"


class Mirror(StrEnum):
    """What is kept equal to what stands: files in the shape of those that landed, or tables in PostgreSQL."""

    FILES = "files"
    TABLES = "tables"


@dataclass(frozen=True)
class Csv:
    """How the rows of a CSV feed are written."""

    delimiter: str | None = None
    """One ASCII character, or `whitespace`: runs of blanks and tabs, without quotes. None: found out, then pinned."""
    quote: str = '"'
    """One ASCII character; empty: nothing is quoted."""
    has_header: bool = True
    columns: tuple[str, ...] = ()
    """Names by position, instead of those in the header."""
    encoding: str = "utf-8"
    """As Python's codecs call it."""
    skip_rows: int = 0
    """Physical lines at the top that are neither header nor record."""


@dataclass(frozen=True)
class Feed:
    """What arrives under one contract file."""

    name: str
    path: str
    """Folder relative to the project, with forward slashes; with `*`, `?`, `[..]` or `**` a pattern."""
    format: str
    records: str | None = None
    """Which parts of a JSON or XML document are the records; None: a list's elements, or the JSON document."""
    csv: Csv = Csv()
    is_same_content_loaded: bool = True
    """Whether the same bytes under another name are another file."""
    max_quarantine: QuarantineBound | None = None
    """A load with more in quarantine fails."""
    schedule: Schedule | None = None
    """When `tillage run --watch` runs it; None: when files arrive."""
    after: After = After.KEEP
    mirror: tuple[Mirror, ...] = ()
    """In the order of `Mirror`."""

    @property
    def folder(self) -> str:
        """The part of `path` that holds no wildcard: where the files lie."""
        return folder_of(self.path)


@dataclass(frozen=True)
class Route:
    """One served look-up: `path` with one parameter, answered from the row of `model` whose column equals it."""

    path: str
    parameter: str
    model: str
    fields: tuple[tuple[str, str], ...]
    """Name in the answer, column of the model; the parameter is among the names."""
    auth: str | None = None
    """The scope that a caller's token must have, or `none`: anybody may. None: only this machine may."""

    @property
    def scope(self) -> str | None:
        """The scope that a caller's token must have; None: no token is asked for."""
        return None if self.auth == OPEN else self.auth

    @property
    def key_column(self) -> str:
        """The model's column that the parameter selects by."""
        return dict(self.fields)[self.parameter]

    @property
    def prefix(self) -> str:
        """The path before the parameter, without the slash: `/spend`."""
        return self.path.rsplit("/", 1)[0]


@dataclass(frozen=True)
class Project:
    """The whole project file."""

    name: str
    feeds: tuple[Feed, ...]
    routes: tuple[Route, ...]
    maintain: Schedule | None = None
    """When `tillage run --watch` maintains the house; None: never."""
    zone: str = "UTC"
    """In which days begin."""
    environments: tuple[Environment, ...] = ()
    """Those beside the default one."""
    environment: Environment = field(default_factory=Environment)
    """The one that the feeds are described for."""

    @property
    def environment_member(self) -> dict[str, str]:
        """What JSON says of the environment; nothing where there is none but the default one."""
        return {"environment": self.environment.name} if self.environments else {}


def read_project(name: str, text: str) -> Project:
    """The project in `text`; `name` is how messages call the file.

    Raises:
        ProjectFileError: with the line, what is allowed, and the nearest name.
    """
    document = read_document(name, text, ProjectFileError)
    document.check_names((), document.data, PROJECT_NAMES)
    project = document.data.get("project")
    if not isinstance(project, str) or not PROJECT_NAME.fullmatch(project):
        raise document.wrong(("project",), "`project` must be a name of lower case letters, digits, - and _")
    feeds = _mapping(document, ("feeds",))
    if not feeds:
        raise document.wrong(
            ("feeds",), "`feeds` must name at least one feed: `orders: {path: landing/orders, format: jsonl}`"
        )
    zone = read_zone(document.data.get("timezone", "UTC"))
    if zone is None:
        raise document.wrong(("timezone",), "`timezone` is a name like UTC or Europe/Berlin, which this machine knows")
    maintain = _mapping(document, ("maintain",))
    document.check_names(("maintain",), maintain, MAINTAIN_NAMES)
    read = tuple(_feed(document, ("feeds", key), key, value, zone=zone) for key, value in feeds.items())
    environments = read_environments(document, feeds)
    _refuse_shared(document, read, environments)
    return Project(
        project,
        read,
        tuple(_route(document, ("serve", key), key, value) for key, value in _mapping(document, ("serve",)).items()),
        _schedule(document, ("maintain", "schedule"), maintain.get("schedule"), zone=zone),
        zone,
        environments,
    )


def _refuse_shared(document: Document, feeds: Sequence[Feed], environments: Sequence[Environment]) -> None:
    """A feed whose files are moved away may have them in no folder of another feed, or of another environment."""
    paths = {
        (feed.name, one.name): one.paths.get(feed.name, feed.path)
        for feed in feeds
        for one in (Environment(), *environments)
    }
    folders = {place: folder_of(path) for place, path in paths.items()}
    for (name, environment), folder in folders.items():
        if _is_inside(folder, PROCESSED):
            path = ("feeds", name, "path") if environment == DEFAULT else ("environments", environment)
            raise document.wrong(path, f"{PROCESSED}/ is where Tillage writes files; land them in another folder")
    for feed in feeds:
        if Mirror.FILES in feed.mirror and feed.name in {one.name for one in environments}:
            raise document.wrong(
                ("feeds", feed.name, "mirror"),
                f"the files of environment {feed.name} are kept in {PROCESSED}/{feed.name} too; give one another name",
            )
        if feed.after is After.KEEP:
            continue
        own = [place for place in folders if place[0] == feed.name]
        pairs = [(mine, other) for mine in own for other in folders if other != mine]
        for mine, (name, environment) in pairs:
            if _may_share(paths[mine], paths[name, environment]):
                whose = f"environment {environment}" if name == feed.name else f"feed {name}"
                raise document.wrong(
                    ("feeds", feed.name, "after"),
                    f"`after: {feed.after}` would take files from {whose}, which has them in the same folder; give "
                    "each a folder of its own",
                )
        if any(_is_inside(folders[place], ARCHIVE) for place in own):
            raise document.wrong(
                ("feeds", feed.name, "path"), f"{ARCHIVE}/ is where loaded files go; land them in another folder"
            )


def _may_share(path: str, other: str) -> bool:
    """Whether a file might be of both: one folder lies in the other, and no part of the patterns tells them apart."""
    folder, another = folder_of(path), folder_of(other)
    if not _is_inside(folder, another) and not _is_inside(another, folder):
        return False
    parts, others = path.split("/"), other.split("/")
    if len(parts) != len(others) or "**" in {*parts, *others} or {path, other} & {folder, another}:
        return True
    starts = (
        (re.split(r"[*?\[]", one)[0], re.split(r"[*?\[]", two)[0]) for one, two in zip(parts, others, strict=True)
    )
    return all(one.startswith(two) or two.startswith(one) for one, two in starts)


def _is_inside(folder: str, other: str) -> bool:
    return f"{folder}/".startswith(f"{other}/")


def in_environment(project: Project, name: str | None) -> Project:
    """The project as it is in the environment of that name; None: in the default one, as the file says it.

    Raises:
        OperatorError: there is none of that name; says which there are, and the nearest.
    """
    if name in {None, DEFAULT}:
        return project
    found = {one.name: one for one in project.environments}
    if name not in found:
        raise OperatorError(f"tillage.yaml has no environment '{name}'{nearest(name, [DEFAULT, *found])}")
    here = found[str(name)]
    feeds = tuple(replace(feed, path=here.paths.get(feed.name, feed.path)) for feed in project.feeds)
    return replace(project, feeds=feeds, environment=here)


def _schedule(document: Document, path: Path, value: Any, *, zone: str) -> Schedule | None:
    schedule = read_schedule(value, zone)
    if schedule is None and value is not None:
        raise document.wrong(
            path,
            "`schedule` is a cron expression of five fields (minute, hour, day, month, weekday) that some date fits, "
            'like "5 * * * *"',
        )
    return schedule


def _mapping(document: Document, path: Path) -> Mapping[Any, Any]:
    value = document.data.get(path[0])
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise document.wrong(path, f"`{path[0]}` must be a mapping")
    return value


def _feed(document: Document, path: Path, name: Any, value: Any, *, zone: str) -> Feed:
    if not isinstance(name, str) or not FEED_NAME.fullmatch(name):
        raise document.wrong(path, "a feed's name is lower case letters, digits and _, up to 63")
    if not isinstance(value, dict):
        raise document.wrong(path, "a feed is like {path: landing/orders, format: jsonl}")
    document.check_names(path, value, FEED_NAMES)
    kind = value.get("format", "jsonl")
    document.check_names((*path, "format"), [kind], FORMATS)
    same = value.get("sameContent", "load")
    document.check_names((*path, "sameContent"), [same], SAME_CONTENT)
    if "csv" in value and kind != "csv":
        raise document.wrong((*path, "csv"), f"`csv` describes CSV files, but the format is {kind}: set `format: csv`")
    after = value.get("after", After.KEEP)
    document.check_names((*path, "after"), [after], tuple(After))
    return Feed(
        name,
        read_feed_path(document, (*path, "path"), value.get("path")),
        kind,
        _records(document, (*path, "records"), kind, value.get("records")),
        _csv(document, (*path, "csv"), value.get("csv", {})),
        is_same_content_loaded=same == "load",
        max_quarantine=_bound(document, (*path, "maxQuarantine"), value.get("maxQuarantine")),
        schedule=_schedule(document, (*path, "schedule"), value.get("schedule"), zone=zone),
        after=After(after),
        mirror=_mirror(document, (*path, "mirror"), kind, value),
    )


def _mirror(document: Document, path: Path, kind: str, feed: Mapping[Any, Any]) -> tuple[Mirror, ...]:
    value = feed.get("mirror", [])
    if not isinstance(value, list):
        raise document.wrong(path, f"`mirror` is a list of {', '.join(Mirror)}, like [tables]")
    document.check_names(path, value, tuple(Mirror))
    if Mirror.FILES in value and (kind not in MIRRORED_FORMATS or feed.get("records") is not None):
        raise document.wrong(
            path, "`mirror: [files]` is for jsonl, and for json without `records`; use `mirror: [tables]` here"
        )
    return tuple(one for one in Mirror if one in value)


def _bound(document: Document, path: Path, value: Any) -> QuarantineBound | None:
    bound = read_bound(value)
    if bound is None and value is not None:
        raise document.wrong(
            path, "`maxQuarantine` is a number of units like 100, or a share of those read like 1% or 0.5%"
        )
    return bound


def _records(document: Document, path: Path, kind: str, records: Any) -> str | None:
    if kind == "xml":
        if not isinstance(records, str) or not XML_RECORDS.fullmatch(records):
            raise document.wrong(path, "xml needs `records`, the path of a record's element: /products/product")
    elif records is None:
        return None
    elif kind != "json":
        raise document.wrong(path, f"`records` is for json and xml; each record of {kind} is found without it")
    elif not isinstance(records, str) or (records != "$" and json_path.elements(records) is None):
        raise document.wrong(
            path,
            "`records` is `$` for the whole document, or a list in it like $.customers[*] or \"$['all rows'][*]\"",
        )
    return str(records)


def _csv(document: Document, path: Path, value: Any) -> Csv:
    if not isinstance(value, dict):
        raise document.wrong(path, "`csv` is like {delimiter: ;, header: true, encoding: utf-8}")
    document.check_names(path, value, CSV_NAMES)
    delimiter = value.get("delimiter")
    if delimiter not in (None, WHITESPACE) and not _is_mark(delimiter):
        raise document.wrong(
            (*path, "delimiter"), f"`delimiter` is one ASCII character that is no letter or digit, or `{WHITESPACE}`"
        )
    quote = value.get("quote", '"')
    if (quote != "" and quote not in QUOTES) or quote == delimiter:
        raise document.wrong(
            (*path, "quote"),
            "`quote` is one ASCII character other than the delimiter, no blank, or '' where nothing is quoted",
        )
    has_header, columns = value.get("header", True), value.get("columns", [])
    if not isinstance(has_header, bool):
        raise document.wrong((*path, "header"), "`header` is true or false")
    if not isinstance(columns, list) or not all(isinstance(name, str) and name for name in columns):
        raise document.wrong((*path, "columns"), "`columns` is a list of names by position: [id, name, price]")
    for number, name in enumerate(columns):
        if name in columns[:number]:
            raise document.wrong((*path, "columns", number), f"`columns` holds '{name}' twice; each name stands once")
    if not has_header and not columns:
        raise document.wrong(path, "without a header the columns need names: `columns: [id, name, price]`")
    skip_rows = value.get("skip", 0)
    if not isinstance(skip_rows, int) or isinstance(skip_rows, bool) or skip_rows < 0:
        raise document.wrong((*path, "skip"), "`skip` is the number of lines at the top that are no rows, from 0")
    encoding = _encoding(document, (*path, "encoding"), value.get("encoding", "utf-8"))
    return Csv(delimiter, quote, has_header, tuple(columns), encoding, skip_rows)


def _is_mark(value: Any) -> bool:
    """Whether it is one character that can separate or quote: none that text is made of, none that JSON escapes by."""
    return isinstance(value, str) and len(value) == 1 and "\0" < value < "\x7f" and not re.match(r"[\w\\\r\n]", value)


def _encoding(document: Document, path: Path, value: Any) -> str:
    """The codec's own name."""
    codec = codec_of(value)
    if codec is None:
        raise document.wrong(
            path,
            "`encoding` is utf-16 or one that keeps ASCII, such as utf-8, latin-1, iso-8859-15, cp1252, mac-roman",
        )
    return codec


def _route(document: Document, path: Path, route: Any, value: Any) -> Route:
    match = ROUTE.fullmatch(route) if isinstance(route, str) else None
    if match is None:
        raise document.wrong(path, "a served path has one parameter at its end, like /spend/{customerId}")
    if not isinstance(value, dict) or not isinstance(value.get("fields"), dict):
        raise document.wrong(path, "a served path needs `from: <model>` and `fields: {nameInAnswer: column}`")
    document.check_names(path, value, ROUTE_NAMES)
    fields = value["fields"]
    if match[1] not in fields:
        raise document.wrong((*path, "fields"), f"`fields` must hold the parameter, `{match[1]}: <column>`")
    if not all(isinstance(part, str) for pair in fields.items() for part in pair) or not isinstance(
        value.get("from"), str
    ):
        raise document.wrong(path, "`from` and the fields are names")
    auth = value.get("auth")
    if auth is not None and not (isinstance(auth, str) and SCOPE.fullmatch(auth)):
        raise document.wrong(
            (*path, "auth"), "`auth` is none, or the scope that a token must have, like spend:read (lower case)"
        )
    return Route(route, match[1], value["from"], tuple(fields.items()), auth)
