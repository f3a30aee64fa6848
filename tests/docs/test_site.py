"""The documents as a site say what they say on a code host, and what is wrong with a site is found."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from scripts.links import wrong
from tests.conftest import REPOSITORY

DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
# What the theme adds to a page's text, by class or id: links to headings, and where the page starts.
MADE_BY_THE_THEME = {"headerlink", "__skip"}


class Article(HTMLParser):
    """Tags and text of a page, of one with an article those of it alone; white space does not count."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.text = ""
        self.is_left_out = False
        self.feed(html.partition("<article")[2].partition(">")[2].partition("</article>")[0] or html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.is_left_out = self.is_left_out or any(value in MADE_BY_THE_THEME for _, value in attrs)
        if not self.is_left_out:
            self.tags[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        self.is_left_out = self.is_left_out and tag != "a"

    def handle_data(self, data: str) -> None:
        self.text += "" if self.is_left_out else "".join(data.split())


def place(path: Path) -> str:
    """Where the site has the page of a document."""
    name = "index.html" if path.stem == "README" else f"{path.stem}.html"
    return path.relative_to(REPOSITORY).with_name(name).as_posix()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "scripts/docs.py", str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "docs"


def test_site_is_whole_and_loads_nothing_from_elsewhere(site: Path) -> None:
    assert wrong(site) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_page_of_the_site_says_what_its_document_says_on_a_code_host(site: Path, path: Path) -> None:
    page = Article((site / place(path)).read_text())
    there = Article(MarkdownIt("commonmark").enable("table").render(path.read_text()))
    blocks = "h1 h2 h3 h4 p ul ol li table tr th td pre code em strong a img".split()
    assert page.text == there.text
    assert {tag: page.tags[tag] for tag in blocks} == {tag: there.tags[tag] for tag in blocks}


def test_start_has_every_document_in_its_navigation(site: Path) -> None:
    start = (site / "index.html").read_text().replace('href="index', 'href="./index')
    assert [place(path) for path in DOCUMENTS if f'href="./{place(path)}" class="md-nav__link' not in start] == []


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        ('<a href="absent.html">', "absent.html leads nowhere"),
        ('<a href="/docs">', "/docs leads nowhere"),
        ('<a href="../../index.html">', "../../index.html leads nowhere"),
        ('<a href="../index.html#absent">', "../index.html#absent names no anchor there"),
        ('<a href="#absent">', "#absent names no anchor there"),
        ('<img src="favicon.png">', "favicon.png leads nowhere"),
        ('<img src="https://elsewhere.example/a.png">', "https://elsewhere.example/a.png is loaded from another host"),
        ('<img srcset="/favicon.png 1x, //elsewhere.example/a.png 2x">', "//elsewhere.example/a.png is loaded"),
        ('<script src="//elsewhere.example/a.js"></script>', "//elsewhere.example/a.js is loaded from another host"),
        ('<link rel="stylesheet" href="http://elsewhere.example/a.css">', "http://elsewhere.example/a.css is loaded"),
        ('<style>@import "https://elsewhere.example/a.css";</style>', "https://elsewhere.example/a.css is loaded"),
        ('<p style="background: url(https://elsewhere.example/a.png)">', "https://elsewhere.example/a.png is loaded"),
    ],
)
def test_what_is_wrong_with_a_site_is_found(tmp_path: Path, broken: str, complaint: str) -> None:
    (found,) = wrong(small_site_with(broken, tmp_path))
    assert found.startswith(f"docs/page.html: {complaint}")


@pytest.mark.parametrize(
    "whole",
    [
        '<a href="https://elsewhere.example/#a">',
        '<a href="#here">',
        '<a href="../index.html#start">',
        '<img src="/favicon.png">',
        '<img src="data:image/png;base64,AA==">',
        '<p style="background: url(../favicon.png)">',
    ],
)
def test_links_that_lead_somewhere_are_no_fault(tmp_path: Path, whole: str) -> None:
    assert wrong(small_site_with(whole, tmp_path)) == []


def small_site_with(html: str, folder: Path) -> Path:
    (folder / "docs").mkdir()
    (folder / "favicon.png").touch()
    (folder / "index.html").write_text('<h1 id="start">Start</h1>')
    (folder / "docs" / "page.html").write_text(f'<h1 id="here">Page</h1>{html}')
    return folder
