"""How fast log p(x) is estimated, beside pythae's `get_nll` for the same network, and in how much memory.

    python benchmarks/likelihood.py --data mnist.npz

The contenders take turns on the same cores, as in `speed.py`; a ratio is the median over the rounds. The peak of
resident memory is that of fresh processes, with 50 and with 5,000 draws for each image.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

from machine import machine, ratios
from rich.console import Console
from rich.progress import track
from rich.table import Table
from speed import HERE, Contender

SCRIPT = "log_likelihood.py"
NAMES = {"vae_tf": "this library, log_prob", "pythae": "pythae, get_nll", "products": "the decoder's products alone"}
FEW, MANY = 50, 5_000


def race(rounds: int, console: Console) -> dict[str, dict]:
    """Image-samples a second of each contender, and this library's ratio to it."""
    contenders = {variant: Contender(name, SCRIPT, variant) for variant, name in NAMES.items()}
    turns: dict[str, list[float]] = {variant: [] for variant in NAMES}
    try:
        for _ in track(range(rounds), "racing", console=console, transient=True):
            for variant, contender in contenders.items():
                turns[variant].append(contender.turn()["image_samples_per_second"])
    finally:
        for contender in contenders.values():
            contender.leave()
    return {
        variant: {"image_samples_per_second": statistics.median(rates), **ratios(turns["vae_tf"], rates)}
        for variant, rates in turns.items()
    }


def peak(draws: int) -> float:
    """The highest resident memory of a fresh process of this library, MB."""
    command = [sys.executable, HERE / "contenders" / SCRIPT, "vae_tf", str(draws)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(ran.stderr)
    return json.loads(ran.stdout.splitlines()[-1])["megabytes"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist", help="mnist (Keras's download), or an .npz in its layout")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results" / "likelihood.json")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    os.environ["BENCHMARK_DATA"] = arguments.data
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    console = Console()
    rows = race(arguments.rounds, console)
    memory = {draws: peak(draws) for draws in (FEW, MANY)}
    drawn = Table("contender", "image-samples/s", "ours / it", "", title="784-200-200-50, 5,000 draws for each image")
    for variant, row in rows.items():
        spread = f"{row['ours_over_it_lowest']:.2f} to {row['ours_over_it_highest']:.2f}"
        drawn.add_row(NAMES[variant], f"{row['image_samples_per_second']:,.0f}", f"{row['ours_over_it']:.2f}", spread)
    console.print(drawn)
    console.print(f"peak of resident memory: {memory[FEW]:,.0f} MB with {FEW} draws, {memory[MANY]:,.0f} with {MANY}")
    results = {"machine": machine(), "rounds": arguments.rounds, "contenders": rows, "peak_megabytes": memory}
    arguments.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
