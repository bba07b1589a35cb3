"""What MLflow is told of a run by the stage itself; a failure is one line, and the end of it."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pkdn.errors import UserError
from pkdn.tracking.messenger import Messenger
from pkdn.tracking.syncing import sync

END_SECONDS = 5.0
"""How long a stage waits, at its end, until MLflow has the rest."""
LIVE_VARIABLE = "PKDN_LIVE"
"""Variable: "no" where runs reach MLflow later, by `sync`, since others write its database."""
SYNC_SECONDS = 600.0
"""How long the report waits until MLflow has all records."""


class Live:
    """One run's connection to MLflow, which is made when there is something to tell.

    Attributes:
        run_id: MLflow's run, where it is known.
    """

    def __init__(self) -> None:
        self.run_id: str | None = None
        self._messenger: Messenger | None = None
        self._has_failed = False

    def tell(self, rows: Sequence[Mapping[str, float]], **message: Any) -> None:
        """Pass on rows of the curve, without waiting.

        Args:
            rows: the newest ones.
            message: ``record``, the first time; ``status``, the last time.
        """
        if messenger := self._started():
            messenger.tell(rows=rows, **message)
            self.attend()

    def attend(self) -> None:
        """Take what MLflow answered, without waiting."""
        if self._messenger is not None:
            self._messenger.attend()
            self.run_id = self._messenger.heard.get("run_id")
            if self._messenger.failure is not None:
                self._fail(self._messenger.failure)

    def end(self, rows: Sequence[Mapping[str, float]], **message: Any) -> None:
        """Tell how the run ended, where MLflow knows it, and wait a little; see :meth:`tell`."""
        if self.run_id is not None:
            self.tell(rows, **message)
            self._await_end()
        self.close()

    def sync(self) -> Mapping[str, str]:
        """Send all records; return MLflow's run for each fingerprint, as far as it answers."""
        messenger = self._started()
        if messenger is None:
            return {}
        try:
            found = sync(messenger, SYNC_SECONDS)
        except UserError as error:
            self._fail(str(error))
            return {}
        for line in found.broken:
            print(line, file=sys.stderr, flush=True)
        return found.run_ids

    def _await_end(self) -> None:
        if self._messenger and self._messenger.wait("ended", END_SECONDS) is None:
            late = f"MLflow does not take the end of the run within {END_SECONDS:.0f} s"
            self._fail(self._messenger.failure or late)

    def close(self) -> None:
        """End the connection."""
        if self._messenger is not None:
            self._messenger.close()
            self._messenger = None

    def _started(self) -> Messenger | None:
        is_live = os.environ.get(LIVE_VARIABLE) != "no"
        if self._messenger is None and not self._has_failed and is_live:
            try:
                self._messenger = Messenger()
            except UserError as error:
                self._fail(str(error))
        return self._messenger

    def _fail(self, reason: str) -> None:
        self._has_failed = True
        self.close()
        print(
            f"{reason}; the results are not affected; send them later with `python -m pkdn sync`",
            file=sys.stderr,
            flush=True,
        )
