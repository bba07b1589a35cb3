"""Bringing MLflow up to date with the records, by a process of its own."""

from typing import NamedTuple

from pkdn.errors import UserError
from pkdn.runs import RUNS
from pkdn.tracking.messenger import Messenger


class Synced(NamedTuple):
    """What was brought up to date.

    Attributes:
        sent: how many runs MLflow lacked.
        run_ids: MLflow's run for each fingerprint.
        broken: what is wrong with records that could not be read, a line each.
        store: the address of the store.
        pages: MLflow's pages of these runs by name, without the server's address.
    """

    sent: int
    run_ids: dict[str, str]
    broken: list[str]
    store: str
    pages: dict[str, str]


def sync(messenger: Messenger, seconds: float = float("inf")) -> Synced:
    """Send the recorded runs that MLflow lacks, also those that came out of DVC's cache.

    Args:
        messenger: who sends them; it may have other things to tell afterwards.
        seconds: to wait for, at most.

    Raises:
        UserError: MLflow does not answer, or its database is broken.
    """
    messenger.tell(sync=str(RUNS.resolve()))
    found = messenger.wait("synced", seconds)
    if found is None:
        raise UserError(messenger.failure or f"MLflow lacks records after {seconds:.0f} s")
    return Synced(**found)
