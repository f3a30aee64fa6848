"""`tillage restore`: makes an empty project the house that was backed up, and proves it.

First the project is shut, then the lake's files are written, then the store is filled in one transaction, then the
project is opened. Every byte is compared with its digest on the way. Killed at any point it is still shut, and the same
restore is repeated from the start; only a store that is filled is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tillage.contracts.environments import project_of
from tillage.errors import BackupError, LawBrokenError, ModelError, TransientError
from tillage.pipelines.audit import audit
from tillage.pipelines.backup import LAKE
from tillage.pipelines.build import build_if_due
from tillage.pipelines.house import House
from tillage.pipelines.models import sync_models
from tillage.pipelines.reconcile import reconcile
from tillage.ports.backup import BackupFolder, EmptyHouse, Manifest
from tillage.ports.lake import LAKE_FORMAT

Proof = Callable[[House], list[str]]
"""What is wrong with a house, in words; empty if nothing is."""
_WAIT_S = 60.0  # a run that comes first builds too


@dataclass(frozen=True)
class Restored:
    """What was restored."""

    manifest: Manifest

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.manifest.files())


def restore(
    folder: BackupFolder,
    target: EmptyHouse,
    *,
    project: str,
    schema_version: int,
    open_house: Callable[[], AbstractContextManager[House]],
    prove: Proof,
) -> Restored:
    """The house of the backup in `folder`, in an environment that has loaded nothing; it may be that of another one.

    Raises:
        BackupError: there is no whole backup, it is of a newer version, or something is in the way.
        LawBrokenError: all is as it was backed up, and yet not as it should be.
    """
    manifest = _fitting(folder, project, schema_version)
    held = target.store.holds()
    if held not in {None, (manifest.house, manifest.last_number)}:
        raise BackupError(
            "the store has loads: a backup is restored into an empty one only. Move lake and store of this environment "
            "away; of a store by DSN give another empty database. Then repeat the command"
        )
    target.begin(manifest.backup, is_filled=held is not None)
    for table in manifest.lake:
        for file in table.files:
            target.write(file.path.removeprefix(f"{LAKE}/"), folder.pieces(file))
    target.put_mark(manifest.house)
    wanted = {
        table.name: (table.version, frozenset(_data_files(file.path for file in table.files)))
        for table in manifest.lake
    }
    if target.versions() != wanted:
        raise BackupError("the lake's tables are not those of the manifest: the backup is damaged. Take another one")
    if held is None:
        target.store.fill(manifest, folder.pieces)
    target.end()
    with open_house() as house:
        sync_models(house)
        if wrong := prove(house):
            raise LawBrokenError(
                f"the project is restored as it was backed up, byte for byte, and is not as it should be: {wrong[0]}"
            )
        _build(house)
    return Restored(manifest)


def _build(house: House) -> None:
    """Last, by a load of its own: killed there, or if a model fails, the house is restored, and a run builds."""
    try:
        build_if_due(house, wait_s=_WAIT_S)
    except (ModelError, TransientError) as wrong:
        house.say(str(wrong))


def _data_files(paths: Iterable[str]) -> Iterator[str]:
    return (path.removeprefix(f"{LAKE}/") for path in paths if "/_delta_log/" not in path)


def _fitting(folder: BackupFolder, project: str, schema_version: int) -> Manifest:
    manifest = folder.manifest()
    if manifest is None:
        raise BackupError(f"{folder.location()} holds no whole backup: manifest.json is missing")
    if (backed_up := project_of(manifest.project)) != project:
        raise BackupError(
            f"the backup is of project '{backed_up}', and tillage.yaml is of '{project}'; restore it beside its "
            "own tillage.yaml, contracts and models"
        )
    if (manifest.schema_version, manifest.lake_format) != (schema_version, LAKE_FORMAT):
        raise BackupError(
            f"the backup has store version {manifest.schema_version} and lake format {manifest.lake_format}; this "
            f"version of Tillage restores {schema_version} and {LAKE_FORMAT}. Restore it with Tillage "
            f"{manifest.tillage}; a newer one then takes up what is older"
        )
    return manifest


def proved(house: House) -> list[str]:
    """What is wrong by `tillage audit`, and which served figures the raw bytes do not give."""
    reconciled = reconcile(house)
    return [
        *(f"{finding.what}: {finding.where}" for finding in audit(house).findings),
        *(
            f"model {one.model}: {one.comparison.differ} of {one.comparison.keys} keys differ from the recomputation"
            for one in reconciled
            if one.comparison.differ
        ),
        *(
            f"dataset {share.dataset}: {share.astray_rows} units without bytes are not in silver as in bronze"
            for one in reconciled
            for share in one.shares
            if share.astray_rows
        ),
    ]
