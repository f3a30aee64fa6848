"""The command `tillage`: parse, call one pipeline, render. Imports drivers only inside the command that needs them."""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from tillage import __version__
from tillage.cli.backup import backup, restore
from tillage.cli.cases import try_cases
from tillage.cli.client import app as client
from tillage.cli.contract import Delimiter, Skip
from tillage.cli.contract import app as contract
from tillage.cli.data import data
from tillage.cli.erase import app as erase
from tillage.cli.erase import people, suppression
from tillage.cli.export import export
from tillage.cli.keys import app as keys
from tillage.cli.loads import app as loads
from tillage.cli.maintain import maintain
from tillage.cli.opening import (
    HERE,
    Json,
    Project,
    environment_json,
    environment_lines,
    on_project,
    open_project,
    print_json,
    show_environment,
)
from tillage.cli.plan import plan
from tillage.cli.quarantine import app as quarantine
from tillage.cli.rebuild import rebuild
from tillage.cli.schema import schema
from tillage.cli.status import status
from tillage.errors import (
    OperatorError,
    QueryError,
    StrictQuarantineError,
    TillageError,
    TransientError,
    UnknownRouteError,
)

if TYPE_CHECKING:
    from tillage.pipelines.run import RunReport

app = typer.Typer(
    name="tillage",
    help="From the till to the truth: contract-checked orders, numbers exact to the cent, each explained.",
    epilog="First steps: tillage init food-orders my-shop; cd my-shop; put files into landing/orders; tillage run",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

app.add_typer(loads)
app.add_typer(client)
app.add_typer(keys)
app.add_typer(erase)
app.add_typer(people)
app.add_typer(suppression)
app.add_typer(quarantine)
app.add_typer(contract)
app.command(epilog="Example: tillage backup /mnt/other/shop")(backup)
app.command(epilog="Example: tillage restore /mnt/other/shop")(restore)
app.command("test", epilog="Example: tillage test tests/orders.yaml")(try_cases)
app.command(epilog="Examples: tillage export gold.customer_spend --to spend.csv --amounts major")(export)
app.command(epilog="Example: tillage data orders")(data)
app.command(epilog="Example: tillage maintain --feed orders")(maintain)
app.command(epilog="Example: tillage plan --json")(plan)
app.command(epilog="Examples: tillage rebuild customer_spend; tillage rebuild --from bronze --dry-run")(rebuild)
app.command(epilog="Examples: tillage status --json; tillage status --check > /dev/null")(status)
app.command(epilog="Example: tillage schema contract > contract.schema.json")(schema)

# The class of every complaint about options and arguments, for which Typer has no public name.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
_USAGE = 2
_TERMINATED = 128 + signal.SIGTERM


def _version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"tillage {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    del version  # its callback has done the work


@app.command(epilog="Examples: tillage init food-orders my-shop; tillage init my-shop --from orders.csv")
def init(
    *,
    name: Annotated[str, typer.Argument(help="An example to start from: food-orders. With --from: the new folder.")],
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A new or empty folder; for an example.")
    ] = None,
    from_file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="CSV, JSON Lines, JSON, XML or Parquet; packed too.")
    ] = None,
    delimiter: Delimiter = None,
    skip: Skip = None,
    as_json: Json = False,
) -> None:
    """Make a project from an example, or from a file of your own: project file, contract, the file at its door."""
    from tillage.cli.init import init_from_example, init_from_file

    if from_file is None:
        if folder is None:
            raise typer.BadParameter(
                f"say where: tillage init {name} DIR, or from what: tillage init {name} --from FILE"
            )
        plain = init_from_example(name, folder, is_shown=not as_json)
    elif folder is not None:
        raise typer.BadParameter(f"with --from one name is enough: tillage init {name} --from {from_file}")
    else:
        plain = init_from_file(Path(name), from_file, delimiter=delimiter, skip_rows=skip, is_shown=not as_json)
    if as_json:
        print_json(plain)


@app.command(epilog="Examples: tillage run --strict; tillage run --feed orders; tillage run --watch --json")
@on_project
def run(
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 11 if any unit was quarantined.")] = False,
    feed: Annotated[
        list[str] | None, typer.Option("--feed", metavar="NAME", help="Only this feed; may be repeated.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on until SIGTERM: by each feed's schedule, or when files arrive.")
    ] = False,
    interval: Annotated[
        float, typer.Option("--interval", min=0.1, max=3600, help="With --watch: seconds between looks for files.")
    ] = 5,
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait for another run of the same feed.")
    ] = 60,
    jobs: Annotated[
        int,
        typer.Option("--jobs", min=1, max=64, help="So many feeds at once, each after those it refers to."),
    ] = 1,
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """Finish what was left open, then load what is new at every door."""
    if watch:
        if jobs > 1:
            raise typer.BadParameter("--jobs is about one run; with --watch feeds go one after the other")
        from tillage.cli.watch import watch_project

        if strict:
            raise typer.BadParameter("--strict is about one run; with --watch, bound it by maxQuarantine of the feed")
        watch_project(*project.find(), feed or (), interval_s=interval, wait_s=wait, as_json=as_json)
        return
    from tillage.cli.show import show_run
    from tillage.cli.side_by_side import loaded_side_by_side
    from tillage.pipelines import run as pipeline

    with (
        loaded_side_by_side(project, feed or (), jobs=jobs, wait_s=wait) as ended,
        open_project(project, is_named=False) as house,
    ):
        report = pipeline.run(house, wait_s=wait, feeds=feed or ())
        if ended:
            report.loads = {load: house.ledger.counts(load) for load in ended.loads} | report.loads
            report.voided = [*ended.voided, *report.voided]
            report.put_away = [*ended.put_away, *report.put_away]
        currencies = {name: house.dataset(name)[1].currency for name in house.datasets()}
    if as_json:
        print_json(environment_json(house.project) | _plain_run(report))
    else:
        show_environment(house.project)
        show_run(report, currencies)
    for wrong in report.problems():
        raise wrong  # all else is loaded
    if ended and ended.exit_codes:
        sys.exit(max(ended.exit_codes.values()))  # it has said why
    if strict and report.quarantined_rows:
        raise StrictQuarantineError(
            f"{report.quarantined_rows} units were quarantined; the rest is loaded. See why: tillage status"
        )


def _plain_run(report: RunReport) -> dict[str, object]:
    return {
        "loads": [
            {"load": load, "datasets": {name: asdict(counts) for name, counts in datasets.items()}}
            for load, datasets in report.loads.items()
        ],
        "resumed": report.resumed,
        "voided": report.voided,
        "failed": {str(load): str(wrong) for load, wrong in report.failed.items()},
        "stopped": {feed: str(wrong) for feed, wrong in report.stopped.items()},
        "left_out": {path: str(wrong) for path, wrong in report.left_out.items()},
        "unreleased": {feed: str(wrong) for feed, wrong in report.unreleased.items()},
        "left_alone": report.left_alone,
        "put_away": report.put_away,
        "is_more_coming": report.is_more_coming,
        "broken_warnings": report.broken_warnings,
        "maintained": [one.load_seq for one in report.maintained],
        "erased": [one.erasure for one in report.erased],
        "unerased": str(report.unerased) if report.unerased else None,
        "built": asdict(report.built) if report.built else None,
        "unbuilt": str(report.unbuilt) if report.unbuilt else None,
    }


@app.command(epilog="Example: tillage changes --since 7 --dataset orders --json")
@on_project
def changes(
    since: Annotated[int, typer.Option("--since", metavar="SEQ", min=0, help="What came after this load; 0: all.")],
    dataset: Annotated[str | None, typer.Option("--dataset", metavar="NAME", help="Only of this dataset.")] = None,
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """Rows that were inserted, updated or deleted since a load, each as it stands now; with --json one per line."""
    from tillage.cli.show import show_changes
    from tillage.pipelines import changes as pipeline

    with open_project(project) as house:
        found = pipeline.changes(house, since, dataset)
    if not as_json:
        show_changes(found)
        return
    for name, changed in found.items():
        for batch in changed.rows.to_batches(max_chunksize=1_000):
            for row in batch.to_pylist():
                print_json({"dataset": name, "as_of": changed.as_of} | row)


@app.command(epilog="Example: tillage audit --json")
@on_project
def audit(project: Project = HERE, as_json: Json = False) -> None:
    """Hold ledger, bronze, silver, quarantine and totals against each other, over all loads; 11 if they disagree."""
    from tillage.cli.show import show_audited
    from tillage.pipelines import audit as pipeline

    with open_project(project) as house:
        found = pipeline.audit(house)
    if as_json:
        print_json(asdict(found))
    else:
        show_audited(found)
    if found.findings:
        raise typer.Exit(11)


@app.command(epilog='Example: tillage query "select * from gold.customer_spend order by net_minor desc limit 5"')
@on_project
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT over bronze.*, silver.*, gold.*, quarantine.*, ops.*")],
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """Read any table with SQL; nothing can be changed."""
    from tillage.cli.show import show_rows
    from tillage.pipelines import query as pipeline

    if not sql.strip():
        raise QueryError('the query is empty; try: tillage query "show all tables"')
    with open_project(project) as house:
        rows = pipeline.query(house, sql)
    if as_json:
        print_json(rows.to_pylist())
    else:
        show_rows(rows)


@app.command(epilog="Example: tillage explain /spend/c0001 --all")
@on_project
def explain(
    path: Annotated[str, typer.Argument(help="A served path with its key.")],
    show_all: Annotated[bool, typer.Option("--all", help="Every record, not only the first five.")] = False,
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """Which lines of which files make this number?"""
    from tillage.cli.explained import show_explanation
    from tillage.pipelines import explain as pipeline
    from tillage.pipelines.documents import explanation_document

    if not path.startswith("/"):
        raise UnknownRouteError("a served path starts with /, as in /spend/c0001")
    with open_project(project) as house:
        found = pipeline.explain(house, path)
    if as_json:
        print_json(explanation_document(found))
    else:
        show_explanation(found, show_all=show_all)
    if not found.adds_up():
        raise typer.Exit(11)


@app.command(epilog="Example: tillage reconcile")
@on_project
def reconcile(project: Project = HERE, as_json: Json = False) -> None:
    """Recompute every served number from the raw bytes and compare; exits with 11 if any differs."""
    from tillage.cli.show import show_reconciled
    from tillage.pipelines import reconcile as pipeline

    with open_project(project) as house:
        found = pipeline.reconcile(house)
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        show_reconciled(found)
    if not all(one.agrees() for one in found):
        raise typer.Exit(11)


@app.command(epilog="Example: tillage serve --port 8040")
@on_project
def serve(
    *,
    host: Annotated[str, typer.Option(help="Others than loopback only if each path says `auth`.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8040,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer.")] = 1,
    access_log: Annotated[bool, typer.Option("--access-log", help="A line for each request, without its key.")] = False,
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """Answer the routes of tillage.yaml over HTTP until stopped."""
    from tillage.api.serve import serve as serve_api
    from tillage.wiring import project_file

    root, settings = project.find()
    file = project_file(root, settings)

    def say(url: str) -> None:
        if as_json:
            print_json(environment_json(file) | {"url": url, "openapi": f"{url}/openapi.json"})
            sys.stdout.flush()  # who started the server reads the address while it runs
            return
        which = "".join(f" ({line})" for line in environment_lines(file))
        typer.echo(f"serving {url}{which}, described at {url}/openapi.json; stop with Ctrl-C", err=True)

    serve_api(root, settings, host=host, port=port, workers=workers, is_access_logged=access_log, say=say)


@app.command(epilog="Example: tillage doctor")
@on_project
def doctor(project: Project = HERE, as_json: Json = False) -> None:
    """What is missing or wrong, and the command that mends it; exits with 10 if anything is wrong."""
    from tillage.cli.doctor import examine
    from tillage.cli.show import show_findings

    found = list(examine(project.folder, project.env))
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        show_findings(found)
    if any(finding.level == "wrong" for finding in found):
        raise typer.Exit(OperatorError.exit_code)


@app.command(epilog="Example: tillage dump --canonical > before.jsonl")
@on_project
def dump(
    canonical: Annotated[
        bool, typer.Option("--canonical", help="Leave out loads and positions, so that equal contents give equal text.")
    ] = False,
    project: Project = HERE,
    as_json: Json = True,
) -> None:
    """Print all that is known as sorted JSON Lines."""
    from tillage.pipelines import dump as pipeline

    del as_json  # JSON Lines is the only form; the option is there because every command has it
    with open_project(project) as house:
        for line in pipeline.dump(house, is_canonical=canonical):
            typer.echo(line)


def main() -> None:
    """Runs the command; expected failures end with their exit code and one message on stderr."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))  # unwinds, so that leases and the store are let go
    try:
        _run_command()
    except TillageError as wrong:
        _fail(wrong)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone, as `head` does
        sys.exit(0)
    except PermissionError as wrong:
        _fail(
            OperatorError(f"no permission for {wrong.filename or 'a file'}; make it readable and writable, then again")
        )
    except Exception as wrong:  # noqa: BLE001  (the entry point's last line)
        # Types and places only: the text of a foreign error may hold a value of a record.
        frames = traceback.extract_tb(wrong.__traceback__)
        where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames[-6:]))
        print(
            f"error: unexpected {type(wrong).__name__} at {where}; nothing half-done stays visible. "
            "Please report this: it is a bug",
            file=sys.stderr,
        )
        sys.exit(1)


def _run_command() -> None:
    """With --json a wrong option or argument is a problem in JSON too, instead of a box for people."""
    if "--json" not in sys.argv[1:]:
        app()
        return
    try:
        code = app(standalone_mode=False)
    except _UsageError as wrong:
        _print_problem("usage", _USAGE, cast("typer.BadParameter", wrong).format_message())
        sys.exit(_USAGE)
    except typer.Abort:
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(wrong: TillageError) -> None:
    if "--json" in sys.argv:
        retry = {"retry_after_s": wrong.retry_after_s} if isinstance(wrong, TransientError) else {}
        _print_problem(wrong.code, wrong.exit_code, str(wrong), **retry)
    else:
        print(f"error: {wrong}", file=sys.stderr)
    sys.exit(wrong.exit_code)


def _print_problem(code: str, exit_code: int, message: str, **more: float) -> None:
    problem = {"error": code, "exit_code": exit_code, "message": message} | more
    print(json.dumps(problem, ensure_ascii=False), file=sys.stderr)
