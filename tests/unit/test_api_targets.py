"""From a request's bytes to the route and the key that it means."""

from __future__ import annotations

import pytest

from tillage.api.addresses import is_for_loopback, is_loopback, segments_of
from tillage.api.answers import Field
from tillage.api.endpoints import Endpoint, read_endpoints
from tillage.api.targets import Targets
from tillage.contracts.project import Project, Route
from tillage.errors import ModelError, OperatorError, ProjectFileError
from tillage.models.output import Output
from tillage.stores.postgres.lookups import LookUp

KINDS = {"spend": {"customer_id": "text", "net": "bigint"}}
OUTPUTS = {"spend": (Output("customer_id", is_key=True, currency=None), Output("net", is_key=False, currency="EUR"))}


def route(path: str) -> Route:
    parameter = path.rsplit("{", 1)[1].removesuffix("}")
    return Route(path, parameter, "spend", ((parameter, "customer_id"), ("net", "net")))


def targets(*paths: str) -> Targets:
    return Targets([Endpoint(route(path), (), LookUp(path, (), "")) for path in paths])


def find(raw_path: bytes, *paths: str) -> tuple[str | None, str]:
    target = targets(*(paths or ("/spend/{customerId}",))).find(segments_of({"raw_path": raw_path}))
    return target.instance, target.key


@pytest.mark.parametrize(
    ("raw_path", "key"),
    [
        (b"/spend/c1", "c1"),
        (b"/spend/c1?x=/y", "c1"),
        (b"/spend/a%20b.c", "a b.c"),
        (b"/spend/a+b", "a+b"),
        (b"/spend/%C3%A9", "é"),
        (b"/spend/a%2Fb", "a/b"),
        (b"/spend/%2F", "/"),
        (b"/spend/a%2F", "a/"),
        (b"/spend/..", ".."),
        (b"/spend/%25", "%"),
        (b"/spend/%zz", "%zz"),
        (b"/spend/%00", "\0"),
        (b"/spend/*", "*"),
        (b"/%73pend/c1", "c1"),
        (b"/spend/%FF", "\udcff"),
    ],
)
def test_last_segment_is_the_key_decoded_after_it_was_split(raw_path: bytes, key: str) -> None:
    assert find(raw_path) == ("/spend/{customerId}", key)


@pytest.mark.parametrize("raw_path", [b"/spend", b"/spend/", b"/spend?customerId=c1"])
def test_path_that_ends_before_the_key_is_of_the_route_without_a_key(raw_path: bytes) -> None:
    assert find(raw_path) == ("/spend/{customerId}", "")


@pytest.mark.parametrize(
    "raw_path",
    [
        b"/",
        b"",
        b"*",
        b"/spend/c1/",
        b"/spend/c1/x",
        b"//spend/c1",
        b"/spend//c1",
        b"/spend//",
        b"/spend%2Fc1",
        b"/Spend/c1",
    ],
)
def test_nothing_is_served_under_any_other_path(raw_path: bytes) -> None:
    assert find(raw_path) == (None, "")


@pytest.mark.parametrize(
    ("raw_path", "instance", "key"),
    [
        (b"/a/b", "/a/{x}", "b"),
        (b"/a/b/", "/a/b/{y}", ""),
        (b"/a/b/1", "/a/b/{y}", "1"),
        (b"/a/b%2F1", "/a/{x}", "b/1"),
        (b"/a/1", "/a/{x}", "1"),
    ],
)
def test_route_below_another_takes_no_key_from_it(raw_path: bytes, instance: str, key: str) -> None:
    target = targets("/a/{x}", "/a/b/{y}").find(segments_of({"raw_path": raw_path}))
    assert (target.instance, target.key) == (instance, key)


def test_router_never_sees_a_key() -> None:
    assert targets("/spend/{customerId}").find(("spend", "c1879")).path == "/spend/*"
    assert targets("/spend/{customerId}").find(("spent", "c1879")).path == "/*"


PAGES = ["/", "/loads", "/loads/{load:str}", "/quarantine", "/explain", "/explain/{path:str}"]


@pytest.mark.parametrize(
    ("raw_path", "path", "instance", "rest"),
    [
        (b"/", "/", "/", ()),
        (b"/loads", "/loads", "/loads/{load}", ()),
        (b"/loads/", "/loads", "/loads/{load}", ()),
        (b"/loads/7", "/loads/*", "/loads/{load}", ("7",)),
        (b"/loads/7?page=2", "/loads/*", "/loads/{load}", ("7",)),
        (b"/explain/spend/a%2Fb", "/explain/*", "/explain/{path}", ("spend", "a/b")),
        (b"/quarantine", "/quarantine", "/quarantine", ()),
        (b"/quarantine/x", "/*", None, ()),
        (b"//loads", "/*", None, ()),
        (b"/loads%2F7", "/*", None, ()),
    ],
)
def test_page_is_found_and_what_stands_behind_it_is_no_part_of_its_path(
    raw_path: bytes, path: str, instance: str | None, rest: tuple[str, ...]
) -> None:
    found = Targets([Endpoint(route("/spend/{a}"), (), LookUp("spend", (), ""))], PAGES).find(
        segments_of({"raw_path": raw_path})
    )
    assert (found.path, found.instance, found.rest, found.key) == (path, instance, rest, "")


def test_route_below_a_page_is_refused() -> None:
    with pytest.raises(ProjectFileError, match="/explain is a page of ours; rename /explain/spend/"):
        read_endpoints(Project("shop", (), (route("/explain/spend/{a}"),)), OUTPUTS, KINDS, {})


def test_two_routes_with_one_path_are_refused() -> None:
    project = Project("shop", (), (route("/spend/{a}"), route("/spend/{b}")))
    with pytest.raises(ProjectFileError, match=r"/spend/\{a\} and /spend/\{b\} are the same path"):
        read_endpoints(project, OUTPUTS, KINDS, {})


def test_route_in_place_of_a_page_of_the_server_is_refused() -> None:
    with pytest.raises(ProjectFileError, match="/healthz is a path of the server's own"):
        read_endpoints(Project("shop", (), (route("/healthz/{a}"),)), OUTPUTS, KINDS, {})


def test_route_by_an_amount_is_refused() -> None:
    by_amount = Route("/by/{net}", "net", "spend", (("net", "net"),))
    with pytest.raises(ModelError, match="selects by 'net', which is an amount"):
        read_endpoints(Project("shop", (), (by_amount,)), OUTPUTS, KINDS, {})


def test_model_without_table_says_to_run_first() -> None:
    with pytest.raises(OperatorError, match=r"model spend has no table in the store yet; make it: tillage run"):
        read_endpoints(Project("shop", (), (route("/spend/{a}"),)), {}, {}, {})


def test_column_that_the_table_does_not_have_says_to_run_first() -> None:
    with pytest.raises(OperatorError, match=r"no column 'net' in the store; bring it up to date: tillage run"):
        read_endpoints(Project("shop", (), (route("/spend/{a}"),)), OUTPUTS, {"spend": {"customer_id": "text"}}, {})


def test_endpoint_knows_type_and_currency_of_its_fields() -> None:
    (endpoint,) = read_endpoints(Project("shop", (), (route("/spend/{a}"),)), OUTPUTS, KINDS, {})
    assert endpoint.fields == (
        Field("a", "customer_id", "text", None, is_key=True),
        Field("net", "net", "bigint", "EUR", is_key=False),
    )


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.10", "::1", "0:0:0:0:0:0:0:1"])
def test_loopback_is_this_machine(host: str) -> None:
    assert is_loopback(host)


ELSEWHERE = """
0.0.0.0 :: ::2 192.168.0.1 128.0.0.1 127.1 2130706433 ::ffff:127.0.0.1 ::1%lo [::1]
example.org localhost.example.org 127.0.0.1.example.org LOCALHOST.
"""


@pytest.mark.parametrize("host", [*ELSEWHERE.split(), "", "127.0.0.1\n"])
def test_nothing_else_is_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("header", ["localhost", "localhost:8040", "LOCALHOST:80", "127.0.0.1:8040", "[::1]:8040"])
def test_host_header_of_this_machine_is_accepted(header: str) -> None:
    assert is_for_loopback(header)


@pytest.mark.parametrize(
    "header", ["", "example.org", "example.org:8040", "127.0.0.1@example.org", "127.0.0.1.example.org", "[::1", "::1"]
)
def test_host_header_of_another_name_is_refused(header: str) -> None:
    assert not is_for_loopback(header)
