"""How much memory training takes, and how many times the data are held in it.

The peak of resident memory (VmHWM) of a process that trains the work "mlp" of `contenders/works.py` for one epoch: a
run of this library, from the .npz file to the checkpoint, and the Keras example on float32 arrays. Each on 60,000
training images and on 640 of them; the difference is what the data cost, beside the bytes that they have in uint8.
Every measurement is a process of its own.
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
from rich.console import Console
from rich.progress import track
from rich.table import Table
from speed import HERE, machine

CONTENDERS = {"vae_tf, Run.train": "vae_tf", "Keras fit, defaults": "defaults"}
OURS = next(iter(CONTENDERS))
COUNTS = (60_000, 640)
DATA = (COUNTS[0] - COUNTS[1]) * 784 / 1e6  # MB, by which the two files differ


def mnist(source: str) -> dict[str, np.ndarray]:
    if source != "mnist":
        with np.load(source) as stored:
            return dict(stored)
    import keras

    (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def write(arrays: dict[str, np.ndarray], count: int, path: pathlib.Path) -> pathlib.Path:
    """A file with the first `count` training images, and the whole test set."""
    np.savez(path, **{key: values[:count] if "train" in key else values for key, values in arrays.items()})
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


def summary(measured: dict[str, list]) -> dict:
    """Of one contender, by the number of images."""
    stages = {count: median_stages(rounds) for count, rounds in measured.items()}
    many, few = ([said["end"][1] for said in measured[count]] for count in COUNTS)
    difference = statistics.median(many) - statistics.median(few)
    return {
        "peak": statistics.median(many),
        "peak_lowest_highest": [min(many), max(many)],
        "peak_of_few": statistics.median(few),
        "peak_of_few_lowest_highest": [min(few), max(few)],
        "difference": difference,
        "times_the_data": difference / DATA,
        "stages": stages,
    }


def table(rows: dict[str, dict]) -> Table:
    drawn = Table(title=f"Peak of resident memory in MB; the data are {DATA:.1f} MB")
    columns = ("contender", *(f"{count:,} images" for count in COUNTS), "difference", "times the data")
    for column in columns:
        drawn.add_column(column, justify="left" if column == "contender" else "right")
    for name, row in rows.items():
        megabytes = [f"{row[key]:,.0f}" for key in ("peak", "peak_of_few", "difference")]
        drawn.add_row(name, *megabytes, f"{row['times_the_data']:.1f}")
    return drawn


def stages_table(stages: dict[int, dict]) -> Table:
    drawn = Table(title=f"{OURS}, stage by stage: MB at its end, and the peak up to there")
    drawn.add_column("stage")
    for count in COUNTS:
        drawn.add_column(f"{count:,} images", justify="right")
        drawn.add_column("peak", justify="right")
    for stage in stages[COUNTS[0]]:
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
    results = {"machine": machine(), "rounds": arguments.rounds, "megabytes_of_data": DATA, "contenders": rows}
    arguments.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
