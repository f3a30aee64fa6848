"""The page of failures, as its tests have seen it."""

from __future__ import annotations

from tests.acceptance.failures.cases import CASES, Case

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

| case | exit | code | message | records | what to do |
|---|---|---|---|---|---|
"""


def written() -> str:
    """The whole page."""
    return _TOP + "".join(map(_row, CASES))


def _row(case: Case) -> str:
    code = f"`{case.code}`" if case.exit_code else case.code
    says = f"{case.says} ...".format(lake="PATH", store="PATH") if case.says else ""
    return f"| {case.what} | {case.exit_code} | {code} | {says} | {case.where} | {case.mend} |\n"
