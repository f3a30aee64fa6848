"""The lock files, resolved from pyproject.toml for every supported Python and platform.

`lock.py` rewrites them and keeps every pin that still fits, `lock.py --upgrade` takes the newest versions, and
`lock.py --check` changes nothing and fails when a rewrite would change something.
"""

from __future__ import annotations

import argparse
import difflib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNTIME = "requirements.lock"
DEV = "requirements-dev.lock"
BENCH = "requirements-bench.lock"
SPARK = "requirements-spark.lock"
OUTSIDE = "requirements-outside.lock"
# The development set is the runtime set plus extras and tools: constrained by it, so that tests run what users get. The
# peers of the benchmarks come without the project: constrained too, so that what both use is the same version. So do
# Spark, and what drives a browser.
LOCKS = {
    RUNTIME: ["pyproject.toml"],
    DEV: ["pyproject.toml", "--extra", "otel", "--group", "dev", "--constraints", RUNTIME],
    BENCH: ["--group", "bench", "--constraints", RUNTIME],
    SPARK: ["--group", "spark", "--constraints", RUNTIME],
    OUTSIDE: ["--group", "outside", "--constraints", RUNTIME],
}
COMPILE = [
    *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal"),
    *("--python-version", "3.11"),
    # One version of each package for all Pythons: what the tests ran on one of them holds for the others.
    *("--fork-strategy", "fewest"),
    *("--generate-hashes", "--no-emit-index-url", "--custom-compile-command", "make lock"),
]


def resolve(folder: Path, *, is_upgrade: bool) -> None:
    """The lock files in `folder` follow from its pyproject.toml; pins already there are kept unless upgrading."""
    for name, options in LOCKS.items():
        upgrade = ["--upgrade"] if is_upgrade else []
        subprocess.run([*COMPILE, *options, *upgrade, "--output-file", name], cwd=folder, check=True)


def stale() -> list[str]:
    """The difference a rewrite would make, as diff lines; empty when the lock files follow from pyproject.toml."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shutil.copy(ROOT / "pyproject.toml", folder)
        for name in LOCKS:
            if (ROOT / name).exists():
                shutil.copy(ROOT / name, folder)
        resolve(folder, is_upgrade=False)
        lines: list[str] = []
        for name in LOCKS:
            old = (ROOT / name).read_text().splitlines() if (ROOT / name).exists() else []
            lines += difflib.unified_diff(old, (folder / name).read_text().splitlines(), name, name, lineterm="", n=0)
        return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="change nothing; fail when the lock files are stale")
    mode.add_argument("--upgrade", action="store_true", help="take the newest versions instead of keeping the pins")
    arguments = parser.parse_args()
    try:
        if not arguments.check:
            resolve(ROOT, is_upgrade=arguments.upgrade)
            return 0
        difference = stale()
    except subprocess.CalledProcessError:
        print("the dependencies could not be resolved, see above (a package index must be reachable)")
        return 1
    if difference:
        print("\n".join(difference), "the lock files do not follow from pyproject.toml; run: make lock", sep="\n")
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main())
