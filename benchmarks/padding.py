"""What it costs to fill batches up to a power of two, and to meet a size for the first time, in a TF1 session.

    python benchmarks/padding.py

The server runs such a session. The model is that of the recipe, untrained. Each signature answers one row first, as in
the warm-up; then each number of rows for the first time, and then in turn with the power of two above it.
"""

import argparse
import itertools
import json
import os
import pathlib
import statistics
import tempfile
import time

import numpy as np
from machine import machine
from rich.console import Console
from rich.table import Table

from vae_tf import training
from vae_tf.export import export
from vae_tf.export.version import golden, runners

HERE = pathlib.Path(__file__).parent
ROWS = (3, 5, 9, 17, 33, 48)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="digits")
    parser.add_argument("--event_shape", type=int, nargs="+", default=[28, 28, 1])
    parser.add_argument("--requests", type=int, default=100, help="of each size")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results" / "padding.json")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    recipe, _ = training.read(arguments.recipe)
    vae = recipe.build(arguments.event_shape)
    with tempfile.TemporaryDirectory() as folder:
        version = export(vae, folder, "padding")
        kept = golden.read(version / golden.PATH)
        with runners.session(version) as ask:
            found = {name: cost(ask, name, exchange.inputs, arguments.requests) for name, exchange in kept.items()}
    report(found)
    arguments.out.write_text(json.dumps({"machine": machine(), "milliseconds": found}, indent=1) + "\n")


def cost(ask: runners.Ask, name: str, inputs: dict[str, np.ndarray], requests: int) -> dict[int, dict[str, float]]:
    """Milliseconds by the number of rows: the first time, the median, and the median filled up."""

    def milliseconds(rows: int) -> float:
        given = {key: np.resize(array, (rows, *array.shape[1:])) for key, array in inputs.items()}
        begun = time.perf_counter()
        ask(name, given)
        return 1000 * (time.perf_counter() - begun)

    for _ in range(5):
        milliseconds(1)
    first = {rows: milliseconds(rows) for rows in ROWS}
    sizes = [*ROWS, *(filled(rows) for rows in ROWS)]
    times: dict[int, list[float]] = {size: [] for size in sizes}
    for _, size in itertools.product(range(requests), times):
        times[size].append(milliseconds(size))
    median = {size: statistics.median(values) for size, values in times.items()}
    return {rows: {"first": first[rows], "as many": median[rows], "filled": median[filled(rows)]} for rows in ROWS}


def filled(rows: int) -> int:
    """The least power of two that holds so many rows."""
    return 1 << (rows - 1).bit_length()


def report(found: dict[str, dict[int, dict[str, float]]]) -> None:
    table = Table("signature", "rows", "the first time, ms", "as many, ms", "filled up, ms", title_justify="left")
    for name, sizes in found.items():
        for rows, times in sizes.items():
            table.add_row(name, str(rows), *(f"{value:.2f}" for value in times.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
