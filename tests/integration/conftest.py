"""One PostgreSQL for the tests that share it, and a project for each test."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.integration.shops import Shop, make_shop
from tillage.stores.embedded import EmbeddedPostgres

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("store")) as dsn:
        yield dsn


@pytest.fixture
def shop(server: str, tmp_path: Path) -> Shop:
    return make_shop(tmp_path / "shop", server, f"shared_{next(_NUMBERS)}")
