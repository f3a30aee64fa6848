"""The page of failures, as its tests have seen it."""

from __future__ import annotations

from textwrap import fill

from tests.acceptance.failures.cases import CASES, Case

_WIDTH = 120
_TOP = """# Failures

What a run says when something under it fails, and where the records are by then that it was about to load. In each of
these cases the cause is taken away, `tillage run` is called again and ends with 0, and everything that the house knows
(`tillage dump --canonical`) is what it is where nothing failed. None of them ends with a traceback.

| records | mean |
|---|---|
| file | in the file in the landing folder; readers see none of them |
| bronze | in the file, and in bronze with their verdicts; readers see none of them until the load is finished |
| all | everywhere |

This page is written by `tests/acceptance/test_failures.py`, which proves it.

| case | exit | code | records |
|---|---|---|---|
"""
_MESSAGES = """
PostgreSQL is the embedded one where it is killed (SIGKILL to all its processes) or its disk is full. A commit to the
lake is refused before it begins where the disk has less than 8 MiB left. Where a larger commit fills the disk itself,
code and message are the same, and the Delta library may print lines of its own before them.

## What is said, and what to do
"""


def written() -> str:
    """The whole page."""
    return _TOP + "".join(map(_row, CASES)) + _MESSAGES + "".join(map(_message, CASES))


def _row(case: Case) -> str:
    code = f"`{case.code}`" if case.exit_code else case.code
    return f"| {case.what} | {case.exit_code} | {code} | {case.where} |\n"


def _message(case: Case) -> str:
    says = (
        f'"{case.says} ..."'.format(lake="PATH", store="PATH")
        if case.says
        else "Nothing is said, and what is to be done"
    )
    text = f"{case.what}. {says}: {case.mend}."
    return "\n" + fill(f"- {text[0].upper()}{text[1:]}", _WIDTH, subsequent_indent="  ", break_on_hyphens=False) + "\n"
