"""`tillage erase`, `tillage subject` and `tillage suppression`: people leave the data, with a receipt."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tillage.cli.opening import HERE, WAIT_S, Json, Project, Wait, on_project, open_project, print_json

if TYPE_CHECKING:
    from tillage.pipelines.house import House
    from tillage.pipelines.requests import Request, Resolved
    from tillage.pipelines.verify import Verified

app = typer.Typer(
    name="erase",
    help="Erase people from everything, and prove it.",
    no_args_is_help=True,
    add_completion=False,
)
people = typer.Typer(name="subject", help="What is kept about one person.", no_args_is_help=True, add_completion=False)
suppression = typer.Typer(
    name="suppression", help="Who was erased and does not come back.", no_args_is_help=True, add_completion=False
)

Subject = Annotated[str | None, typer.Option(metavar="KIND", help="The kind of people, as contracts name it.")]
Given = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="FILE",
        help='Lines like {"id": "..", "alias": ".."}; - is standard input, which no shell keeps.',
    ),
]


@app.callback()
def _group() -> None:
    """Commands that have a group of their own."""


@app.command(epilog="Examples: tillage erase plan; tillage erase plan --from requests.jsonl")
@on_project
def plan(
    *,
    subject: Subject = None,
    given: Given = None,
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """How many people would be erased, and which requests wait for a person; changes nothing."""
    from tillage.pipelines.erase import all_erasures, plan_erasure, said_of

    with open_project(project) as house:
        found = plan_erasure(house, _requests(house, subject, given))
        is_open = [one.erasure for one in all_erasures(house) if one.state == "open"]
        doubts = [said_of(house, doubt) for doubt in found.doubts]
    if as_json:
        print_json(_planned(found) | {"open": is_open})
        return
    typer.echo(f"{len(found.people):,} people, {found.known:,} of them in the data; all others are remembered")
    for line in doubts:
        typer.echo(line)
    for number in is_open:
        typer.echo(f"erasure {number} is under way")
    typer.echo("next: tillage erase run; nobody can undo it")


def _planned(found: Resolved) -> dict[str, Any]:
    doubts = [{"reason": doubt.reason, "place": doubt.place} for doubt in found.doubts]
    return {"people": len(found.people), "known": found.known, "doubts": doubts}


@app.command(epilog='Example: echo \'{"id": "0012"}\' | tillage erase run --from -')
@on_project
def run(
    *,
    subject: Subject = None,
    given: Given = None,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="PLACE", help="Where something was found that has to stay; may be repeated."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it stays; the receipt says so.")] = "",
    wait: Wait = WAIT_S,
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """Erase people, for good: those in FILE, or all who asked through a feed; goes on with what was stopped."""
    from tillage.errors import OperatorError
    from tillage.pipelines.erase import erase

    if accept and not reason.strip():
        raise OperatorError("say why it has to stay: --reason TEXT")
    with open_project(project) as house:
        accepted = dict.fromkeys(accept or (), reason)
        done = erase(house, _requests(house, subject, given), wait_s=wait, accepted=accepted)
    if as_json:
        print_json([one.receipt for one in done])
        return
    for one in done:
        typer.echo(f"erasure {one.erasure}: {one.people:,} people; the receipt: tillage erase receipt {one.erasure}")
    if not done:
        typer.echo("nobody is to be erased")


@app.command("list", epilog="Example: tillage erase list")
@on_project
def list_erasures(*, project: Project = HERE, as_json: Json = False) -> None:
    """All sweeps, whether they are proved, and their receipts."""
    from tillage.pipelines.documents import erasure_documents

    with open_project(project) as house:
        found = erasure_documents(house)
    if as_json:
        print_json(found)
        return
    for one in found:
        typer.echo(f"erasure {one['erasure']}: {one['people']:,} people, {one['state']}")
    if not found:
        typer.echo("nobody was erased yet")


@app.command(epilog="Example: tillage erase receipt 12 > receipt.json")
@on_project
def receipt(
    number: Annotated[int | None, typer.Argument(metavar="[ERASURE]", help="Its number; else the last one.")] = None,
    *,
    project: Project = HERE,
    as_json: Json = True,
) -> None:
    """Print a receipt: signed JSON that says what was searched, and names nobody."""
    del as_json  # there is no other form
    from tillage.errors import OperatorError
    from tillage.pipelines.erase import all_erasures

    with open_project(project) as house:
        proved = {one.erasure: one.receipt for one in all_erasures(house) if one.receipt}
    if not proved or (number is not None and number not in proved):
        there = ", ".join(map(str, proved)) or "none yet"
        raise OperatorError(f"there is no receipt of that number; there are: {there}")
    print_json(proved[max(proved) if number is None else number])


@app.command(epilog="Example: tillage erase verify receipt.json --from people.jsonl")
@on_project
def verify(
    file: Annotated[Path, typer.Argument(metavar="RECEIPT", help="As tillage erase receipt prints it.")],
    *,
    subject: Subject = None,
    given: Given = None,
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """Hold a receipt against the house of today; with the people it is about, search for them again."""
    from tillage.errors import ErasureOpenError, OperatorError
    from tillage.pipelines.verify import verify as pipeline

    try:
        held = json.loads(file.read_bytes())
    except (OSError, ValueError):
        raise OperatorError(f"{file} cannot be read as JSON") from None
    with open_project(project) as house:
        found = pipeline(house, held if isinstance(held, dict) else {}, _given(house, subject, given) if given else [])
    if as_json:
        print_json(_verified(found))
    else:
        _print_verified(found)
    if not found.is_good:
        raise ErasureOpenError(f"the receipt of erasure {found.erasure} does not hold any more")


def _verified(found: Verified) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(found) | {"is_good": found.is_good}


def _print_verified(found: Verified) -> None:
    signed = "is signed by this project" if found.is_signed else "is NOT signed by this project as it is"
    typer.echo(f"erasure {found.erasure}: the receipt {signed}")
    typer.echo(f"{found.suppressed:,} of {found.people:,} people do not come back with old data")
    if found.known:
        typer.echo(f"{found.known:,} of them are known again, by data of later")
    for layer in found.searched:
        typer.echo(f"{layer.layer}: {layer.files:,} files, {layer.stored_bytes:,} bytes")
    for hit in found.hits:
        typer.echo(f"found: {hit.place} ({hit.kind}, {hit.form})")


@app.command(epilog="Example: tillage erase reapply")
@on_project
def reapply(*, wait: Wait = WAIT_S, project: Project = HERE, as_json: Json = False) -> None:
    """Erase again whom a restored copy of the data brought back, as the journal in safe/ knows."""
    from tillage.pipelines.reapply import reapply as pipeline

    with open_project(project, is_behind=True) as house:
        done = pipeline(house, wait_s=wait)
    if as_json:
        print_json([one.receipt for one in done])
    else:
        typer.echo(f"{sum(one.people for one in done):,} people were in this copy and are erased again")


@people.callback()
def _people() -> None:
    """Commands that have a group of their own."""


@people.command(epilog='Example: echo \'{"id": "0012"}\' | tillage subject show --from -')
@on_project
def show(*, subject: Subject = None, given: Given = None, project: Project = HERE, as_json: Json = True) -> None:
    """Print, as JSON, what is kept about people, with file and line of each record (GDPR, articles 15 and 20)."""
    del as_json  # there is no other form
    from tillage.pipelines.subject import subject as pipeline

    with open_project(project) as house:
        found = [pipeline(house, one) for one in _given(house, subject, given)]
    print_json(found)


@suppression.callback()
def _suppression() -> None:
    """Commands that have a group of their own."""


@suppression.command("list", epilog="Example: tillage suppression list")
@on_project
def list_suppressed(*, project: Project = HERE, as_json: Json = False) -> None:
    """Digests of who was erased, and until when what happened was theirs."""
    from tillage.pipelines.house import erasing_of

    with open_project(project) as house:
        found = erasing_of(house).erasures.suppressions()
    plain = [
        {"subject": one.subject, "by": one.kind.value, "digest": one.digest.hex(), "until": one.until} for one in found
    ]
    if as_json:
        print_json(plain)
    else:
        for one in plain:
            typer.echo(f"{one['subject']} by {one['by']}  {one['digest']}  until {one['until']:%Y-%m-%d %H:%M}Z")


@suppression.command(epilog="Example: tillage suppression lift --from people.jsonl")
@on_project
def lift(
    *, subject: Subject = None, given: Given = None, wait: Wait = WAIT_S, project: Project = HERE, as_json: Json = False
) -> None:
    """Let people come back, whatever their data is of; those in FILE."""
    from tillage.pipelines.lift import lift as pipeline

    with open_project(project) as house:
        lifted = pipeline(house, _given(house, subject, given), wait_s=wait)
    if as_json:
        print_json({"lifted": lifted})
    else:
        typer.echo(f"{lifted:,} people may come back")


def _requests(house: House, subject: str | None, given: Path | None) -> list[Request]:
    """Those of the file; without one those that feeds have brought."""
    from tillage.pipelines.requests import asked_by_feeds

    return asked_by_feeds(house) if given is None else _given(house, subject, given)


def _given(house: House, subject: str | None, given: Path | None) -> list[Request]:
    from tillage.errors import OperatorError
    from tillage.pipelines.requests import Request, subjects

    kinds = subjects(house)
    if subject is None and len(kinds) != 1:
        raise OperatorError(f"say which kind of people: --subject; there are: {', '.join(kinds) or 'none'}")
    if given is None:
        raise OperatorError("say who: --from FILE, or --from - for standard input")
    try:
        text = sys.stdin.read() if str(given) == "-" else given.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise OperatorError(f"{given} cannot be read as text") from None
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            said = json.loads(line)
        except ValueError:
            said = None
        is_right = isinstance(said, dict) and {*said} <= {"subject", "id", "alias"} and {"id", "alias"} & {*said}
        if not is_right or not all(isinstance(value, str) for value in said.values()):
            raise OperatorError(
                f'line {number} says nobody: a line is like {{"id": ".."}}, {{"alias": ".."}}, or both, as texts'
            )
        found.append(Request(said.get("subject", subject or kinds[0]), said.get("id"), said.get("alias")))
    return found
