"""Everything `make check` looks at; runs all of it, then names each part that failed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
TOOLS = Path(PYTHON).parent

COMMANDS = {
    "lint (ruff check)": [str(TOOLS / "ruff"), "check", "."],
    "format (ruff format)": [str(TOOLS / "ruff"), "format", "--check", "."],
    "types (mypy)": [PYTHON, "-m", "mypy"],
    "imports (import-linter)": [str(TOOLS / "lint-imports"), "--no-logo"],
    "lock files": [PYTHON, "scripts/lock.py", "--check"],
    "documents as a site (zensical)": [PYTHON, "scripts/docs.py"],
    "links in the site": [PYTHON, "scripts/links.py"],
}
# Where packages come from is the choice of who installs them. Written in pieces, so that this file passes too.
HOST = re.compile(rb"py" + rb"pi\.(?:org|python\.org)|python" + rb"hosted\.org", re.IGNORECASE)
SOURCE_IN_LOCK = re.compile(rb"://|^\s*--(?:index-url|extra-index-url|find-links|trusted-host)", re.MULTILINE)


def committed_files() -> list[Path]:
    """The files git has or would take."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted(path for name in set(listed.split("\0")) if name and (path := ROOT / name).is_file())


def package_sources() -> list[str]:
    """`file:line` of each place that fixes where packages are downloaded from."""
    found = []
    for path in committed_files():
        content = path.read_bytes()
        hits = [*HOST.finditer(content), *(SOURCE_IN_LOCK.finditer(content) if path.suffix == ".lock" else ())]
        lines = {content.count(b"\n", 0, hit.start()) + 1 for hit in hits}
        found += [f"{path.relative_to(ROOT)}:{line}" for line in sorted(lines)]
    return found


def folders_hidden_from_import_linter() -> list[str]:
    """Folders of modules without `__init__.py`: import-linter leaves them out without a word, whatever they import."""
    package = ROOT / "src" / "tillage"
    folders = {folder for path in package.rglob("*.py") for folder in path.parents if folder.is_relative_to(package)}
    return sorted(str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists())


SEARCHES = {
    "every package has an __init__.py": folders_hidden_from_import_linter,
    "no package source in a file": package_sources,
}


def main() -> int:
    failed = []
    for name, command in COMMANDS.items():
        print(f"--- {name}", flush=True)
        if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
            failed.append(name)
    for name, search in SEARCHES.items():
        print(f"--- {name}")
        if places := search():
            failed.append(name)
            print(*places, sep="\n")
    print("check: " + ("FAILED: " + "; ".join(failed) if failed else "all passed"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
