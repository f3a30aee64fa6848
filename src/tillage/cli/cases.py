"""`tillage test`: runs the tests of a project's contracts and models, and shows where they do not hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tillage.cli.opening import HERE, Json, Project, on_project
from tillage.errors import DataError, OperatorError

if TYPE_CHECKING:
    from tillage.pipelines.case_differences import Difference
    from tillage.pipelines.cases import Outcome
    from tillage.settings import Settings

_MOST_BYTES = 4_000_000  # of one file, in any encoding of what the parser takes
_SUFFIXES = (".yaml", ".yml")


@on_project
def try_cases(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE...", help="Test files.", show_default="tests/*.yaml")
    ] = None,
    project: Project = HERE,
    as_json: Json = False,
) -> None:
    """Rows in, rows and verdicts out: try contracts and models on the records in tests/*.yaml; no data is touched."""
    from tillage.pipelines.as_json import as_json as json_of

    outcomes = _outcomes(*project.find(), files or [])
    failed = sum(not outcome.holds for outcome in outcomes)
    if as_json:
        typer.echo(
            json_of(
                {
                    "passed": len(outcomes) - failed,
                    "failed": failed,
                    "tests": [_plain_outcome(outcome) for outcome in outcomes],
                }
            )
        )
    else:
        _show(outcomes)
    if failed:
        raise typer.Exit(DataError.exit_code)


def _outcomes(root: Path, settings: Settings, files: Sequence[Path]) -> list[Outcome]:
    """Every test of the files, in their order.

    Raises:
        OperatorError: a file is missing or wrong; then no test is run.
    """
    from tillage.contracts.cases.file import read_cases
    from tillage.doors.laid import laid
    from tillage.pipelines.cases import Bench, case_feeds, refuse_broken_models, run_case
    from tillage.wiring import load_project, make_engine

    _, feeds, models = load_project(root, settings)
    datasets = {dataset.name: dataset for feed in feeds.values() for dataset in feed.check.contract.datasets}
    with TemporaryDirectory(prefix="tillage-") as spill:
        bench = Bench(feeds, models, make_engine(Path(spill), settings, datasets), laid)
        known = case_feeds(bench)
        cases = [case for path in _found(root, files) for case in read_cases(_name(root, path), _read(path), known)]
        refuse_broken_models(bench, cases)
        return [run_case(bench, case) for case in cases]


def _found(root: Path, files: Sequence[Path]) -> list[Path]:
    if files:
        return list(files)
    folder = root / "tests"
    found = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES) if folder.is_dir() else []
    if not found:
        raise OperatorError(
            f"no tests/*.yaml in {root}; write one, or name a file: tillage test FILE. Every project that "
            "`tillage init food-orders` makes has an example"
        )
    return found


def _name(root: Path, path: Path) -> str:
    """As messages call the file: relative to the project if it lies in it."""
    whole = path.resolve()
    return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else str(path)


def _read(path: Path) -> str:
    try:
        if not path.is_file():  # a pipe would be waited for
            raise OperatorError(f"{path} is no file; tests are YAML files, most often in tests/")
        with path.open("rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise OperatorError(f"{path} is larger than {_MOST_BYTES:,} bytes; make several files of it")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise OperatorError(f"{path} is not UTF-8; save it so") from None
    except OSError as wrong:
        raise OperatorError(f"{path} cannot be read: {wrong.strerror}") from None


def _plain_outcome(outcome: Outcome) -> dict[str, Any]:
    case = outcome.case
    return {
        "file": case.file,
        "line": case.line,
        "name": case.name,
        "feed": ", ".join(case.given),
        "passed": outcome.holds,
        "problem": outcome.problem,
        "differences": [_plain_difference(one) for one in outcome.differences],
    }


def _plain_difference(one: Difference) -> dict[str, Any]:
    return {
        "table": one.table,
        "line": one.line,
        "what": one.what,
        "place": one.place or None,
        "columns": [
            {"column": column, "expected": _plain(expected), "found": _plain(found)}
            for column, expected, found in one.columns
        ],
    }


def _plain(value: Any) -> Any:
    """With the digits of a test file's numbers as text where they are not whole, as everywhere in --json."""
    from tillage.contracts.cases.yaml_rows import Number

    if isinstance(value, Number):
        return int(value.text) if value.text.lstrip("-").isdecimal() and len(value.text) < 40 else value.text
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    return [_plain(member) for member in value] if isinstance(value, list) else value


def _show(outcomes: Sequence[Outcome]) -> None:
    from tillage.cli.tables import console

    out = console()
    for outcome in outcomes:
        case = outcome.case
        lines = [f"{'ok' if outcome.holds else 'FAILED':<8}{case.file}:{case.line}  {case.name}"]
        lines += [] if outcome.problem is None else [f"  {outcome.problem}"]
        lines += [line for one in outcome.differences for line in _lines(one)]
        for line in lines:
            out.print(_visible(line), soft_wrap=True)
    failed = sum(not outcome.holds for outcome in outcomes)
    out.print(f"{len(outcomes) - failed} of {len(outcomes)} tests hold")


def _lines(one: Difference) -> Iterator[str]:
    """A line for each column that differs; a row that is wholly missing, or wholly new, is told in one."""
    place = f" ({one.place})" if one.place else ""
    head = f"  line {one.line}: {one.table}: {one.what}{place}"
    if one.what in {"missing", "unexpected"}:
        side = 1 if one.what == "missing" else 2
        yield f"{head}: {', '.join(f'{column[0]}: {_text_of(column[side])}' for column in one.columns)}"
        return
    yield head
    for column, expected, found in one.columns:
        yield f"    {column}: expected {_text_of(expected)}, found {_text_of(found)}"


def _text_of(value: Any) -> str:
    """As JSON, with all digits of a number."""
    from tillage.contracts.cases.yaml_rows import Number
    from tillage.pipelines.as_json import as_json

    if isinstance(value, Number):
        return value.text
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {_text_of(member)}' for name, member in value.items())}}}"
    return f"[{', '.join(map(_text_of, value))}]" if isinstance(value, list) else as_json(value)


def _visible(line: str) -> str:
    """A terminal would act on control characters."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)
