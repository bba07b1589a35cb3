"""MLflow's pages of these runs: which runs, with which columns and charts.

MLflow calls such a page a shared view. It keeps each in a tag of the experiment, as JSON, and opens
it by its name (tried with MLflow 3.17.2). Without one it lists runs with neither parameters nor
figures.
"""

import json
from typing import Any
from urllib.parse import urlencode

TAG = "mlflow.sharedViewState."
"""With a page's name behind it: the experiment's tag that holds the page."""
NAME_WIDTH = 380
"""Of the column of the runs' names, in pixels; MLflow's own width cuts them off."""
NAME_COLUMN = "attributes.`Run Name`"
SCORES = ("test_psnr", "test_ssim", "test_parsing_miou")
LOSSES = ("loss", "l_sr", "l_ts", "l_fs")
"""Drawn on a logarithmic scale: one system's first steps are far above another's last."""
CURVES = ("val_psnr", *LOSSES, "learning_rate")
SETTINGS = ("size", "steps", "batch_size", "learning_rate")
WEIGHTS = ("lambda_fs", "lambda_ts", "distill_epochs")
ABOUT = ("dataset", "system", "seed", "dvc.exp", "revision")


def _table(search: str, params: tuple[str, ...]) -> dict[str, Any]:
    """Return the state of a page that lists runs, those with the best PSNR first."""
    kinds = (("metrics", SCORES), ("params", params), ("tags", ABOUT))
    columns = [f"{kind}.`{name}`" for kind, names in kinds for name in names]
    return {
        "searchFilter": search,
        "orderByKey": f"metrics.`{SCORES[0]}`",
        "orderByAsc": False,
        "selectedColumns": columns,
        "columnOrder": [NAME_COLUMN, *columns],
        "columnWidths": {NAME_COLUMN: NAME_WIDTH},
    }


def _charts(search: str, metrics: tuple[str, ...]) -> dict[str, Any]:
    """Return the state of a page that draws figures of all runs over the steps."""
    section = {"uuid": "curves", "name": "Training curves", "display": True}
    charts = [
        {
            "type": "LINE",
            "uuid": name,
            "metricSectionId": section["uuid"],
            "metricKey": name,
            "selectedMetricKeys": [name],
            "xAxisKey": "step",
            "yAxisKey": "metric",
            "scaleType": "log" if name in LOSSES else "linear",
            "xAxisScaleType": "linear",
            "lineSmoothness": 0,
            "range": {},
            "yAxisExpressions": [],
            "useGlobalXaxisKey": True,
            "useGlobalLineSmoothing": True,
        }
        for name in metrics
    ]
    return {
        "searchFilter": search,
        "runsHiddenMode": "SHOW_ALL",
        "compareRunSections": [section],
        "compareRunCharts": charts,
    }


PAGES = {
    "students": _table("tags.stage = 'evaluate_student'", (*WEIGHTS, *SETTINGS)),
    "systems": _table("tags.stage LIKE 'evaluate_%'", (*SETTINGS, *WEIGHTS)),
    "curves": _charts("metrics.val_psnr > 0", CURVES),
}
"""The state of each page by its name: students, all systems, and the curves of all trainings."""


def tags() -> dict[str, str]:
    """Return the experiment's tags that hold the pages."""
    return {TAG + name: json.dumps(state) for name, state in PAGES.items()}


def addresses(experiment: str) -> dict[str, str]:
    """Return where each page is, without the server's address.

    Args:
        experiment: its number in MLflow.
    """
    found = {}
    for name, state in PAGES.items():
        query = {"workflowType": "machine_learning", "viewStateShareKey": name}
        if "compareRunCharts" in state:
            query["compareRunsMode"] = "CHART"
        found[name] = f"/#/experiments/{experiment}/runs?{urlencode(query)}"
    return found
