"""The page of bad input, as its tests have seen it."""

from __future__ import annotations

from tests.acceptance.bad.cases import CASES, CHANGED, OUTSIDE, WHERE, WRITTEN, Case

_TOP = """# Bad input

What comes of one bad file that lies beside a good one of the same feed. The good one is always loaded, but for exit 10:
as long as nobody can say what lies at the door, nothing is planned. Exit 11 and 12 are said after everything else is
done; a file that is refused is said again by each run, and tried again when its bytes change, or what `tillage.yaml` or
the contract say of it. With `--strict`, units in quarantine make exit 0 an exit 11. What is not in code letters in the
third column is no code.

| bytes | mean |
|---|---|
| file | in the file, which stays where it is; none in the lake |
| bronze | all in `bronze`, and for a unit with a code in `quarantine` too; all other records of the file are loaded |
| bronze, cut | as before, but only the first 64 KiB, with size and SHA-256 of the whole |
| none, unread | there are none; nobody looks at them |

Of a broken JSON or XML document all is one unreadable record, so nothing else of it is loaded.

Memory is the most that the whole process held at once (its peak resident set), under the default settings on two cores;
a run over one small line holds about 250 MiB of them. A torn gzip, zstd or zip file is refused wherever it is torn.
This page is written by `tests/acceptance/test_bad_input.py`, which proves it.

| case | exit | code | bytes | what to do | memory below |
|---|---|---|---|---|---|
"""


def written() -> str:
    """The whole page."""
    return _TOP + "".join(map(_row, (*CASES, WRITTEN, CHANGED, OUTSIDE)))


def _row(case: Case) -> str:
    is_code = case.code not in {"accepted", "no record", "left alone"}
    code = f"`{case.code}`" if is_code else case.code
    return f"| {case.what} | {case.exit_code} | {code} | {WHERE[case.where]} | {case.mend} | {case.peak_mib:,} MiB |\n"
