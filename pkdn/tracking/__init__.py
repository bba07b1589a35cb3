"""Run records, and MLflow as a view of them.

A stage's numbers first go to a file that DVC caches, the record in its run's folder
(``records.py``). MLflow is told of them by a process of its own (``messenger.py`` starts it,
``sender.py`` is it), so that nothing that a server does can slow, hold up or fail a stage. A stage
that takes long tells while it runs; the report stage, which runs last, and ``python -m pkdn sync``
send all that MLflow lacks. ``view`` is the only package that writes to MLflow's store.
"""

from pkdn.tracking.address import run_pages
from pkdn.tracking.messenger import Messenger
from pkdn.tracking.records import Run, run
from pkdn.tracking.syncing import Synced, sync

__all__ = ["Messenger", "Run", "Synced", "run", "run_pages", "sync"]
