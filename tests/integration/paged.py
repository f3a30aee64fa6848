"""The pages of a shop, as a browser asks for them, and what its commands print as JSON."""

from __future__ import annotations

import json
from typing import Any

from litestar.testing import TestClient
from typer.testing import CliRunner

from tests.integration.page_reading import PageRead, read_page
from tests.integration.shops import Shop
from tillage.api.app import make_app
from tillage.api.targets import kept
from tillage.cli.app import app as commands
from tillage.models.basis import basis_of
from tillage.pages.gate import Gate
from tillage.pages.handlers import Pages, page_handlers
from tillage.pipelines.explain import is_explained
from tillage.settings import Settings, read_settings
from tillage.stores.postgres.lookups import Lookups, column_kinds

HTML = {"Accept": "text/html,application/xhtml+xml;q=0.9"}


def settings_of(shop: Shop) -> Settings:
    return read_settings({"TILLAGE_STORE_DSN": shop.dsn, "TILLAGE_THREADS": "2"})


def said(shop: Shop, *words: str) -> Any:
    """What the command prints as JSON."""
    done = CliRunner().invoke(commands, [*words, "--json", "-C", str(shop.root)], env={"TILLAGE_STORE_DSN": shop.dsn})
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def client_of(shop: Shop, gate: Gate | None = None) -> TestClient[Any]:
    with shop.open() as house:
        project, outputs = house.project, house.folds.outputs()
        feeds = {dataset: house.dataset(dataset)[0] for dataset in house.datasets()}
        explained = [route.path for route in project.routes if is_explained(house, route)]
        bases = {route.model: basis_of(house.models, route.model, feeds) for route in project.routes}
    rest_of = lambda request: kept(request.scope["state"]).rest  # noqa: E731  (as the server gives it)
    pages = page_handlers(shop.root, settings_of(shop), rest_of=rest_of, gate=gate)
    lookups = Lookups(shop.dsn, outputs, column_kinds(shop.dsn))
    return TestClient(make_app(project, outputs, lookups, bases=bases, pages=Pages(pages, explained)))


def page(client: TestClient[Any], path: str) -> PageRead:
    response = client.get(path, headers=HTML)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return read_page(response.text)
