"""`tillage contract`: looks at contract files, compares them, says them in other words, guesses new ones."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tillage.cli.opening import HERE, Json, Project, on_project, print_json
from tillage.errors import ContractError, DataError, OperatorError, TillageError

if TYPE_CHECKING:
    from tillage.contracts.contract import Contract
    from tillage.contracts.tools.compare import Change
    from tillage.contracts.tools.lint import Linted

app = typer.Typer(
    name="contract",
    help="Lint, compare, export and guess contracts.",
    no_args_is_help=True,
    add_completion=False,
)

Skip = Annotated[
    int | None, typer.Option("--skip", min=0, metavar="N", help="Lines above the header of a CSV file; else guessed.")
]
Delimiter = Annotated[
    str | None, typer.Option("--delimiter", metavar="CHARACTER", help="Of CSV, where it cannot be told.")
]
_MOST_BYTES = 16 * 1024 * 1024  # a contract of more characters than that is refused anyway


class Form(StrEnum):
    """What a contract can be exported as."""

    JSON_SCHEMA = "json-schema"
    DDL = "ddl"


class Dialect(StrEnum):
    """Whose CREATE TABLE."""

    DUCKDB = "duckdb"
    POSTGRES = "postgres"
    SPARK = "spark"


@app.command(epilog="Example: tillage contract lint")
@on_project
def lint(
    named: Annotated[str | None, typer.Argument(metavar="[FEED|FILE]", help="Default: all of the project.")] = None,
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """Say all that is wrong with contracts, and what is seldom meant; exits with 10 if anything is wrong."""
    from tillage.contracts.tools.lint import lint as lint_text

    if named is not None:
        feed, name, text = _text(named, project)
        found = [lint_text(feed, name, text)]
    else:
        found = _lint_project(project)
    found = _with_rules_asked(found)
    if as_json:
        print_json([_plain(one) for one in found])
    else:
        _show(found)
    if any(one.problems for one in found):
        raise typer.Exit(OperatorError.exit_code)


@app.command(epilog="Example: tillage contract diff old/orders.odcs.yaml contracts/orders.odcs.yaml")
@on_project
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A contract file, or a feed of the project.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Like OLD.")],
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """Say what changed and whom it breaks; exits with 11 if it breaks those who read the tables."""
    from tillage.contracts.tools.compare import Breaks, changes

    found = changes(_contract(old, project), _contract(new, project))
    if as_json:
        print_json([asdict(change) for change in found])
    else:
        _show_changes(found)
    if any(change.breaks is Breaks.READERS for change in found):
        raise typer.Exit(DataError.exit_code)


@app.command(epilog="Example: tillage contract export orders --to ddl --dialect postgres")
@on_project
def export(
    to: Annotated[Form, typer.Option("--to", help="JSON Schema of a record, or DDL of the silver tables.")],
    named: Annotated[
        str | None, typer.Argument(metavar="[FEED|FILE]", help="May be left out where there is one.")
    ] = None,
    dialect: Annotated[Dialect, typer.Option("--dialect", help="Of the DDL.")] = Dialect.DUCKDB,
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """Print a contract as JSON Schema of what arrives, or as CREATE TABLE of what is kept."""
    import json

    from tillage.contracts.tools.ddl import ddl
    from tillage.contracts.tools.export import json_schema

    contract = _contract(named if named is not None else _only_feed(project), project)
    if to is Form.JSON_SCHEMA:
        typer.echo(json.dumps(json_schema(contract), ensure_ascii=False, indent=None if as_json else 2))
        return
    text = ddl(contract, dialect.value)
    if as_json:
        print_json({"feed": contract.feed, "dialect": dialect.value, "ddl": text})
    else:
        typer.echo(text, nl=False)


@app.command(epilog="Example: tillage contract infer orders.csv > contracts/orders.odcs.yaml")
def infer(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, JSON Lines, JSON, XML or Parquet; packed too.")],
    delimiter: Delimiter = None,
    skip: Skip = None,
    as_json: Json = False,
) -> None:
    """Print a contract that the first 10,000 records of a file keep, with doubtful guesses marked."""
    from tillage.cli.init import guess_feed

    guessed = guess_feed(file, delimiter=delimiter, skip_rows=skip)
    if as_json:
        print_json(
            {
                "feed": guessed.name,
                "records": guessed.records,
                "skipped_records": guessed.skipped_records,
                "feeds": guessed.feed_text,
                "contract": guessed.contract_text,
                "doubts": [{"line": line, "doubt": doubt} for line, doubt in guessed.doubts.items()],
            }
        )
    else:
        typer.echo(guessed.contract_text, nl=False)


def _text(named: str, project: Project) -> tuple[str, str, str]:
    """Feed, file name for messages, and text of a contract given by feed or file.

    Raises:
        OperatorError: there is none, or it cannot be read.
    """
    if "/" in named or named.endswith((".yaml", ".yml")) or Path(named).is_file():
        path = Path(named)
        return path.name.partition(".")[0], named, _read(path, named)
    from tillage.contracts.document import nearest

    root, feeds = _feeds(project)
    if named not in feeds:
        raise OperatorError(f"no feed '{named}' in tillage.yaml, and no file of that name{nearest(named, feeds)}")
    name = f"contracts/{named}.odcs.yaml"
    return named, name, _read(root / name, name)


def _feeds(project: Project) -> tuple[Path, list[str]]:
    """The project's folder, and its feeds, which are the same in each of its environments."""
    from tillage.contracts.project import in_environment, read_project
    from tillage.settings import PROJECT_FILE

    root, settings = project.find()
    file = read_project(PROJECT_FILE, _read(root / PROJECT_FILE, PROJECT_FILE))
    return root, [feed.name for feed in in_environment(file, settings.env).feeds]


def _only_feed(project: Project) -> str:
    _, feeds = _feeds(project)
    if len(feeds) > 1:
        raise OperatorError(
            f"which one? Name a feed: tillage contract export {feeds[0]} --to ... Feeds: {', '.join(feeds)}"
        )
    return feeds[0]


def _read(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            stored = file.read(_MOST_BYTES + 1)
        if len(stored) > _MOST_BYTES:
            raise ContractError(f"{name} has more than {_MOST_BYTES:,} bytes; a contract is far smaller")
        return stored.decode()
    except FileNotFoundError:
        raise ContractError(
            f"{name} is missing; make one from a file of such records: tillage contract infer FILE > {name}"
        ) from None
    except OSError as wrong:
        raise ContractError(f"{name} cannot be read ({wrong.strerror}); give the path of a contract file") from None
    except UnicodeDecodeError:
        raise ContractError(f"{name} is not UTF-8; save it as UTF-8") from None


def _contract(named: str, project: Project) -> Contract:
    from tillage.contracts.compiler.check import compile_check
    from tillage.contracts.odcs.contract_file import read_contract

    feed, name, text = _text(named, project)
    return compile_check(read_contract(feed, name, text)).contract


def _lint_project(project: Project) -> list[Linted]:
    """Of every file in contracts/, also where `tillage.yaml` is wrong."""
    from tillage.contracts.tools.lint import Linted
    from tillage.contracts.tools.lint import lint as lint_text
    from tillage.settings import PROJECT_FILE

    root, _ = project.find()
    found: list[Linted] = []
    feeds: list[str] | None = None
    try:
        _, feeds = _feeds(project)
    except TillageError as wrong:
        found.append(Linted(PROJECT_FILE, None, (str(wrong),)))
    files = {path.name.removesuffix(".odcs.yaml") for path in (root / "contracts").glob("*.odcs.yaml")}
    for feed in sorted(files.union(feeds or ())):
        name = f"contracts/{feed}.odcs.yaml"
        try:
            one = lint_text(feed, name, _read(root / name, name))
        except TillageError as wrong:
            one = Linted(name, None, (str(wrong),))
        if feeds is not None and feed not in feeds:
            one = _noted(one, f"no feed of {PROJECT_FILE} is called '{feed}', so nothing is checked by it")
        found.append(one)
    return _with_unique_datasets(found)


def _with_rules_asked(found: list[Linted]) -> list[Linted]:
    """Only the engine can tell whether the types of a rule fit."""
    from dataclasses import replace

    from tillage.wiring import unasked_rules

    return [
        replace(one, problems=tuple(f"{one.name}, line {line}: {what}" for line, what in unasked_rules(one.contract)))
        if one.contract and not one.problems
        else one
        for one in found
    ]


def _noted(one: Linted, note: str) -> Linted:
    from dataclasses import replace

    return replace(one, notes=(*one.notes, note))


def _with_unique_datasets(found: list[Linted]) -> list[Linted]:
    """A dataset's name is a table's, so no other contract may have it."""
    from dataclasses import replace

    seen: dict[str, str] = {}
    checked = []
    for one in found:
        names = [dataset.name for dataset in one.contract.datasets] if one.contract else []
        twice = [
            f"{one.name}: dataset '{name}' is described by {seen[name]} too; give one of them another name"
            for name in names
            if name in seen
        ]
        seen |= dict.fromkeys(names, one.name)
        checked.append(replace(one, problems=(*one.problems, *twice)))
    return checked


def _plain(one: Linted) -> dict[str, Any]:
    return {
        "file": one.name,
        "datasets": [dataset.name for dataset in one.contract.datasets] if one.contract else [],
        "problems": list(one.problems),
        "notes": list(one.notes),
    }


def _show(found: list[Linted]) -> None:
    for one in found:
        if one.contract is not None and not one.problems:
            names = ", ".join(dataset.name for dataset in one.contract.datasets)
            typer.echo(f"ok     {one.name}: {names}")
        for problem in one.problems:
            typer.echo(f"wrong  {problem}")
        for note in one.notes:
            typer.echo(f"note   {one.name}: {note}")
    problems = sum(len(one.problems) for one in found)
    if problems:
        typer.echo(f"{problems} problems; mend them, then: tillage contract lint")


def _show_changes(found: list[Change]) -> None:
    from tillage.contracts.tools.compare import Breaks

    if not found:
        typer.echo("nothing that a reader or a sender could notice")
    for breaks in Breaks:
        changed = [change for change in found if change.breaks is breaks]
        if changed:
            typer.echo(f"breaks {breaks}:")
        for change in changed:
            typer.echo(f"  {change.where}: {change.what}")
