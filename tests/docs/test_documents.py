"""What the documents name exists, and what they quote is what is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.oracle.food_orders import judge
from tillage import errors
from tillage.cli.demo_data import write_orders
from tillage.domain.load import CommitPoint
from tillage.domain.verdict import Code
from tillage.ports.backup import BACKUP_FORMAT
from tillage.ports.lake import LAKE_FORMAT
from tillage.stores.postgres.database import SCHEMA_VERSION

MOST_WORDS = 1_400  # about five minutes
LONGEST_LINE = 120
NEWLINE = b"\n"

ADRS = sorted((REPOSITORY / "docs" / "adr").glob("*.md"))
ADR_SECTIONS = ["Status", "Context", "Decision", "Alternatives rejected", "Consequences", "Enforced by"]
GUARANTEES = sorted((REPOSITORY / "docs" / "guarantees").glob("*.md"))
GUARANTEE_SECTIONS = ["What exactly", "How", "What is not covered", "Which test can fail"]
TEMPLATE = REPOSITORY / "src" / "tillage" / "templates" / "food-orders"

# Written in pieces, so that this file passes its own test.
REGISTRIES = (
    "py" + r"pi\.",
    "python" + r"hosted\.",
    r"npm" + r"js\.",
    "crates" + r"\.io",
    "rubygems" + r"\.",
    "repo1" + r"\.maven",
)
# Slashes as classes, for the same reason. The account's name or folder has to follow: `/home/` alone is nobody's.
MACHINE_PATHS = (r"[/]home[/]\w", r"[/]Users[/]\w", r"[/]root[/]\w", r"[/]workspaces?[/]\w", r"\b[A-Z]:\\\\?Users")


@cache
def committed() -> tuple[Path, ...]:
    """The files git has or would take, sorted."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    return tuple(sorted(path for name in set(listed.split("\0")) if name and (path := REPOSITORY / name).is_file()))


def documents() -> list[Path]:
    return [path for path in committed() if path.suffix == ".md"]


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def code(text: str) -> list[str]:
    """Lines of fenced blocks for a shell, and spans of code."""
    blocks = re.findall(r"^```sh$(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", prose(text))


def listings(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)


def headings(text: str, level: int) -> list[str]:
    return re.findall(rf"^{'#' * level} (.+)$", prose(text), re.MULTILINE)


def section(text: str, heading: str) -> str:
    found = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no section '{heading}'"
    return found[1]


def anchors(text: str) -> set[str]:
    found = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def named_paths(text: str) -> list[str]:
    """What each list item names first."""
    return re.findall(r"^- `([^`]+)`", text, re.MULTILINE)


def hits(pattern: str, paths: Iterable[Path]) -> list[str]:
    """`file:line` of each place where the pattern is found."""
    found = []
    for path in paths:
        content = path.read_bytes()
        lines = {content.count(NEWLINE, 0, hit.start()) + 1 for hit in re.finditer(pattern.encode(), content)}
        found += [f"{named(path)}:{line}" for line in sorted(lines)]
    return found


def named(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


@pytest.mark.parametrize("path", documents(), ids=named)
def test_every_relative_link_resolves(path: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = path.parent / file if file else path
        if not there.exists() or (anchor and anchor not in anchors(there.read_text())):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("path", documents(), ids=named)
def test_no_line_is_longer_than_the_others_may_be(path: Path) -> None:
    assert [number for number, line in enumerate(path.read_text().splitlines(), 1) if len(line) > LONGEST_LINE] == []


def test_index_names_every_document() -> None:
    index = REPOSITORY / "docs" / "README.md"
    linked = {(index.parent / target).resolve() for target in re.findall(r"\]\(([^)#\s]+)\)", index.read_text())}
    own = [path for path in documents() if path.parent == REPOSITORY or path.is_relative_to(index.parent)]
    assert [named(path) for path in own if path not in {index, *linked}] == []


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [path.name[:5] for path in ADRS] == [f"{number:04}-" for number in range(1, len(ADRS) + 1)]


@pytest.mark.parametrize("path", ADRS, ids=named)
def test_decision_has_every_section_in_order_on_one_page(path: Path) -> None:
    text = path.read_text()
    assert headings(text, 1) == [re.sub(r"^(\d{4})-.*", r"\1", path.stem) + ": " + headings(text, 1)[0][6:]]
    assert headings(text, 2) == ADR_SECTIONS
    assert all(section(text, heading).strip() for heading in ADR_SECTIONS)
    assert len(text.splitlines()) <= 60


@pytest.mark.parametrize("path", ADRS, ids=named)
def test_what_enforces_a_decision_exists(path: Path) -> None:
    enforcing = named_paths(section(path.read_text(), "Enforced by"))
    assert enforcing
    assert [name for name in enforcing if not (REPOSITORY / name).exists()] == []


@pytest.mark.parametrize("path", GUARANTEES, ids=named)
def test_guarantee_has_every_section_and_its_tests_exist(path: Path) -> None:
    text = path.read_text()
    assert headings(text, 2) == GUARANTEE_SECTIONS
    tests = named_paths(section(text, "Which test can fail"))
    assert tests
    assert [name for name in tests if not (name.startswith("tests/") and (REPOSITORY / name).is_file())] == []


def test_every_path_in_a_table_or_text_exists() -> None:
    paths = {span for path in documents() for span in re.findall(r"`((?:src|tests|scripts|docs|\.ci)/[\w./-]*)`",
             path.read_text())}  # fmt: skip
    assert len(paths) > 10
    assert [name for name in sorted(paths) if not (REPOSITORY / name).exists()] == []


def glossary() -> list[tuple[str, str]]:
    text = (REPOSITORY / "GLOSSARY.md").read_text()
    return re.findall(r"^\*\*(.+?)\*\*: (.+?)(?=\n\n|\Z)", text, re.MULTILINE | re.DOTALL)


def test_glossary_is_sorted_and_names_each_word_once() -> None:
    words = [word for word, _ in glossary()]
    assert len(words) > 50
    assert words == sorted(set(words), key=str.casefold)


def test_glossary_explains_each_word_in_one_to_three_sentences() -> None:
    for word, meaning in glossary():
        assert re.search(r"\.$", meaning), word
        assert len(re.findall(r"[.;](?=\s|$)", meaning)) <= 3, word


def test_every_word_of_the_glossary_is_used_in_the_code() -> None:
    texts = [
        path.read_text() for path in committed() if "src/tillage" in named(path) and path.suffix in {".py", ".sql"}
    ]
    source = "\n".join(texts).lower().replace("_", " ")
    unused = [word for word, _ in glossary() if not re.search(rf"\b{word.lower()}", source)]
    assert unused == []


def targets() -> set[str]:
    makefile = (REPOSITORY / "Makefile").read_text()
    return set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))


def test_every_make_target_in_a_document_exists() -> None:
    named_targets = {
        match[1]
        for path in documents()
        for line in code(path.read_text())
        if (match := re.match(r"make ([a-z-]+)", line))
    }
    assert {"demo", "test", "check", "setup"} <= named_targets
    assert named_targets <= targets()


@cache
def shown(*words: str) -> str:
    """What `tillage WORDS --help` prints, without colour and wide enough that nothing is folded."""
    environment = {"PATH": os.environ["PATH"], "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    command = [sys.executable, "-m", "tillage", *words, "--help"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commands(*group: str) -> set[str]:
    return set(re.findall(r"^\W*([a-z-]+)\s{2,}\S", shown(*group).partition("Commands")[2], re.MULTILINE))


@cache
def whole_commands() -> tuple[tuple[str, ...], ...]:
    """Every command that can be run, by its words: those of groups in place of the groups."""
    return tuple(
        (command, *inner)
        for command in sorted(commands())
        for inner in [[x] for x in sorted(commands(command))] or [[]]
    )


@pytest.mark.parametrize("path", documents(), ids=named)
def test_every_command_and_option_in_a_document_exists(path: Path) -> None:
    for span in code(path.read_text()):
        if not (match := re.match(r"tillage ([a-z]+)(?: ([a-z]+))?", span)):
            continue
        assert match[1] in commands(), span
        words = match.groups() if match.groups() in whole_commands() else match.groups()[:1]
        for option in re.findall(r"(?<= )--[a-z]+|(?<= )-[A-Z](?= )", span.partition('"')[0]):
            assert option in shown(*words), span


def test_readme_shows_every_command_and_its_options() -> None:
    text = section((REPOSITORY / "README.md").read_text(), "Commands")
    rows = re.findall(r"^\| `tillage ([a-z]+)[^|]*\| (.*) \|$", text, re.MULTILINE)
    assert commands() == {command for command, _ in rows}
    for command, meaning in rows:
        assert all(f"`{inner}`" in meaning for inner in commands(command)), command
    without_json = {words for words in whole_commands() if "--json" not in shown(*words)}
    without_project = {words for words in whole_commands() if "--project" not in shown(*words)}
    without_env = {words for words in whole_commands() if "--env" not in shown(*words)}
    assert without_env == without_project
    assert (without_json, without_project) == (set(), {("init",), ("schema",), ("contract", "infer")})


def test_readme_states_every_exit_code() -> None:
    text = section((REPOSITORY / "README.md").read_text(), "Commands")
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    for exit_code in {error.exit_code for error in classes if issubclass(error, errors.TillageError)}:
        assert re.search(rf"\b{exit_code} [a-z]", text), exit_code


def test_readme_is_read_in_five_minutes() -> None:
    assert len((REPOSITORY / "README.md").read_text().split()) <= MOST_WORDS


def uncommented(path: Path, mark: str) -> list[str]:
    lines = (re.sub(rf"\s*(?:^|(?<=\s)){mark} .*$", "", line) for line in path.read_text().splitlines())
    return [line for line in lines if line.strip()]


def test_listings_in_the_readme_are_those_of_the_template() -> None:
    readme = REPOSITORY / "README.md"
    project, excerpt = listings(readme, "yaml")
    (model,) = listings(readme, "sql")
    assert project.splitlines() == uncommented(TEMPLATE / "tillage.yaml", "#")
    assert model.splitlines() == uncommented(TEMPLATE / "models" / "customer_spend.sql", "--")
    contract = iter(uncommented(TEMPLATE / "contracts" / "orders.odcs.yaml", "#"))
    missing = [
        line for line in excerpt.splitlines() if line not in contract
    ]  # each searches on from the last one found
    assert missing == []


def test_every_setting_in_a_document_is_read_and_every_one_read_is_in_the_architecture() -> None:
    pattern = r"TILLAGE_[A-Z_]+"
    read = set(re.findall(pattern, (REPOSITORY / "src" / "tillage" / "settings.py").read_text()))
    assert set(re.findall(pattern, "".join(path.read_text() for path in documents()))) == read
    assert set(re.findall(pattern, section((REPOSITORY / "ARCHITECTURE.md").read_text(), "Settings"))) == read


def test_architecture_names_every_table_of_the_store_and_no_other() -> None:
    schema = (REPOSITORY / "src/tillage/stores/postgres/sql/schema.sql").read_text()
    tables = set(re.findall(r"^create table (tillage\.\w+)", schema, re.MULTILINE))
    text = section((REPOSITORY / "ARCHITECTURE.md").read_text(), "What lies where")
    assert set(re.findall(r"`(tillage\.[a-z_]+)`", text)) - {"tillage.yaml"} == tables


def test_architecture_names_every_commit_point_and_no_other() -> None:
    text = (REPOSITORY / "ARCHITECTURE.md").read_text()
    rows = re.findall(r"^\| (`.*?) \|", text.partition("### Commit points")[2].partition("### ")[0], re.MULTILINE)
    assert {point for row in rows for point in re.findall(r"`([a-z-]+)`", row)} == set(CommitPoint)


def test_architecture_states_every_exit_code_of_an_error_class() -> None:
    text = section((REPOSITORY / "ARCHITECTURE.md").read_text(), "Errors")
    for name, exit_code in re.findall(r"^\| `(\w+)` \|.*\| (\d+) \|$", text, re.MULTILINE):
        assert getattr(errors, name).exit_code == int(exit_code)


def test_page_of_versions_states_those_of_today() -> None:
    text = (REPOSITORY / "docs/reference/versions.md").read_text()
    now = {what: int(number) for what, number in re.findall(r"^\| (\w+) \|.*\| (\d+) \|$", text, re.MULTILINE)}
    assert now == {"store": SCHEMA_VERSION, "lake": LAKE_FORMAT, "backup": BACKUP_FORMAT}


def test_architecture_is_no_longer_than_it_may_be() -> None:
    assert len((REPOSITORY / "ARCHITECTURE.md").read_text().splitlines()) < 250


def test_quarantine_codes_are_all_explained() -> None:
    text = (REPOSITORY / "docs" / "guarantees" / "one-bad-record.md").read_text()
    rows = re.findall(r"^\| (`.*?) \|", section(text, "What exactly"), re.MULTILINE)
    assert {code for row in rows for code in re.findall(r"`(\w+)`", row)} == set(Code) - {Code.DUPLICATE}


@pytest.mark.parametrize("pattern", REGISTRIES)
def test_no_file_names_a_package_registry(pattern: str) -> None:
    assert hits(r"(?i)\b" + pattern, committed()) == []


@pytest.mark.parametrize("pattern", MACHINE_PATHS)
def test_no_file_names_a_place_on_somebodys_machine(pattern: str) -> None:
    assert hits(pattern, committed()) == []


def test_no_file_names_this_checkout() -> None:
    is_short = len(REPOSITORY.parts) <= 2  # and a word like others, unless a folder of ours follows it
    behind = r"/(?:src|tests|docs|scripts|benchmarks|\.venv|\.git)\b" if is_short else r"\b"
    assert hits(re.escape(str(REPOSITORY)) + behind, committed()) == []


def test_figures_of_the_demo_in_the_readme_are_those_of_the_oracle(tmp_path: Path) -> None:
    write_orders(tmp_path)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    house = judge(files)
    shown_rows = section((REPOSITORY / "README.md").read_text(), "Try it").replace(",", "")
    for dataset, counts in house.counts().items():
        rows = [str(rows) for rows in counts.rows.values()]
        assert re.search(rf"^{dataset} +{' +'.join(rows)} +0$", shown_rows, re.MULTILINE), rows
        if counts.minor:
            amounts = [f"{Decimal(minor).scaleb(-2):.2f}" for minor in counts.minor.values()]
            assert re.search(rf"^{dataset} EUR +{' +'.join(amounts)} +0.00$", shown_rows, re.MULTILINE), amounts
    spend = house.spend()
    total = f"{Decimal(sum(net for _, net in spend.values())).scaleb(-2):.2f}"
    assert f"{len(spend)} keys recomputed from bronze 0 differ; net_minor {total} EUR = {total} EUR" in shown_rows
    orders, net = spend["c1879"]
    assert f'"customerId":"c1879""orders":{orders}"totalNetMerchandiseValueEur":{Decimal(net).scaleb(-2)}' in shown_rows
    assert f"{len(files)} daily files {len(spend)} customers" in shown_rows
