"""``python -m bench``: time what computes and what moves faces, in one run; print a table."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import torch

from bench import computing, moving, page
from pkdn import command
from pkdn.errors import UserError
from pkdn.files import atomic_file, write_marked
from pkdn.provenance import CODE, machine, peak_mib, revision, versions
from pkdn.shortages import is_of_memory
from pkdn.systems import PKDN_NETWORK
from pkdn.training import compiling, precision
from pkdn.training.precision import Precision

SIZES = ("small", "paper")


def main() -> None:
    """Measure, and write what was asked for."""
    arguments = _arguments()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device = precision.default_device()
    compute = precision.choose(arguments.precision, device, compiles=arguments.compile)
    product = computing.matrix_product(compute, arguments.seconds)
    began, rows = time.perf_counter(), list[dict[str, Any]]()
    found = {
        "date": date.today().isoformat(),
        "revision": revision((*CODE, "bench")),
        "machine": machine(),
        "versions": versions(),
        "threads": torch.get_num_threads(),
        **compute.record(),
        "product_tflops": product,
        "rows": rows,
    }
    for row in _rows(arguments, compute):
        rows.append(row)
        print(page.table([row], product).splitlines()[-1], flush=True)
        found |= {"peak_mib": _peak_mib(compute), "seconds": time.perf_counter() - began}
        if arguments.json:  # after each row: a system without memory ends the process unasked
            with atomic_file(arguments.json) as temporary:
                temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if not rows:
        raise UserError("expected rows that this machine has the memory for, got none")
    text = f"{_heading(found)}\n\n{page.table(rows, product)}"
    print(f"\n{text}")
    if arguments.figure:
        page.draw(rows, arguments.figure)
    if arguments.write:
        write_marked(arguments.write, page.MARK, text)


def _rows(arguments: argparse.Namespace, compute: Precision) -> Iterator[dict[str, Any]]:
    for what, timed in _computing(arguments):
        try:
            with compiling.telling() if compute.compiled else nullcontext():
                row = timed(compute, arguments.seconds)
        except (MemoryError, RuntimeError) as error:
            if not is_of_memory(error):
                raise
            print(f"{what}: needs more memory than there is; left out", file=sys.stderr, flush=True)
        else:
            yield row
    if not arguments.networks:
        yield from moving.rows(compute, arguments.seconds)


def _computing(arguments: argparse.Namespace) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield what is to be timed, with what times it."""
    wanted = arguments.networks
    for size in arguments.sizes:
        for training in computing.trainings():
            if not wanted or training.network in wanted:
                yield f"{training.title}, {size}", partial(computing.training_row, training, size)
        for count in computing.FACES if not wanted or PKDN_NETWORK in wanted else ():
            yield f"inference of {count}, {size}", partial(computing.inference_row, count, size)


def _peak_mib(compute: Precision) -> float:
    if compute.device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return peak_mib()


def _heading(found: dict[str, Any]) -> str:
    here, compiled = found["machine"], ", compiled" if "compile" in found else ""
    return (
        f"On {found['date']}, revision {found['revision']}, {here['gpu'] or here['processor']}, "
        f"{found['threads']} of {here['cores']} cores, torch {found['versions']['torch']}, ours in "
        f"{found['precision']}{compiled}: a matrix product of 2048 by 2048 makes "
        f"{found['product_tflops']:.3g} TFLOP/s; {found['seconds']:.0f} s in all, at most "
        f"{found['peak_mib']:,.0f} MiB. Medians; in brackets where half of the rounds lie."
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    add = parser.add_argument
    add("--sizes", nargs="*", default=SIZES, help="sizes of the networks; by default small paper")
    add(
        "--networks",
        nargs="+",
        choices=sorted({training.network for training in computing.trainings()}),
        metavar="NETWORK",
        help="these alone, by the names in pkdn/networks; pkdn's inference, too",
    )
    add("--seconds", type=float, default=3.0, help="for each row, about; at least five rounds")
    add("--threads", type=int, default=0, help="of the processor; 0: as many as PyTorch takes")
    add("--precision", choices=("auto", "fp32", "tf32", "bf16"), default="auto", help="of our way")
    add(
        "--compile",
        choices=("on", "off"),
        default="off",
        help="our training steps; as the parameter",
    )
    add("--json", type=Path, metavar="FILE", help="write all figures there")
    add("--figure", type=Path, metavar="FILE", help="draw the ratios there")
    add("--write", type=Path, metavar="PAGE", help="put the table between the marks of this page")
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
