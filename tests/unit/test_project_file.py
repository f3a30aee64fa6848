"""A wrong project file is refused with its line and what is allowed."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from tests.conftest import REPOSITORY
from tillage.contracts.project import WHITESPACE, Csv, Feed, Route, in_environment, read_project
from tillage.domain.secret import Kept, Secret
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


def _feed(text: str) -> Feed:
    (feed,) = read_project("tillage.yaml", f"project: shop\nfeeds:\n  orders: {text}\n").feeds
    return feed


def test_a_csv_feed_says_how_its_rows_are_written() -> None:
    feed = _feed(
        "{path: landing/orders, format: csv, sameContent: skip, "
        "csv: {delimiter: ';', quote: \"'\", header: false, columns: [id, größe], encoding: latin-1, skip: 2}}"
    )
    assert feed.csv == Csv(";", "'", False, ("id", "größe"), "iso8859-1", 2)
    assert not feed.is_same_content_loaded
    assert _feed("{path: landing/orders, format: csv}").csv == Csv(None, '"', True, (), "utf-8", 0)
    assert _feed("{path: a, format: csv, csv: {delimiter: whitespace}}").csv.delimiter == WHITESPACE
    assert _feed('{path: a, format: csv, csv: {delimiter: "\\t", quote: ""}}').csv.delimiter == "\t"


def test_the_fixed_part_of_a_pattern_is_the_feeds_folder() -> None:
    feed = _feed("{path: 'landing/date=*/hour=*/customers.json*', format: json, records: '$.customers[*]'}")
    assert (feed.folder, feed.records) == ("landing", "$.customers[*]")
    assert _feed("{path: landing/orders}").folder == "landing/orders"
    assert _feed("{path: 'landing/**/x.xml', format: xml, records: /a/b}").folder == "landing"


@pytest.mark.parametrize(
    ("feed", "says"),
    [
        ("{path: '*/x'}", "must be a folder inside the project, like landing/orders, or a pattern"),
        ("{path: landing/../x}", "must be a folder inside the project"),
        ("{path: landing//x}", "must be a folder inside the project"),
        ("{path: ./x}", "must be a folder inside the project"),
        ("{path: 'landing/a**/x'}", "`..` stands for any folders and is a whole part"),
        ("{path: a, format: xml}", "xml needs `records`"),
        ("{path: a, format: xml, records: products}", "xml needs `records`"),
        ("{path: a, format: csv, records: $}", "`records` is for json and xml"),
        ("{path: a, format: json, records: '$.a[*].b'}", "`records` is `.` for the whole document, or a list"),
        ("{path: a, csv: {}}", "`csv` describes CSV files, but the format is jsonl: set `format: csv`"),
        ("{path: a, format: csv, csv: ;}", "`csv` is like"),
        ("{path: a, format: csv, csv: {delimitr: ;}}", "unknown name 'delimitr'; did you mean 'delimiter'"),
        ("{path: a, format: csv, csv: {delimiter: ab}}", "`delimiter` is one ASCII character"),
        ("{path: a, format: csv, csv: {delimiter: x}}", "`delimiter` is one ASCII character that is no letter"),
        ("{path: a, format: csv, csv: {delimiter: 1}}", "`delimiter` is one ASCII character"),
        ("{path: a, format: csv, csv: {delimiter: ;, quote: ;}}", "`quote` is one ASCII character other than"),
        ("{path: a, format: csv, csv: {header: maybe}}", "`header` is true or false"),
        ("{path: a, format: csv, csv: {header: false}}", "without a header the columns need names"),
        ("{path: a, format: csv, csv: {columns: [a, b, a]}}", "`columns` holds 'a' twice"),
        ("{path: a, format: csv, csv: {columns: a}}", "`columns` is a list of names"),
        ("{path: a, format: csv, csv: {skip: -1}}", "`skip` is the number of lines"),
        ("{path: a, format: csv, csv: {skip: true}}", "`skip` is the number of lines"),
        ("{path: a, format: csv, csv: {encoding: latin-99}}", "`encoding` is utf-16 or one that keeps ASCII"),
        ("{path: a, sameContent: skp}", "unknown name 'skp'; did you mean 'skip'"),
    ],
)
def test_a_wrong_feed_names_line_and_mend(feed: str, says: str) -> None:
    with pytest.raises(ProjectFileError, match=f"tillage.yaml, line 3: .*{says}"):
        _feed(feed)


@pytest.mark.parametrize(
    "encoding", ["shift_jis", "gbk", "utf-7", "utf-32", "iso2022_jp", "cp037", "hex", "hz", "rot13"]
)
def test_an_encoding_in_which_a_comma_may_be_half_a_letter_is_refused(encoding: str) -> None:
    with pytest.raises(ProjectFileError, match="one that keeps ASCII"):
        _feed(f"{{path: a, format: csv, csv: {{encoding: {encoding}}}}}")


@pytest.mark.parametrize(
    "encoding", ["UTF8", "utf-8-sig", "cp1252", "mac-roman", "koi8-r", "euc-jp", "utf-16-le", "ascii"]
)
def test_an_encoding_that_keeps_ascii_is_taken(encoding: str) -> None:
    assert _feed(f"{{path: a, format: csv, csv: {{encoding: {encoding}}}}}").csv.encoding


def test_environments_of_the_guide_are_read_as_it_says() -> None:
    guide = (REPOSITORY / "docs/how-to/environments.md").read_text()
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    project = read_project("tillage.yaml", text)
    dev, prod = project.environments
    assert (dev.data, dev.store, prod.data, prod.store) == (
        "data/dev",
        None,
        "data/prod",
        Secret(Kept.ENV, "SHOP_PROD_DSN"),
    )
    assert in_environment(project, "dev").feeds == (Feed("orders", "samples/orders", "jsonl"),)
    assert in_environment(project, "prod").feeds == in_environment(project, None).feeds == project.feeds
    assert in_environment(project, "default").environment.data == "data"
    assert {one.house("shop") for one in (dev, prod, project.environment)} == {"shop@dev", "shop@prod", "shop"}


@pytest.mark.parametrize(
    ("environments", "says"),
    [
        ("{dev: {store: host=db password=hush}}", "line 6: `store` names what holds the DSN"),
        ('{dev: {store: "${env:A}"}, prod: {store: "${env:A}"}}', "the store in A is that of environment dev; each"),
        ('{dev: {store: "${env:TILLAGE_STORE_DSN}"}}', "is that of environment default; each has one of its own"),
        ("{default: {}}", "default, lake, store and tmp are taken"),
        ("{lake: {}}", "default, lake, store and tmp are taken"),
        ("{dev: {feeds: {order: {path: a}}}}", "unknown name 'order'; did you mean 'orders'"),
        ("{dev: {feeds: {orders: {pth: a}}}}", "unknown name 'pth'; did you mean 'path'"),
        ("{dev: {feeds: {orders: {path: ../a}}}}", "must be a folder inside the project"),
        ("{dev: {feeds: {orders: }}}", "where its files arrive: {path: samples/orders}"),
        ("{dev: {data: x}}", "unknown name 'data'. Allowed: feeds, store"),
        ("[dev]", "`environments` must be a mapping"),
    ],
)
def test_a_wrong_environment_names_line_and_mend_and_never_a_dsn(environments: str, says: str) -> None:
    text = f"project: s\nfeeds:\n  orders: {{path: a}}\n\n\nenvironments: {environments}\n"
    with pytest.raises(ProjectFileError, match=r"tillage\.yaml, line 6: ") as caught:
        read_project("tillage.yaml", text)
    assert says in str(caught.value)
    assert "hush" not in str(caught.value)
