"""How much memory training takes, and how many times the data are held in it.

The peak of resident memory (VmHWM) of a process that trains the work "mlp" of `contenders/works.py` for one epoch: a
run of this library, from the .npz file to the checkpoint, and the Keras example on float32 arrays. Each on MNIST's
60,000 training images, on 640 of them, and on 240,000, which are the same four times. The first difference is what the
data cost, beside the bytes that they have in uint8; with it come buffers that 640 images do not fill. The second
difference is without them: how often each further image is held. Every measurement is a process of its own.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np
from machine import machine
from rich.console import Console
from rich.progress import track
from rich.table import Table
from speed import HERE

CONTENDERS = {"vae_tf, Run.train": "vae_tf", "Keras fit, defaults": "defaults"}
OURS = next(iter(CONTENDERS))
COUNTS = FEW, MNIST, MANY = 640, 60_000, 240_000
MEGABYTES = 784 / 1e6  # of an image


def mnist(source: str) -> dict[str, np.ndarray]:
    if source != "mnist":
        with np.load(source) as stored:
            return dict(stored)
    import keras

    (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def write(arrays: dict[str, np.ndarray], count: int, path: pathlib.Path) -> pathlib.Path:
    """A file with `count` training images, over again where there are not as many, and the whole test set."""
    chosen = np.arange(count) % len(arrays["x_train"])
    np.savez(path, **{key: values[chosen] if "train" in key else values for key, values in arrays.items()})
    return path


def peak(variant: str, data: pathlib.Path) -> dict[str, list[float]]:
    """Of a new process, stage by stage: the resident memory at its end, and the highest up to there, MB."""
    script = HERE / "contenders" / "memory_once.py"
    command = [sys.executable, script, "mlp", variant, data]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(f"{variant} failed:\n{ran.stderr}")
    return json.loads(ran.stdout.splitlines()[-1])


def median_stages(rounds: list[dict]) -> dict[str, list[float]]:
    return {stage: [statistics.median(said[stage][i] for said in rounds) for i in range(2)] for stage in rounds[0]}


def summary(measured: dict[int, list]) -> dict:
    """Of one contender, MB by the number of images."""
    peaks = {count: [said["end"][1] for said in rounds] for count, rounds in measured.items()}
    peak = {count: statistics.median(values) for count, values in peaks.items()}
    return {
        "peak": peak,
        "peak_lowest_highest": {count: [min(values), max(values)] for count, values in peaks.items()},
        "difference": peak[MNIST] - peak[FEW],
        "times_the_data": (peak[MNIST] - peak[FEW]) / (MNIST * MEGABYTES),
        "times_further_data": (peak[MANY] - peak[MNIST]) / ((MANY - MNIST) * MEGABYTES),
        "stages": {count: median_stages(rounds) for count, rounds in measured.items()},
    }


def table(rows: dict[str, dict]) -> Table:
    drawn = Table(title=f"Peak of resident memory in MB, by the images; {MNIST:,} are {MNIST * MEGABYTES:.1f} MB")
    difference = f"{MNIST:,} - {FEW:,}"
    for column in ("", *(f"{count:,}" for count in COUNTS), difference, "times the data", "times further data"):
        drawn.add_column(column, justify="right" if column else "left")
    for name, row in rows.items():
        megabytes = [f"{value:,.0f}" for value in (*row["peak"].values(), row["difference"])]
        drawn.add_row(name, *megabytes, f"{row['times_the_data']:.1f}", f"{row['times_further_data']:.1f}")
    return drawn


def stages_table(stages: dict[int, dict]) -> Table:
    drawn = Table(title=f"{OURS}, stage by stage: MB at its end, and the peak up to there, by the images")
    drawn.add_column("stage")
    for count in COUNTS:
        drawn.add_column(f"{count:,}", justify="right")
        drawn.add_column("peak", justify="right")
    for stage in stages[MNIST]:
        drawn.add_row(stage, *(f"{value:,.0f}" for count in COUNTS for value in stages[count][stage]))
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist", help="mnist (Keras's download), or an .npz in its layout")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results" / "memory.json")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    console = Console()
    measured: dict[str, dict] = {name: {count: [] for count in COUNTS} for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        arrays = mnist(arguments.data)
        files = {count: write(arrays, count, pathlib.Path(folder) / f"{count}.npz") for count in COUNTS}
        for _ in track(range(arguments.rounds), "training", console=console, transient=True):
            for name, variant in CONTENDERS.items():
                for count, path in files.items():
                    measured[name][count].append(peak(variant, path))
    rows = {name: summary(counts) for name, counts in measured.items()}
    console.print(table(rows), stages_table(rows[OURS]["stages"]))
    results = {"machine": machine(), "rounds": arguments.rounds, "contenders": rows}
    arguments.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
