"""A wrong project file is refused with its line and what is allowed."""

from __future__ import annotations

from importlib import resources

import pytest

from tillage.contracts.project import Feed, Route, read_project
from tillage.errors import ProjectFileError

_TEXT = resources.files("tillage").joinpath("templates/food-orders/tillage.yaml").read_text()


def test_the_template_feeds_orders_and_serves_spend() -> None:
    project = read_project("tillage.yaml", _TEXT)
    assert project.feeds == (Feed("orders", "landing/orders", "jsonl"),)
    fields = (("customerId", "customer_id"), ("orders", "orders"), ("totalNetMerchandiseValueEur", "net_minor"))
    assert project.routes == (Route("/spend/{customerId}", "customerId", "customer_spend", fields),)
    assert project.routes[0].key_column == "customer_id"
    assert project.routes[0].prefix == "/spend"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("serve:", "server:", "unknown name 'server'; did you mean 'serve'"),
        ("project: food-orders", "project: Food Orders", "`project` must be a name"),
        ("format: jsonl", "format: jsnl", "unknown name 'jsnl'; did you mean 'jsonl'"),
        ("path: landing/orders", "path: ../orders", "must be a folder inside the project"),
        ("path: landing/orders", "path: /etc", "must be a folder inside the project"),
        ("path: landing/orders", "pth: landing/orders", "unknown name 'pth'; did you mean 'path'"),
        ("/spend/{customerId}", "/spend/customerId", "one parameter at its end"),
        ("customerId: customer_id", "id: customer_id", "must hold the parameter"),
        ("from: customer_spend", "form: customer_spend", "unknown name 'form'; did you mean 'from'"),
        ("  orders:", "  Orders:", "a feed's name is lower case"),
    ],
)
def test_a_wrong_project_file_names_line_and_mend(old: str, new: str, says: str) -> None:
    assert old in _TEXT
    with pytest.raises(ProjectFileError, match=f"tillage.yaml, line \\d+: .*{says}"):
        read_project("tillage.yaml", _TEXT.replace(old, new, 1))


def test_an_empty_file_is_no_project() -> None:
    with pytest.raises(ProjectFileError, match="must be a mapping"):
        read_project("tillage.yaml", "")
