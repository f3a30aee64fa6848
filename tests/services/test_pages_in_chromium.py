"""The pages as a real Chromium shows them: light and dark, narrow and wide, without any network but the server.

What drives it lives in an environment of its own (`requirements-outside.lock`), which `make test-services` makes;
TILLAGE_OUTSIDE names its interpreter. The browser is the system's: apt install chromium. With TILLAGE_WRITE_PAGES=1
the pictures of the documents, `docs/images`, are made anew.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.acceptance.commands import new_project, served, tillage, tillage_json
from tests.conftest import REPOSITORY
from tests.integration.page_reading import Shown, check_figures
from tillage.cli.demo_data import write_orders
from tillage.settings import read_settings
from tillage.wiring import store_dsn

pytestmark = [pytest.mark.services, pytest.mark.accept("6.2")]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
IMAGES = REPOSITORY / "docs" / "images"
KEY = "c1879"
PAGES = {
    "overview": ("/", ("status",)),
    "loads": ("/loads", ("load show",)),
    "load": ("/loads/1", ("load show 1",)),
    "quarantine": ("/quarantine", ("quarantine list", "status")),
    "explain": ("/explain", ()),
    "explained": (f"/explain/spend/{KEY}", ("explain",)),
    "datasets": ("/data", ()),
    "data": ("/data/orders", ()),
    "refused": ("/loads/999", ()),
}
LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (390, 1280)]
FILES_A_LOAD = 7
LEAST_RULES = 15  # of axe's, which each page keeps: so it has looked
MOST_IMAGE_BYTES = 150_000
# Of each page as a desk sees it by day, and of the first one by night too.
PICTURES = [f"{page}-light-1280.png" for page in ("overview", "load", "quarantine", "explained", "data")]
PICTURES += ["overview-dark-1280.png"]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's files, a week in each load."""
    folder = tmp_path_factory.mktemp("house")
    write_orders(folder / "files")
    files = sorted((folder / "files").iterdir())
    root = new_project(folder / "food-orders")
    for first in range(0, len(files), FILES_A_LOAD):
        for file in files[first : first + FILES_A_LOAD]:
            shutil.copy(file, root / "landing" / "orders")
        tillage(root, "run")
    with store_dsn(root, read_settings({})) as dsn, psycopg.connect(dsn) as connection:
        # As if each had come on a day of its own, the last one today.
        connection.execute(
            "update tillage.loads set planned_at = planned_at - ((select max(load_seq) from tillage.loads) - load_seq) "
            "* interval '1 day'"
        )
    return root


def driver_and_browser() -> tuple[Path, str]:
    python = Path(os.environ.get("TILLAGE_OUTSIDE", REPOSITORY / "build" / "outside" / "venv" / "bin" / "python"))
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not python.exists() or browser is None:
        pytest.fail("no Chromium: make test-services sets up what drives it, and it comes by: apt install chromium")
    return python, browser


@pytest.fixture(scope="module")
def looks(house: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the browser found; it is started once."""
    python, browser = driver_and_browser()
    folder = tmp_path_factory.mktemp("pictures")
    with served(house) as base:
        asked = {"browser": browser, "base": base, "folder": str(folder), "looks": LOOKS, "heights": {"overview": 1350},
                 "pages": {name: path for name, (path, _) in PAGES.items()}}  # fmt: skip
        done = subprocess.run(
            [python, Path(__file__).with_name("chromium_pages.py")],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    if os.environ.get("TILLAGE_WRITE_PAGES"):
        IMAGES.mkdir(exist_ok=True)
        for name in PICTURES:
            shutil.copy(folder / name, IMAGES / name)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def documents(house: Path) -> dict[str, Any]:
    commands = {of: of.split() for _, every in PAGES.values() for of in every}
    commands["explain"] = ["explain", f"/spend/{KEY}"]
    return {of: tillage_json(house, *words) for of, words in commands.items()}


def test_every_page_was_looked_at_in_every_way(looks: list[dict[str, Any]]) -> None:
    assert len(looks) == len(PAGES) * len(LOOKS)
    assert {one["page"] for one in looks if one["status"] != 200} == {"refused"}


@pytest.mark.parametrize("page", PAGES)
def test_every_figure_that_is_seen_is_that_of_the_command(
    looks: list[dict[str, Any]], documents: dict[str, Any], page: str
) -> None:
    for one in looks:
        figures = [Shown(**figure) for figure in one["figures"] if one["page"] == page]
        assert {figure.of for figure in figures} == (set(PAGES[page][1]) if one["page"] == page else set())
        if figures:
            check_figures(figures, documents)


@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing(looks: list[dict[str, Any]], page: str) -> None:
    found = [one for one in looks if one["page"] == page]
    assert [one["violations"] for one in found] == [[]] * len(LOOKS)
    assert all(one["rules_kept"] >= LEAST_RULES for one in found)


@pytest.mark.parametrize("page", PAGES)
def test_page_is_no_wider_than_its_window_and_the_browser_has_nothing_to_say(
    looks: list[dict[str, Any]], page: str
) -> None:
    for one in looks:
        if one["page"] == page:
            assert one["too_wide"] <= 0, one
            assert [line for line in one["said"] if "status of 404" not in line] == []


def test_nothing_is_asked_of_anybody_else(looks: list[dict[str, Any]]) -> None:
    assert [one["outside"] for one in looks if one["outside"]] == []


def test_light_and_dark_differ(looks: list[dict[str, Any]]) -> None:
    paper = {scheme: {one["background"] for one in looks if one["scheme"] == scheme} for scheme in ("light", "dark")}
    assert len(paper["light"]) == len(paper["dark"]) == 1
    assert paper["light"] != paper["dark"]


def test_keyboard_begins_with_a_link_over_the_head_that_can_be_seen(looks: list[dict[str, Any]]) -> None:
    for one in looks:
        assert one["focus"]["href"] == "#main"
        assert one["focus"]["top"] >= 0
        assert one["focus"]["outline"] != "none"


def test_pictures_in_the_documents_are_small() -> None:
    assert sorted(path.name for path in IMAGES.iterdir()) == sorted(PICTURES)
    assert [path.name for path in IMAGES.iterdir() if path.stat().st_size > MOST_IMAGE_BYTES] == []


ROUTES = ["/spend/{customerId}", "/explain/spend/{customerId}", "/token"]


def test_swagger_ui_shows_the_routes_without_any_network(house: Path) -> None:
    python, browser = driver_and_browser()
    script = Path(__file__).with_name("chromium_swagger.py")
    with served(house) as base:
        command = [python, script, browser, base]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"shown": ROUTES, "outside": [], "wrong": []}
