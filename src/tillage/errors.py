"""Every error of the product, grouped by what the caller should do about it.

A message says what failed, on which object, what was allowed, and the next command to run. It never holds a value of
a record: type, length and position only.
"""

from __future__ import annotations

from typing import Any, ClassVar


class TillageError(Exception):
    """An expected failure; the command ends with `exit_code` and prints the message without a traceback."""

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "error"

    def __reduce__(self) -> tuple[Any, ...]:
        """As it is, whatever it is made from: pages are made in processes of their own."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[TillageError], args: tuple[Any, ...], members: dict[str, Any]) -> TillageError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(members)
    return error


class OperatorError(TillageError):
    """Settings, credentials or an installation are wrong: stop and tell a person; a retry cannot help."""

    exit_code = 10
    code = "operator"


class DataError(TillageError):
    """The data breaks its contract so far that the caller asked to be stopped."""

    exit_code = 11
    code = "data"


class TransientError(TillageError):
    """Something outside is busy or away: back off for `retry_after_s` seconds and repeat the same command."""

    exit_code = 12
    code = "transient"

    def __init__(self, message: str, *, retry_after_s: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UnknownOutcomeError(TillageError):
    """A commit may have happened: run again, which reads the receipt first; never clean up by hand."""

    exit_code = 13
    code = "unknown-outcome"


class PrivacyError(TillageError):
    """A promise to the people in the data cannot be kept now: everything stops."""

    exit_code = 14
    code = "privacy"


class KeysError(PrivacyError):
    """The keys under which people are found again are missing, others', or open to others."""

    code = "keys"


class ErasureOpenError(PrivacyError):
    """Somebody who was to be erased is not yet, or not proved to be; names the places that are left."""

    code = "erasure-open"


class JournalAheadError(PrivacyError):
    """The journal knows of people who were erased and whom this copy of the data still has."""

    code = "journal-ahead"


class KeysRotatedError(TransientError):
    """The key of the people's index was changed while it was used: with the new one it works."""

    code = "keys-rotated"


class NoProjectError(OperatorError):
    """No `tillage.yaml` in this folder or above it."""

    code = "no-project"


class ProjectFileError(OperatorError):
    """`tillage.yaml` is wrong; the message names the line, what is allowed, and the nearest name."""

    code = "project-file"


class ContractError(OperatorError):
    """A contract file is wrong; the message names file, line, what is allowed, and the nearest name."""

    code = "contract"


class ModelError(OperatorError):
    """A model file is wrong; the message names the file, the construct and a spelling that works."""

    code = "model"


class ModelMemoryError(ModelError):
    """A model needs more memory than the engine may hold, and cannot spill it."""

    code = "model-memory"

    def __init__(self, model: str) -> None:
        super().__init__(
            f"{model} needs more memory than the engine may hold; give it more: TILLAGE_MEMORY_MB=4096 tillage run"
        )


class MirrorError(OperatorError):
    """What stands cannot be kept equal outside of the lake: a value, a key or a reference does not fit there, or the
    folder cannot be written.
    """

    code = "mirror"

    def __init__(self, message: str, *, foreign_key: tuple[str, str] | None = None) -> None:
        super().__init__(message)
        self.foreign_key = foreign_key
        """Table and constraint that do not hold, where that is all."""


class ModelsChangedError(TransientError):
    """Another process changed the models while a load was computed, or a row was served: with the new ones it works."""

    code = "models-changed"


class QueryError(OperatorError):
    """A query of the user cannot run: not a read, or wrong SQL."""

    code = "query"


class StoreError(OperatorError):
    """The PostgreSQL store cannot be used as it is set up."""

    code = "store"


class StoreAwayError(TransientError):
    """The PostgreSQL store does not answer."""

    code = "store-away"


class OverloadedError(TransientError):
    """More is asked for at once than can be answered in time."""

    code = "overloaded"


class ScopeNotHeldError(OperatorError):
    """A client whose secret is right asks for a scope that it does not have."""

    code = "scope-not-held"


class LeaseHeldError(TransientError):
    """Another live process holds the lease that this step needs."""

    code = "lease-held"


class LeaseLostError(TransientError):
    """This process was fenced: its lease went to another, so its write was refused and nothing of it is visible."""

    code = "lease-lost"


class SourceChangedError(TransientError):
    """A file changed between plan and read: the load is voided, the next run plans the file as it is then."""

    code = "source-changed"

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


class FileRejectedError(DataError):
    """A file cannot be unpacked as a whole, or no record of it could be right: nothing of it is loaded, it stays where
    it is, the others are loaded. `others` are further files of the load with such a fault of their own.
    """

    code = "file-rejected"

    def __init__(self, path: str, message: str, *, others: tuple[FileRejectedError, ...] = ()) -> None:
        super().__init__(message)
        self.path = path
        self.others = others


class ReplayRefusedError(DataError):
    """What waits in quarantine would break a rule of its dataset if it were let in; it goes on waiting."""

    code = "replay-refused"


class RebuildRefusedError(DataError):
    """What stands would break a rule of its dataset if it were judged anew; it stays as it is."""

    code = "rebuild-refused"


class LoadFailedError(DataError):
    """A load breaks a rule or bound: nothing of it is visible, and its feed stops until a person decides."""

    code = "load-failed"


class UnknownLoadError(OperatorError):
    """There is no load of that number, or it is in a state in which this cannot be done to it."""

    code = "unknown-load"


class UnknownDatasetError(OperatorError):
    """No contract describes a dataset of that name."""

    code = "unknown-dataset"


class TimeLimitError(TransientError):
    """A look took longer than it may, and was ended; nothing was changed."""

    code = "time-limit"


class LakeError(OperatorError):
    """A lake table is not what the ledger says: wrong protocol, missing file, unreadable folder."""

    code = "lake"


class BackupError(OperatorError):
    """A backup cannot be made into this folder, or none can be restored from it, or not to there."""

    code = "backup"


class LawBrokenError(DataError):
    """Counts that must be equal differ: the conservation law, or a stage and the verdicts."""

    code = "law-broken"


class StrictQuarantineError(DataError):
    """`--strict` was given and at least one unit was quarantined; the load itself is sealed."""

    code = "strict-quarantine"


class NotWellError(DataError):
    """`status --check` found something late, missing, failed or unbalanced; the message has one line for each."""

    code = "not-well"


class UnknownRouteError(OperatorError):
    """A served path was asked for that `tillage.yaml` does not serve."""

    code = "unknown-route"


class UnknownKeyError(OperatorError):
    """A served path is known but nothing is known under its key."""

    code = "unknown-key"


class NotExplainedError(OperatorError):
    """A served path answers from a model that is built whole, so no lines of files add up to its rows."""

    code = "not-explained"


class TooManyLinesError(OperatorError):
    """A number is made of more lines than whoever asked can take at once."""

    code = "too-many-lines"


class ExportError(OperatorError):
    """A table cannot be exported: there is none of that name, a value does not fit, or not to there."""

    code = "export"
