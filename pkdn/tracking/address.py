"""Where a browser finds the runs."""

import os
import re
from urllib.parse import urlsplit

HERE = "http://127.0.0.1:5000"
"""Where `make ui` shows the runs of a database."""
DATABASES = ("", "sqlite", "postgresql", "mysql", "mssql")
RUN = "/#/runs/"


def without_password(text: str) -> str:
    """Return a text without the names and passwords in its addresses."""
    # Where a third slash follows, a path begins, which may have an @ of its own.
    return re.sub(r"(://)(?!/)\S*@|(password=)[^&\s]*", r"\1\2", text)


def run_pages() -> str:
    """Return the address that leads to a run's page when the run's id is put behind it.

    It is that of the server that ``MLFLOW_TRACKING_URI`` names, without the password that may be in
    it, or that of `make ui`; empty where the runs are in a place that neither shows.
    """
    address = urlsplit(os.environ.get("MLFLOW_TRACKING_URI", ""))
    if address.scheme in ("http", "https"):
        host = address.netloc.rpartition("@")[2]
        return f"{address.scheme}://{host}{address.path}".rstrip("/") + RUN
    return HERE + RUN if address.scheme.partition("+")[0] in DATABASES else ""
