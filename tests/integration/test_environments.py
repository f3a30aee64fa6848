"""Environments of one project: each has a lake and a store of its own, and what is done in one is seen in no other."""

from __future__ import annotations

import json
import shutil
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path

import pytest
from typer.testing import CliRunner

import tillage
from tests.acceptance.commands import get, served
from tests.integration.shops import TEMPLATE, customer, make_database, order
from tillage.cli.app import app
from tillage.cli.children import Children
from tillage.cli.doctor import examine
from tillage.cli.doctor.finding import Level
from tillage.cli.signals import taking_signals
from tillage.cli.watch import ProjectJobs
from tillage.errors import BackupError, OperatorError, StoreAwayError, StoreError
from tillage.pipelines.backup import backup
from tillage.pipelines.house import House
from tillage.pipelines.maintain import maintain
from tillage.pipelines.planning import make_plan
from tillage.pipelines.run import run
from tillage.settings import Settings, read_settings
from tillage.wiring import backup_folder, open_house, restore_house

_NUMBERS = count(1)
ENVIRONMENTS = """
environments:
  dev:
    store: ${env:SHOP_DEV_DSN}
    feeds:
      orders: {path: samples/orders}
  prod:
    store: ${env:SHOP_PROD_DSN}
  own:
"""


class Shops:
    """One project with three environments, each with an empty database, and one that is embedded."""

    def __init__(self, root: Path, server: str) -> None:
        shutil.copytree(TEMPLATE, root)
        (root / "samples/orders").mkdir(parents=True)
        with (root / "tillage.yaml").open("a") as file:
            file.write(ENVIRONMENTS)
        self.root = root
        number = next(_NUMBERS)
        names = {"TILLAGE_STORE_DSN": "default", "SHOP_DEV_DSN": "dev", "SHOP_PROD_DSN": "prod"}
        self.variables = {
            variable: make_database(server, f"environment_{name}_{number}") for variable, name in names.items()
        }

    def settings(self, env: str | None) -> Settings:
        return read_settings(self.variables | {"TILLAGE_THREADS": "2"}, env=env)

    def open(self, env: str | None = None) -> AbstractContextManager[House]:
        return open_house(self.root, self.settings(env), say=lambda _: None)

    def run(self, env: str | None = None) -> None:
        with self.open(env) as house:
            run(house, wait_s=0)

    def spend(self, env: str | None = None) -> dict[str, int]:
        with self.open(env) as house:
            if "customer_spend" not in house.folds.outputs():
                return {}
            rows = house.folds.state("customer_spend").to_pylist()
        return {row["customer_id"]: int(row["net_minor"]) for row in rows}

    def land(self, name: str, folder: str, *records: object) -> None:
        text = "".join(json.dumps(record) + "\n" for record in records)
        (self.root / folder / name).write_text(text)

    def mark(self, data: str) -> str:
        return str(json.loads((self.root / data / "lake/house.json").read_text())["house"])


@pytest.fixture
def shops(tmp_path: Path, server: str) -> Shops:
    made = Shops(tmp_path / "shop", server)
    made.land("a.jsonl", "samples/orders", customer("sample", order("s1")))
    made.land("a.jsonl", "landing/orders", customer("c1", order("o1"), order("o2")))
    return made


def test_dsn_may_lie_in_a_file_as_secrets_are_mounted(shops: Shops) -> None:
    shops.run("prod")
    shops.run()
    for variable, name in (("SHOP_PROD_DSN", "prod_dsn"), ("TILLAGE_STORE_DSN", "default_dsn")):
        (shops.root / name).write_text(shops.variables[variable] + "\n")
    text = (shops.root / "tillage.yaml").read_text()
    (shops.root / "tillage.yaml").write_text(text.replace("${env:SHOP_PROD_DSN}", "${file:prod_dsn}"))
    before = shops.spend("prod"), shops.spend()
    shops.variables = {"TILLAGE_STORE_DSN": "${file:default_dsn}"}
    assert (shops.spend("prod"), shops.spend()) == before == ({"c1": 200}, {"c1": 200})
    (shops.root / "prod_dsn").write_text("host=/nowhere password=Quince-7 connect_timeout=1")
    with pytest.raises(StoreAwayError) as away:
        shops.spend("prod")
    assert "Quince" not in str(away.value)
    (shops.root / "prod_dsn").unlink()
    with pytest.raises(OperatorError, match="the DSN of environment prod is in file prod_dsn, which does not exist"):
        shops.spend("prod")


def test_one_project_has_lake_store_and_numbers_of_its_own_in_each_environment(shops: Shops) -> None:
    shops.run("dev")
    assert sorted(path.name for path in (shops.root / "data").iterdir()) == ["dev"]
    assert shops.spend("prod") == {}
    shops.run("prod")
    shops.land("b.jsonl", "landing/orders", customer("c2", order("o3")))
    shops.run()
    assert shops.spend("dev") == {"sample": 100}
    assert shops.spend("prod") == {"c1": 200}
    assert shops.spend() == shops.spend("default") == {"c1": 200, "c2": 100}
    assert len({shops.mark(data) for data in ("data", "data/dev", "data/prod")}) == 3

    # A lease, a restore that was interrupted and upkeep in one are nobody's business in another.
    (shops.root / "data/dev/restoring.json").write_text('{"backup": "x"}')
    with pytest.raises(BackupError, match=r"was interrupted: repeat it .* restoring\.json in .*/data/dev away"):
        shops.spend("dev")
    (shops.root / "data/prod/lake").rename(shops.root / "data/prod/moved")
    assert shops.spend("default") == {"c1": 200, "c2": 100}
    (shops.root / "data/prod/moved").rename(shops.root / "data/prod/lake")
    with shops.open() as house, house.leases.hold("feed/orders", wait_s=0, on_wait=print):
        shops.run("prod")
        with shops.open("prod") as other:
            (done,) = maintain(other, feed=None, keep_h=0, wait_s=0)
    assert shops.spend("prod") == {"c1": 200, "c2": 100}
    with shops.open() as house:
        assert done.load_seq not in {load.load_seq for load in house.ledger.loads() if load.kind == "maintain"}


def test_a_store_of_another_environment_is_refused_whatever_lies_in_it(shops: Shops, tmp_path: Path) -> None:
    own = dict(shops.variables)
    assert shops.spend("prod") == {}  # nothing but its name lies in the store
    shops.variables["SHOP_DEV_DSN"] = own["SHOP_PROD_DSN"]
    with pytest.raises(StoreError, match="belongs to project 'food-orders@prod', not 'food-orders@dev'; give each its"):
        shops.run("dev")
    assert not (shops.root / "data/dev/lake").exists()
    shops.variables = own | {"TILLAGE_STORE_DSN": own["SHOP_PROD_DSN"]}
    shops.run("prod")
    with pytest.raises(StoreError, match="belongs to project 'food-orders@prod', not 'food-orders'"):
        shops.run()

    # Also where the marks are equal, as after a restore from one into the other.
    shops.variables = own
    saved = tmp_path / "backup"
    with shops.open("prod") as house:
        backup(house, backup_folder(shops.root, saved, shops.settings("prod")), wait_s=0, version="0.1.0")
    restore_house(shops.root, saved, shops.settings("dev"), say=lambda _: None)
    assert shops.spend("dev") == shops.spend("prod") == {"c1": 200}
    assert shops.mark("data/dev") == shops.mark("data/prod")
    shops.run("dev")
    assert (shops.spend("dev"), shops.spend("prod")) == ({"c1": 200, "sample": 100}, {"c1": 200})
    with shops.open("dev") as house, pytest.raises(BackupError, match="another project or environment, food-orders@pr"):
        backup(house, backup_folder(shops.root, saved, shops.settings("dev")), wait_s=0, version="0.1.0")
    shops.variables = own | {"SHOP_DEV_DSN": own["SHOP_PROD_DSN"]}
    with pytest.raises(StoreError, match="belongs to project 'food-orders@prod', not 'food-orders@dev'"):
        shops.run("dev")

    # One store of two lakes, as when a folder was moved: messages name the folder and the variable of this environment.
    shops.variables = own
    shutil.rmtree(shops.root / "data/dev/lake/bronze/orders")
    with pytest.raises(OperatorError, match=r"data/dev/lake/bronze/orders has published loads and is gone.*data/dev/"):
        shops.run("dev")
    shops.variables["SHOP_DEV_DSN"] = "host=no-such-host.invalid"
    with pytest.raises(StoreError, match="the host in SHOP_DEV_DSN is not known here"):
        shops.run("dev")


def test_what_dev_has_already_is_new_in_the_plan_of_prod(shops: Shops) -> None:
    shops.run("prod")
    (shops.root / "models/lines.sql").write_text("select customer_id, count(*) as n from orders group by customer_id\n")
    shops.run("dev")
    changes = {}
    for env in ("dev", "prod"):
        with shops.open(env) as house:
            changes[env] = {one.name: one.change for one in make_plan(house).models}
    assert changes == {
        "dev": {"customer_spend": "unchanged", "lines": "unchanged"},
        "prod": {"customer_spend": "unchanged", "lines": "new"},
    }


@pytest.mark.parametrize(
    "words",
    [
        *(["status"], ["plan"], ["run"], ["run", "--watch"], ["audit"], ["reconcile"], ["serve"], ["maintain"]),
        *(["query", "select 1"], ["explain", "/spend/c1"], ["dump"], ["changes", "--since", "0"], ["rebuild", "m"]),
        *(["backup", "/tmp/b"], ["restore", "/tmp/b"], ["load", "show"], ["quarantine", "list"], ["test"]),
        *(["contract", "export", "--to", "ddl"], ["load", "abandon", "1", "--reason", "x"]),
        ["quarantine", "discard", "--reason", "x"],
    ],
    ids=" ".join,
)
def test_an_unknown_environment_is_refused_with_the_nearest_by_every_command(shops: Shops, words: list[str]) -> None:
    done = CliRunner().invoke(app, [*words, "--env", "prdo", "-C", str(shops.root)])
    assert isinstance(done.exception, OperatorError)
    assert str(done.exception) == (
        "tillage.yaml has no environment 'prdo'; did you mean 'prod'? Allowed: default, dev, prod, own"
    )
    assert not (shops.root / "data").exists()


def said(shops: Shops, *words: str, **variables: str) -> str:
    done = CliRunner().invoke(app, [*words, "-C", str(shops.root)], env=shops.variables | variables)
    assert done.exit_code == 0, done.exception
    return done.stdout


def test_commands_say_which_environment_they_speak_of_where_there_are_any(shops: Shops) -> None:
    for words in (["run"], ["status"], ["plan"]):
        assert said(shops, *words, "--env", "dev").startswith("environment dev\n")
        assert json.loads(said(shops, *words, "--json", TILLAGE_ENV="dev"))["environment"] == "dev"
    assert "tillage run --env dev" in said(shops, "plan", "--env", "dev")
    trial = ("quarantine", "discard", "--reason", "x", "--dry-run", "--json")
    assert json.loads(said(shops, *trial, "--env", "prod", TILLAGE_ENV="dev"))["environment"] == "prod"
    assert json.loads(said(shops, "status", "--json"))["environment"] == "default"
    text = (shops.root / "tillage.yaml").read_text()
    (shops.root / "tillage.yaml").write_text(text.partition("environments:")[0])
    assert "environment" not in json.loads(said(shops, "status", "--json"))


def findings(shops: Shops, env: str, level: Level) -> list[str]:
    return [f"{one.area}: {one.text} -> {one.mend}" for one in examine(shops.root, env) if one.level is level]


def test_the_doctor_looks_at_the_chosen_environment_and_names_the_others(
    shops: Shops, monkeypatch: pytest.MonkeyPatch
) -> None:
    shops.run("dev")
    for name, value in shops.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SHOP_PROD_DSN")
    here = "environment: dev: lake in data/dev/lake, store by SHOP_DEV_DSN; others: default, prod, own -> None"
    well = findings(shops, "dev", Level.OK)
    assert here in well
    assert "feed orders: 1 files in samples/orders -> None" in well
    assert "loads: 1 sealed -> None" in well
    assert findings(shops, "dev", Level.NOTE) == [
        "environment: TILLAGE_STORE_DSN is set, and is that of the environment default alone -> None"
    ]
    (wrong,) = findings(shops, "prod", Level.WRONG)
    says = "the DSN of environment prod is in SHOP_PROD_DSN, which is not set: set it"
    assert says in wrong
    with pytest.raises(OperatorError, match=says):
        tillage.open(shops.root, env="prod")
    (unknown,) = findings(shops, "stage", Level.WRONG)
    assert "no environment 'stage'" in unknown
    with tillage.open(shops.root, env="dev") as project:
        assert project.query("select customer_id from silver.customers").to_pylist() == [{"customer_id": "sample"}]


def test_a_run_in_dev_changes_nothing_of_what_prod_serves(shops: Shops, monkeypatch: pytest.MonkeyPatch) -> None:
    shops.run("prod")
    for name, value in (shops.variables | {"TILLAGE_ENV": "prod"}).items():
        monkeypatch.setenv(name, value)
    with served(shops.root) as url:
        before = get(f"{url}/spend/c1")
        assert before[0] == 200
        shops.land("b.jsonl", "samples/orders", customer("c1", order("o9")))
        shops.run("dev")
        assert shops.spend("dev") == {"sample": 100, "c1": 100}
        assert get(f"{url}/spend/c1") == before
        assert get(f"{url}/spend/sample")[0] == 404


def test_an_embedded_store_lies_in_the_folder_of_its_environment(shops: Shops) -> None:
    shops.run("own")
    assert (shops.root / "data/own/store").is_dir()
    assert not (shops.root / "data/store").exists()
    assert (shops.spend("own"), shops.spend()) == ({"c1": 200}, {})


def test_a_watcher_looks_and_runs_in_its_environment(shops: Shops) -> None:
    (job,) = ProjectJobs(shops.root, (), "dev").changed() or ()
    assert job.feed is not None
    assert job.feed.path == "samples/orders"
    with taking_signals() as signals:
        found = Children(shops.root, "prdo", signals, wait_s=0, pass_on=print).check()
    assert (found.exit_code, "no environment 'prdo'" in found.message) == (10, True)
