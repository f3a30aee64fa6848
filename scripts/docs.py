"""The documents become a site that needs no network: build/docs, or the folder `docs` in the one that is named.

Documents link to each other as files of the repository. So they are laid out in the same way and made into pages there:
a link leads to the same document on the site and on a code host. The navigation is what docs/README.md lists.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "scripts" / "site"
INDEX = ROOT / "docs" / "README.md"
BUILD = [sys.executable, "-m", "zensical", "build", "--clean", "--strict", "--config-file", "zensical.toml"]


def lay_out(folder: Path) -> None:
    """`folder` holds every document at its place, what documents link to, and the settings with the navigation."""
    for left in (folder / "pages", folder / "docs"):
        shutil.rmtree(left, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder / "pages" / "docs")
    for path in [*ROOT.glob("*.md"), ROOT / "LICENSE", SITE / "iframe-worker.js"]:
        shutil.copy(path, folder / "pages")
    settings = (SITE / "zensical.toml").read_text()
    (folder / "zensical.toml").write_text(settings.replace("nav = []", f"nav = [{', '.join(navigation())}]"))


def navigation() -> list[str]:
    """The start and the index, then each section of the index with its documents, as inline tables of TOML."""
    entries = [table("Tillage", quoted("README.md")), table("Documents", quoted("docs/README.md"))]
    for section in re.split(r"^## ", INDEX.read_text(), flags=re.MULTILINE)[1:]:
        links = re.findall(r"\[([^]]+)\]\(([^)]+\.md)\)", section)
        places = [(words, (INDEX.parent / target).resolve().relative_to(ROOT)) for words, target in links]
        pages = [table(words, quoted(place.as_posix())) for words, place in places if place != Path("README.md")]
        entries.append(table(section.splitlines()[0], f"[{', '.join(pages)}]"))
    return entries


def table(words: str, value: str) -> str:
    return f"{{ {quoted(words.replace('`', ''))} = {value} }}"


def quoted(text: str) -> str:
    """A JSON string is a TOML string too."""
    return json.dumps(text, ensure_ascii=False)


def main() -> int:
    folder = Path(sys.argv[1]).resolve() if sys.argv[1:] else ROOT / "build"
    lay_out(folder)
    return subprocess.run(BUILD, cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
