"""A site is whole in itself: every link inside leads to a file and an anchor, and no page loads from another host.

`links.py FOLDER` (build/docs) prints `page: address` of each that does not, with what is wrong. Plain links to other
hosts are fine: somebody has to follow them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
# Attributes whose address a browser fetches by itself; `href` is one too, except on what a person follows.
LOADS = {"src", "poster", "data", "xlink:href"}
FOLLOWED = {"a", "area"}
IN_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?([^"')\s]+)""")


class Page(HTMLParser):
    """What one page links to, what it loads, and its anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tag = tag
        for name, value in attrs:
            if not value:
                continue
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            elif name == "href" and tag in FOLLOWED:
                self.links.append(value)
            elif name == "srcset":
                self.loads += [candidate.split()[0] for candidate in value.split(",")]
            elif name == "href" or name in LOADS:
                self.loads.append(value)
            elif name == "style":
                self.loads += IN_STYLE.findall(value)

    def handle_data(self, data: str) -> None:
        if self.tag == "style":
            self.loads += IN_STYLE.findall(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == self.tag:
            self.tag = ""


def read(path: Path) -> Page:
    page = Page()
    if path.suffix == ".css":
        page.loads = IN_STYLE.findall(path.read_text())
    else:
        page.feed(path.read_text())
    return page


def wrong(site: Path) -> list[str]:
    """`page: address` and what is wrong with it, for each address that is."""
    site = site.resolve()
    pages = {path: read(path) for path in sorted(site.rglob("*")) if path.suffix in {".html", ".css"}}
    found = []
    for path, page in pages.items():
        complaints = [*outside(page.loads), *dead(page.loads + page.links, site, path, pages)]
        found += [f"{path.relative_to(site)}: {complaint}" for complaint in complaints]
    return found


def outside(loads: list[str]) -> Iterator[str]:
    for address in loads:
        parts = urlsplit(address)
        if parts.netloc or parts.scheme not in {"", "data"}:
            yield f"{address} is loaded from another host"


def dead(addresses: list[str], site: Path, path: Path, pages: dict[Path, Page]) -> Iterator[str]:
    for address in addresses:
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            continue
        base = site if parts.path.startswith("/") else path.parent
        there = (base / unquote(parts.path).lstrip("/")).resolve() if parts.path else path
        if not there.is_file() or not there.is_relative_to(site):
            yield f"{address} leads nowhere"
        elif parts.fragment and there in pages and unquote(parts.fragment) not in pages[there].anchors:
            yield f"{address} names no anchor there"


def main() -> int:
    site = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "build" / "docs"
    found = wrong(site) if (site / "index.html").exists() else [f"{site.name}: no site is there; run: make docs"]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
