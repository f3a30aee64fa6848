"""A served path that is asked by people's ids: by a role that sees nothing of them, and whatever becomes of the key."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from tests.integration.peopled import land, make_peopled, person, sale, subjects, vault
from tests.integration.serving import Running, running
from tests.integration.shops import Shop, make_database
from tillage.pipelines.keys import rotate_keys
from tillage.safe import Safe

_NUMBERS = count(1)
ROUTES = {
    "serve": {
        "/spend/{customerId}": {
            "from": "spend",
            "fields": {"customerId": "customer_id", "orders": "orders", "total": "total_minor"},
        },
        "/best/{who}": {"from": "best", "fields": {"who": "customer", "total": "total_minor"}},
        "/orders/{orderId}": {"from": "single", "fields": {"orderId": "order_id", "by": "customer_id"}},
    }
}
IDS = ("0012", "Zoë & co/1", "x" * 300)


@pytest.fixture
def shop(tmp_path: Path, server: str) -> Shop:
    shop = make_peopled(tmp_path / "shop", make_database(server, f"people_served_{next(_NUMBERS)}"), project=ROUTES)
    # A table by way of a view, and a key that is no person.
    (shop.root / "models/ranks.sql").write_text(
        "select customer_id as customer, total_minor, rank() over (order by total_minor desc) as place from spend"
    )
    (shop.root / "models/best.sql").write_text("select customer, total_minor from ranks where place < 9")
    (shop.root / "models/single.sql").write_text(
        "select order_id, customer_id, sum(total_minor) as total_minor from orders group by order_id, customer_id"
    )
    (shop.root / "models/single.sql").write_text(
        "select order_id, max(customer_id) as customer_id from orders group by 1"
    )
    land(shop, "customers/a.jsonl", *(person(one) for one in IDS))
    land(shop, "orders/a.jsonl", *(sale(str(n), one, f"{n + 1}.00") for n, one in enumerate(IDS)), sale("9", "0012"))
    shop.run()
    return shop


def asked(server: Running, prefix: str, key: str) -> tuple[int, Any]:
    status, body, _ = server.ask(f"{prefix}/{quote(key, safe='')}")
    return status, json.loads(body)


def test_answers_are_by_natural_id_and_tell_no_other(shop: Shop) -> None:
    keys = subjects(shop)
    with running(shop.root, TILLAGE_STORE_DSN=shop.dsn) as server:
        assert asked(server, "/spend", "0012") == (200, {"customerId": "0012", "orders": 2, "total": 2.10})
        for number, one in enumerate(IDS[1:], start=1):
            assert asked(server, "/spend", one) == (200, {"customerId": one, "orders": 1, "total": number + 1})
            assert asked(server, "/best", one) == (200, {"who": one, "total": number + 1})
        assert asked(server, "/spend", " 0012\t")[1]["customerId"] == "0012"
        assert asked(server, "/orders", "1") == (200, {"orderId": "1", "by": keys[IDS[1]]})
        for other in ("12", "00120", keys["0012"], "\0", "%ff", ""):
            assert asked(server, "/spend", other)[0] in {400, 404}, other
        _, body, headers = server.ask("/spend/0012")
        assert server.ask("/spend/0012", headers={"If-None-Match": headers["ETag"]})[0] == 304
        assert headers["Tillage-As-Of"] == "orders=2"
        page = server.ask(f"/explain/spend/{quote(IDS[1], safe='')}", headers={"Accept": "text/html"})
        assert (page[0], b"orders/a.jsonl" in page[1]) == (200, True)
        assert keys["0012"].encode() not in body
        assert server.stop() < 10
        assert not any(one in server.said for one in (*IDS[1:], *keys.values()))


def test_the_server_cannot_read_the_vault(shop: Shop) -> None:
    (reader,) = vault(shop, "select reader from vault.roles")[0]
    with running(shop.root, "--workers", "1", TILLAGE_STORE_DSN=shop.dsn) as server:
        assert asked(server, "/spend", "0012")[0] == 200
        with psycopg.connect(shop.dsn) as owner:  # who may do everything, and is not who asks
            owner.execute(f'revoke execute on function vault.subject_key from "{reader}"')  # type: ignore[arg-type]
        assert asked(server, "/spend", "0012")[0] == 500
        assert asked(server, "/orders", "1")[0] == 200
        server.stop()
    with psycopg.connect(shop.dsn, options=f"-c role={reader}") as session:
        assert session.execute("select current_user").fetchall() == [(reader,)]
        session.execute("reset role")
        assert session.execute("select current_user").fetchall() == [(reader,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("select from vault.identities")


def test_a_key_that_is_changed_meanwhile_is_taken_up(shop: Shop) -> None:
    with running(shop.root, "--workers", "1", TILLAGE_STORE_DSN=shop.dsn) as server:
        assert asked(server, "/spend", "0012")[0] == 200
        with shop.open() as house:
            rotate_keys(house, Safe(shop.root / "safe"))
        first, again = asked(server, "/spend", "0012"), asked(server, "/spend", "0012")
        assert first[0] == 503
        assert again == (200, {"customerId": "0012", "orders": 2, "total": 2.10})
        with shop.open() as house:
            rotate_keys(house, Safe(shop.root / "safe"))
        (shop.root / "safe/keys.json").unlink()
        assert [asked(server, "/spend", "0012")[0] for _ in range(2)] == [503, 500]
        assert asked(server, "/orders", "1")[0] == 200
        server.stop()


def test_a_house_that_has_nobody_yet_knows_nobody(tmp_path: Path, server: str) -> None:
    shop = make_peopled(tmp_path / "shop", make_database(server, f"people_served_{next(_NUMBERS)}"))
    shop.run()
    with running(shop.root, "--workers", "1", TILLAGE_STORE_DSN=shop.dsn) as serving:
        assert asked(serving, "/spend", "0012")[0] == 404
        land(shop, "orders/a.jsonl", sale("1", "0012"))
        shop.run()
        assert asked(serving, "/spend", "0012") == (200, {"customerId": "0012", "orders": 1, "total": 1.10})
        serving.stop()
