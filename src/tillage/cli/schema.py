"""`tillage schema`: the JSON Schemas that editors check a project's YAML files against."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Which(StrEnum):
    """The files of a project that have a schema."""

    PROJECT = "project"
    CONTRACT = "contract"


def schema(
    which: Annotated[Which, typer.Argument(help="Of tillage.yaml, or of a contract.")] = Which.PROJECT,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, as it does anyway.")] = True,
) -> None:
    """Print the JSON Schema of tillage.yaml or of a contract, for editors."""
    from tillage.contracts.tools.contract_schema import contract_schema
    from tillage.contracts.tools.project_schema import project_schema

    del as_json  # JSON is the only form; the option is there because every command has it
    typer.echo(written(project_schema() if which is Which.PROJECT else contract_schema()), nl=False)


def written(found: dict[str, object]) -> str:
    """A schema as text, the same for ever as long as it says the same."""
    import json

    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"
