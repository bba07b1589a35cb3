"""The faces of the grid: what the evaluation kept, beside LR and HR."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from pkdn.faces.shards import Shards
from pkdn.reports import statistics
from pkdn.reports.figures import TILE, Tile
from pkdn.reports.records import Plan, Results, Scores, scores_folder
from pkdn.reports.systems import (
    BICUBIC,
    PKDN,
    PKDN_NETWORK,
    Subject,
    in_order,
    network_title,
)
from pkdn.reports.tables import number

NUM_CROPS: Final = 20
CROPS_IN_A_ROW: Final = 10
LONGEST_NAME: Final = 18
LR_SIDE: Final = 16
NUM_FACES: Final = 4


def grid(
    root: Path, plan: Plan, results: Results, dataset: str, network_titles: Mapping[str, str]
) -> tuple[list[str], list[list[Tile]], list[str]]:
    """Return headings, rows of tiles and the rows' names: LR, each system, PKDN, HR; first seed."""
    seed = plan.seeds[0]
    networks = [name for name in in_order(plan.networks) if name not in (BICUBIC, PKDN_NETWORK)]
    shown = [Subject("baseline", name) for name in networks] + [PKDN]
    titles = [network_title(name, network_titles) for name in networks] + ["PKDN"]
    if BICUBIC in plan.networks:
        shown.insert(0, Subject("baseline", BICUBIC))
        titles.insert(0, network_title(BICUBIC, network_titles))
    trained = [subject for subject in shown if (dataset, subject) in results]
    titles = [name for name, one in zip(titles, shown, strict=True) if one in trained]
    shown = trained
    folders = [scores_folder(root, subject, dataset, seed) for subject in shown]
    scores = [results[dataset, subject][seed] for subject in shown]
    rows = []
    shards = Shards(root / "data" / "faces" / dataset, "test")
    names = _kept(scores_folder(root, PKDN, dataset, seed), scores[-1])
    for name in names:
        hr_image = shards.read("faces", [shards.names.index(name)])[0]
        tiles = [
            Tile(_example(folder, name), _caption(one, name))
            for folder, one in zip(folders, scores, strict=True)
        ]
        rows.append([Tile(_low_resolution(hr_image), ""), *tiles, Tile(hr_image, "")])
    return ["LR", *titles, "HR"], rows, names


def crops(root: Path, dataset: str) -> list[list[Tile]]:
    """Return rows of twenty HR test faces, spread over the data set, with their names."""
    shards = Shards(root / "data" / "faces" / dataset, "test")
    chosen = np.unique(np.linspace(0, len(shards) - 1, NUM_CROPS).round().astype(int))
    tiles = [
        Tile(face, shards.names[index][-LONGEST_NAME:])
        for index, face in zip(chosen, shards.read("faces", chosen), strict=True)
    ]
    missing = -len(tiles) % CROPS_IN_A_ROW
    tiles += [Tile(None, "")] * missing
    return [tiles[i : i + CROPS_IN_A_ROW] for i in range(0, len(tiles), CROPS_IN_A_ROW)]


def _kept(folder: Path, scores: Scores) -> list[str]:
    return [name for name in scores.names if _example_path(folder, name).is_file()][:NUM_FACES]


def _example_path(folder: Path, name: str) -> Path:
    return folder / "examples" / f"{name.replace('/', '_')}.png"


def _example(folder: Path, name: str) -> np.ndarray | None:
    path = _example_path(folder, name)
    if not path.is_file():
        return None
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _caption(scores: Scores, name: str) -> str:
    metric = statistics.primary("psnr")
    if metric.name not in scores.values:
        return ""
    value = float(scores.values[metric.name][scores.names.index(name)])
    return f"{number(value, metric.column.decimals)} {metric.column.unit}"


def _low_resolution(hr_image: np.ndarray) -> np.ndarray:
    small = Image.fromarray(hr_image).resize((LR_SIDE, LR_SIDE), Image.Resampling.BICUBIC)
    return np.asarray(small.resize((TILE, TILE), Image.Resampling.NEAREST))
