"""People who buy, are erased, come again and are killed for it: what is left must be what plain Python says.

A round is some commands, most of them killed at a commit or at some time, sometimes two at once; then the house comes
to rest, and is compared. `make torture PEOPLE=1`, with SEED and ROUNDS.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, SystemRandom
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from tests.integration.mirrored import check_files
from tests.integration.peopled import contract, hashed_customers, make_peopled, vault
from tests.integration.searching import searched
from tests.integration.shops import Shop
from tillage.domain.load import CommitPoint
from tillage.pipelines.audit import audit
from tillage.pipelines.erase import all_erasures
from tillage.pipelines.reconcile import reconcile
from tillage.pipelines.status import status
from tillage.stores.embedded import EmbeddedPostgres

_PEOPLE = 10
_LIMIT_S = 120
_COMMANDS = {"run": 10, "erase": 6, "maintain": 2, "replay": 2, "rebuild": 1, "keys": 1}
_ARGUMENTS = {
    "maintain": ["maintain", "--keep", "0"],
    "replay": ["quarantine", "replay"],
    "keys": ["keys", "rotate"],
}
_POINTS = [
    *(CommitPoint.BRONZE, CommitPoint.SILVER, CommitPoint.PUBLISH, CommitPoint.SEAL, CommitPoint.PLAN),
    *(CommitPoint.PEOPLE, CommitPoint.FENCE, CommitPoint.VACUUM, CommitPoint.CHECKPOINT, CommitPoint.MIRROR),
    *(CommitPoint.FORGET, CommitPoint.DISCARD, CommitPoint.LEASE, CommitPoint.PUT_AWAY),
    *3 * [CommitPoint.ERASURE, CommitPoint.JOURNAL, CommitPoint.SCRUB, CommitPoint.FORGET_PEOPLE, CommitPoint.PROVE],
]
# A command that was stopped by another one, by a lease, or by what an erasure is still waiting for.
_ENDS = {0, 12, 14, -signal.SIGKILL}


class WrongError(AssertionError):
    """The house is not what was done to it."""


@dataclass
class Person:
    """Somebody by all that says who that is."""

    id: str
    texts: set[str] = field(default_factory=set)
    is_asked: bool = False

    def says(self, random: Random) -> dict[str, Any]:
        """As the shop sends them."""
        street, mail = f"Straat {random.choice('xyz')} {self.id}", f"p{self.id}@{random.choice('abc')}.example"
        self.texts |= {street, mail}
        said = {"customer_id": self.id, "name": f"Naam {self.id}", "email": mail}
        return said | {"home": {"street": street}, "country": "NL"}


@dataclass(frozen=True)
class Sale:
    """A line of a file of orders."""

    person: str
    minor: int | None
    """None: it is wrong, and waits."""


class PeopledHouse:
    """One house and what was put at its doors."""

    def __init__(self, shop: Shop, random: Random) -> None:
        self._shop, self._random = shop, random
        self._people = {str(number): Person(str(number)) for number in self._ids()}
        self._sales: dict[str, list[Sale]] = {}
        self._customers: dict[str, set[str]] = {}
        self._number = 0
        self.log: list[str] = []
        self.killed = 0

    def _ids(self) -> list[int]:
        return self._random.sample(range(200_000, 999_999), _PEOPLE)

    def round(self) -> None:
        """Raises WrongError if anything is not as it must be at its end."""
        for _ in range(self._random.randint(3, 6)):
            self._land()
            if self._random.random() < 0.2:
                self._two_at_once()
            else:
                self._command(self._chosen())
        self._rest()
        self._compare()

    # --- what is done

    def _land(self) -> None:
        self._number += 1
        people = self._random.choices([*self._people.values()], k=self._random.randint(1, 6))
        lines = [json.dumps(person.says(self._random)).encode() for person in people]
        if self._random.random() < 0.3:
            lines.insert(0, b'{"customer_id": "%s", "name": ' % people[0].id.encode())
        name = self._put("customers", lines)
        self._customers[name] = {person.id for person in people}
        sales = [
            Sale(one.id, self._random.choice((None, *[self._random.randint(1, 9_999)] * 5)))
            for one in self._random.choices([*self._people.values()], k=self._random.randint(1, 8))
        ]
        told = []
        for place, sale in enumerate(sales):
            total = "nonsense" if sale.minor is None else f"{sale.minor // 100}.{sale.minor % 100:02}"
            order = {"order_id": f"{self._number}-{place}", "customer_id": sale.person, "total": total}
            told.append(json.dumps(order | {"door": f"Straat x {sale.person}"}).encode())
            self._people[sale.person].texts.add(f"Straat x {sale.person}")
        self._sales[self._put("orders", told)] = sales

    def _put(self, feed: str, lines: list[bytes]) -> str:
        """In a file that is there as a whole at once."""
        name = f"landing/{feed}/{self._number}.jsonl"
        path = self._shop.root / name
        part = self._shop.root.parent / "part"
        part.write_bytes(b"".join(line + b"\n" for line in lines))
        part.replace(path)
        return name

    def _chosen(self) -> list[str]:
        do = self._random.choices(tuple(_COMMANDS), tuple(_COMMANDS.values()))[0]
        if do == "erase":
            asked = self._random.sample([*self._people.values()], self._random.randint(1, 3))
            for person in asked:
                person.is_asked = True
            return ["erase", "run", "--from", self._requests(asked)]
        if do == "rebuild":
            return [do, *self._random.choice((["--from", "bronze"], ["--mirror"]))]
        return _ARGUMENTS.get(do, [do])

    def _requests(self, people: list[Person]) -> str:
        path = self._shop.root.parent / "asked.jsonl"
        path.write_text("".join(json.dumps({"id": person.id}) + "\n" for person in people))
        return str(path)

    def _command(self, command: list[str]) -> None:
        crash, after_s = "", None
        if self._random.random() < 0.5:
            side, point = self._random.choice(("before", "after")), self._random.choice(_POINTS)
            crash = f"{side}:{point}:{self._random.choice((1, 1, 2, 3))}"
        elif self._random.random() < 0.4:
            after_s = self._random.uniform(0.3, 4)
        self._end(self._start(command, crash), command, crash, after_s)

    def _two_at_once(self) -> None:
        commands = [self._chosen(), ["run"]]
        self._random.shuffle(commands)
        started = [self._start(command) for command in commands]
        for process, command in zip(started, commands, strict=True):
            self._end(process, command)

    def _start(self, command: list[str], crash: str = "") -> subprocess.Popen[str]:
        variables = {"TILLAGE_STORE_DSN": self._shop.dsn, "TILLAGE_CRASH": crash, "TILLAGE_LEASE_TTL_S": "2"}
        return subprocess.Popen(
            [sys.executable, "-m", "tillage", *command], cwd=self._shop.root, env=os.environ | variables,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def _end(
        self, process: subprocess.Popen[str], command: list[str], crash: str = "", after_s: float | None = None
    ) -> int:
        try:
            _, said = process.communicate(timeout=after_s or _LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            _, said = process.communicate()
            if after_s is None:
                raise WrongError(f"{command} does not end: {said}") from None
        self.log.append(f"{' '.join(command)} {crash} {after_s or ''} -> {process.returncode}")
        self.killed += process.returncode == -signal.SIGKILL
        if process.returncode not in _ENDS:
            raise WrongError(f"{command} ended with {process.returncode}: {said}")
        return process.returncode

    def _rest(self) -> None:
        asked = [person for person in self._people.values() if person.is_asked]
        commands = [["run"], *([["erase", "run", "--from", self._requests(asked)]] if asked else [])]
        ends: list[int] = []
        for _ in range(2):  # what lies at a door and is not loaded yet keeps an erasure open
            ends = [self._end(self._start(command), command) for command in commands]
            if not any(ends):
                return
        raise WrongError(f"it does not come to rest: {ends}")

    # --- what must be

    def _compare(self) -> None:
        erased = self._erased()
        if missing := {one.id for one in self._people.values() if one.is_asked} - erased.keys():
            raise WrongError(f"asked to be erased, and are not kept out: {len(missing)}")
        self._compare_numbers(erased)
        gone = {text for number in erased for text in (number, *self._people[number].texts)}
        if found := searched(self._shop, gone):
            raise WrongError(f"of who was erased there is still: {found}")
        with self._shop.open() as house:
            laws, findings = status(house).datasets, audit(house).findings
            states = {one.state for one in all_erasures(house)}
            sound = [one.agrees() for one in reconcile(house)]
        if not all(law.balances() for law in laws.values()) or findings or not all(sound) or states - {"proved"}:
            raise WrongError(f"laws {laws}, findings {findings}, sums {sound}, erasures {states}")
        landed = {place: (self._shop.root / path).read_bytes().split(b"\n") for place, path in self._loads("customers")}
        check_files(self._shop, "customers", "customers", landed)
        # Old data of who was erased may come again; and there are as many others as before.
        fresh = [str(one) for one in self._ids() if str(one) not in self._people]
        for number in fresh[: _PEOPLE - len(self._people.keys() - erased.keys())]:
            self._people[number] = Person(number)

    def _erased(self) -> dict[str, int]:
        """By id, the erasure from which on somebody is kept out, by the keys in the safe."""
        if vault(self._shop, "select to_regclass('vault.suppressed')") == [(None,)]:
            return {}  # no load about people ever began
        with self._shop.open() as house:
            assert house.vault is not None
            ring = house.vault.keys().suppression
        rows = vault(self._shop, "select digest, erasure from vault.suppressed where kind = 'id'")
        by_digest = {bytes(digest): int(erasure) for digest, erasure in rows}
        found = {}
        for number in self._people:
            numbers = [by_digest[one] for key in ring if (one := key.id_digest("customer", number)) in by_digest]
            if numbers:
                found[number] = min(numbers)
        return found

    def _loads(self, feed: str) -> list[tuple[tuple[int, int], str]]:
        rows = vault(
            self._shop,
            "select load_seq, source, path from tillage.sources join tillage.loads using (load_seq) "
            f"where feed = '{feed}' and state = 'sealed' and kind = 'read'",
        )
        return [((load, source), path) for load, source, path in rows]

    def _compare_numbers(self, erased: dict[str, int]) -> None:
        """Sums of each person who is known, and of all."""
        sums: dict[str, int] = defaultdict(int)
        for (load, _), path in self._loads("orders"):
            for sale in self._sales[path]:
                if sale.minor is not None and load < erased.get(sale.person, load + 1):
                    sums[sale.person] += sale.minor
        by_id = "select natural_id, total_minor from gold.spend join vault.identities on subject_key = customer_id"
        known = dict(vault(self._shop, by_id))
        ((every,),) = vault(self._shop, "select coalesce(sum(total_minor), 0) from gold.spend")
        wanted = {number: total for number, total in sums.items() if number not in erased}
        if known != wanted or every != sum(sums.values()):
            raise WrongError(f"sums {known} of {every}, and not {wanted} of {sum(sums.values())}")
        standing = len({
            number
            for (load, _), path in self._loads("customers")
            for number in self._customers[path]
            if load < erased.get(number, load + 1)
        })  # fmt: skip
        ((rows,),) = vault(self._shop, "select count(*) from mirror.customers")
        if rows != standing:
            raise WrongError(f"{rows} customers stand, and not {standing}")


def made(root: Path, dsn: str) -> Shop:
    """Customers are kept in their newest version; one feed puts its files away, the other is mirrored."""
    feeds = {
        "customers": {"path": "landing/customers", "format": "jsonl", "mirror": ["files", "tables"]},
        "orders": {"path": "landing/orders", "format": "jsonl", "after": "archive"},
    }
    shop = make_peopled(root, dsn, project={"feeds": feeds})
    columns = hashed_customers("customer_id", "email", "home")
    merging = {"customProperties": [{"property": "tillage.merge", "value": "upsert"}]}
    (shop.root / "contracts/customers.odcs.yaml").write_text(contract("customers", columns, **merging))
    return shop


def torture(root: Path, dsn: str, seed: str, rounds: int) -> PeopledHouse:
    """Raises WrongError, with all that was done."""
    house = PeopledHouse(made(root, dsn), Random(seed))
    for number in range(rounds):
        try:
            house.round()
        except (WrongError, AssertionError) as wrong:
            raise WrongError("\n".join([*house.log, f"round {number} of {seed}: {wrong}"])) from wrong
    return house


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    parser.add_argument("--rounds", type=int, default=50)
    arguments = parser.parse_args()
    print(f"SEED={arguments.seed} ROUNDS={arguments.rounds}", flush=True)
    with TemporaryDirectory(prefix="tillage-") as folder, EmbeddedPostgres(Path(folder, "store")) as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("create database people")
        house = torture(
            Path(folder, "shop"), psycopg.conninfo.make_conninfo(dsn, dbname="people"), str(arguments.seed),
            arguments.rounds,
        )  # fmt: skip
    print(f"{arguments.rounds} rounds, {len(house.log)} commands, {house.killed} killed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
