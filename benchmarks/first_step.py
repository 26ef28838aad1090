"""How long a person waits between calling `fit` and the end of its first execution.

Each measurement is a process of its own, whose model is built and compiled before the clock starts; the contenders take
turns, on the work "small" of `contenders/works.py`. An execution is 500, 100 or 1 steps, so the time of a second one is
taken off as well: what is left is the latency of tracing and compiling (and of the data's begin).
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

from machine import machine
from rich.console import Console
from rich.progress import track
from rich.table import Table
from speed import HERE

CONTENDERS = {
    "vae_tf, 500 steps": ("vae_tf", 500),
    "vae_tf, 100 steps": ("vae_tf", 100),
    "Keras fit, 1 step": ("jit", 1),
    "Keras fit, 100 steps": ("jit-100", 100),
}
OURS = next(iter(CONTENDERS))


def wait(variant: str, steps: int) -> dict[str, float]:
    """The seconds of the first two executions in a new process."""
    script = HERE / "contenders" / "first_step_once.py"
    command = [sys.executable, script, "small", variant, str(steps)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(f"{variant} failed:\n{ran.stderr}")
    first, second = json.loads(ran.stdout.splitlines()[-1])
    return {"first": first, "second": second, "latency": first - second}


def summary(measured: dict[str, list]) -> dict[str, dict]:
    """Medians over the rounds, and the ratio of this library's to each, round by round."""
    rows = {}
    for name, rounds in measured.items():
        row = {key: statistics.median(said[key] for said in rounds) for key in ("first", "second", "latency")}
        for key in ("first", "latency"):
            pairs = zip(measured[OURS], rounds, strict=True)
            row[f"ours_over_it_{key}"] = statistics.median(ours[key] / theirs[key] for ours, theirs in pairs)
        rows[name] = {**row, "rounds": rounds}
    return rows


def table(rows: dict[str, dict]) -> Table:
    drawn = Table(title="From `fit` to the end of the first execution, with XLA: seconds, median of the rounds")
    columns = ("execution", "first", "second", "latency", "ours / it: first", "latency")
    for column in columns:
        drawn.add_column(column, justify="left" if column == "execution" else "right")
    for name, row in rows.items():
        seconds = [f"{row['first']:.2f}", f"{row['second']:.3f}", f"{row['latency']:.2f}"]
        drawn.add_row(name, *seconds, f"{row['ours_over_it_first']:.2f}", f"{row['ours_over_it_latency']:.2f}")
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist", help="mnist (Keras's download), or an .npz in its layout")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results" / "first_step.json")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    os.environ["BENCHMARK_DATA"] = arguments.data
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    console = Console()
    measured: dict[str, list] = {name: [] for name in CONTENDERS}
    for _ in track(range(arguments.rounds), "waiting", console=console, transient=True):
        for name, (variant, steps) in CONTENDERS.items():
            measured[name].append(wait(variant, steps))
    rows = summary(measured)
    console.print(table(rows))
    results = {"machine": machine(), "rounds": arguments.rounds, "contenders": rows}
    arguments.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
