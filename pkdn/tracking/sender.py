"""The process that talks to MLflow: ``python -m pkdn.tracking.sender``.

It reads messages from its standard input, one JSON object a line, and answers in the same way. It
ends itself when MLflow takes too long over one message, whatever it is that MLflow waits for; so
it does not outlive for long the process that started it.
"""

import json
import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from pkdn.errors import UserError
from pkdn.tracking import models, outbox
from pkdn.tracking.address import without_password
from pkdn.tracking.owner import owner
from pkdn.tracking.place import store
from pkdn.tracking.record import Record, in_order
from pkdn.tracking.view import Entry, View, connect

PATIENCE_SECONDS = 60
"""With one message, and in a message with one record, before the process ends itself."""
MOST_FAILURES = 3
"""One after the other, before it gives up."""
NICENESS = 10
"""It gives way to what computes, while it is told of that."""


class Sender:
    """What it knows of the store, and of the one run that it is told of while that runs.

    Args:
        answers: where the answers go.
        by: whose that run is.
    """

    def __init__(self, answers: IO[str], by: str) -> None:
        self.answers, self.by = answers, by
        self.view: View | None = None
        self.record: Record | None = None
        self.entry: Entry | None = None
        self.rows: list[dict[str, float]] = []
        self.failures = 0

    def answer(self, **content: Any) -> None:
        """Answer, where somebody is still there."""
        with suppress(BrokenPipeError):
            print(json.dumps(content), file=self.answers, flush=True)

    def take(self, message: dict[str, Any]) -> None:
        """Do what a message asks for.

        Raises:
            Exception: what MLflow complains of, when it is time to give up.
        """
        if "sync" in message:
            self.sync(Path(message["sync"]))
            return
        if "record" in message:
            os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
            self.record = Record.model_validate(message["record"])
        self.rows += message["rows"]
        status = message.get("status")
        try:
            self.send(status)
            self.failures = 0
        except Exception:
            self.failures += 1
            if status or self.failures == MOST_FAILURES:
                raise

    def open(self) -> View:
        """Open the store, once."""
        if self.view is None:
            self.view, notice = connect()
            if notice:
                self.answer(notice=notice)
        return self.view

    def send(self, status: str | None) -> None:
        """Send the rows that wait, and how the run ended, where it did."""
        assert self.record is not None
        if self.entry is None:
            self.entry = self.open().claim(self.record, self.by)
            self.answer(run_id=self.entry.run_id)
            self.entry.watch_machine()
        if not self.entry.is_taken:
            self.entry.log(self.rows)
            self.rows.clear()
            if status == "FINISHED":
                self.entry.finish(self.record)
            elif status:
                self.entry.close(status)
        if status:
            self.entry = None
            self.answer(ended=status)

    def sync(self, records: Path) -> None:
        """Send what MLflow lacks of the records in a folder, and of those in the outbox."""
        view = self.open()
        view.close_lost()
        run_ids, sent, broken, failures = dict[str, str](), 0, list[str](), 0
        seen = dict[bytes, bool]()  # of the records in their runs' folders: does MLflow have all?
        for folder in (records, outbox.folder()):
            for file in in_order(folder):
                signal.alarm(PATIENCE_SECONDS)
                try:
                    content = file.read_bytes()
                    if content in seen:
                        if seen[content]:
                            shutil.rmtree(file.parent, ignore_errors=True)
                        continue
                    seen[content] = False
                    found = view.send(file, file.parent if folder == outbox.folder() else Path())
                    if file.is_relative_to(records / models.STAGE):
                        models.point(view.client, found.run_id)
                except UserError as error:
                    broken.append(str(error))
                    continue
                except FileNotFoundError:  # another process sent it, or DVC runs its stage again
                    continue
                except Exception as error:  # of this one alone, such as files that are too large
                    failures += 1
                    if failures == MOST_FAILURES:
                        raise
                    broken.append(f"MLflow did not take {file} ({_in_words(error)})")
                    continue
                failures = 0
                run_ids[found.fingerprint] = found.run_id
                sent += found.is_new
                seen[content] = found.is_finished
                if folder == outbox.folder() and found.is_finished:
                    shutil.rmtree(file.parent, ignore_errors=True)
        found_all = {"sent": sent, "run_ids": run_ids, "broken": broken}
        self.answer(synced=found_all | {"store": without_password(store()), "pages": view.pages()})

    def abandon(self) -> None:
        """Mark the run as killed: the process that started this one is gone, and said nothing."""
        if self.entry is not None and not self.entry.is_taken:
            self.entry.close("KILLED")


def _in_words(error: Exception) -> str:
    reason = without_password(" ".join(str(error).split()))[:200]
    return f"{type(error).__name__}: {reason}"


def main() -> None:
    """Take messages until there are no more."""
    # MLflow prints to what is called standard output.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sender = Sender(answers, owner(os.getppid()))
    try:
        for line in sys.stdin:
            if not line.endswith("\n"):
                break  # it was killed while it wrote
            signal.alarm(PATIENCE_SECONDS)  # not caught: it ends even what waits in C
            sender.take(json.loads(line))
            signal.alarm(0)
        signal.alarm(PATIENCE_SECONDS)
        sender.abandon()
    except UserError as error:
        sender.answer(failed=str(error))
    except Exception as error:
        sender.answer(failed=f"MLflow does not answer ({_in_words(error)})")


if __name__ == "__main__":
    main()
