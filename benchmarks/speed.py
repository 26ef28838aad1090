"""Who trains faster: one table of ratios, taken from turns.

Each contender is a process of its own that stays alive; they run one epoch in turn, round after round, on the same two
cores, so that a busy moment of the machine meets all. A ratio is the median over the rounds of this library's rate over
the other's in the same round.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from machine import has_bfloat16, machine, ratios
from rich.console import Console
from rich.progress import track
from rich.table import Table

HERE = pathlib.Path(__file__).parent

OURS = ("vae_tf", "vae_tf_fit.py", "float32")
PEERS = {
    "small": [
        ("Keras fit, defaults", "keras_example.py", "defaults"),
        ("Keras fit, jit, 100 steps/execution", "keras_example.py", "jit-100"),
        ("PyTorch, tight loop", "torch_loop.py", "own"),
        ("matrix products alone", "matrix_products.py", "-"),
    ],
    "mlp": [
        ("keras.io example", "keras_example.py", "defaults"),
        ("tfp.layers", "tfp_layers.py", "-"),
        ("pythae's model, tight loop", "torch_loop.py", "pythae"),
        ("pythae, BaseTrainer", "torch_loop.py", "pythae-trainer"),
        ("matrix products alone", "matrix_products.py", "-"),
    ],
    "conv": [
        ("keras.io example", "keras_example.py", "defaults"),
        ("tfp.layers", "tfp_layers.py", "-"),
        ("pythae's model, tight loop", "torch_loop.py", "pythae"),
        ("pythae, BaseTrainer", "torch_loop.py", "pythae-trainer"),
    ],
}
BFLOAT16 = ("vae_tf, mixed_bfloat16", "vae_tf_fit.py", "bfloat16")


class Contender:
    """A process that runs an epoch at each word."""

    def __init__(self, name: str, script: str, *words: str):
        self.name = name
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed when it leaves)
        self.process = subprocess.Popen(
            [sys.executable, HERE / "contenders" / script, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._hear()  # it is warm

    def turn(self) -> dict[str, float]:
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        said = self._hear()
        self._hear()  # ready for the next
        return said

    def _hear(self) -> dict:
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        self._errors.seek(0)
        sys.exit(f"{self.name} failed:\n{self._errors.read()}")

    def leave(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self._errors.close()


def race(work: str, rounds: int, console: Console) -> dict:
    """One work: every contender's rates, and this library's ratio to each, round by round."""
    entries = [OURS, *PEERS[work]]
    if work == "conv" and has_bfloat16():
        entries.append(BFLOAT16)
    contenders = []
    try:
        for name, script, variant in track(entries, f"{work}: warming up", console=console, transient=True):
            contenders.append(Contender(name, script, work, variant))
        turns: dict[str, list] = {contender.name: [] for contender in contenders}
        for number in track(range(rounds), f"{work}: racing", console=console, transient=True):
            for contender in contenders[number % 2 :] + contenders[: number % 2]:
                turns[contender.name].append(contender.turn())
    finally:
        for contender in contenders:
            contender.leave()
    rates = {name: [said["images_per_second"] for said in said_by] for name, said_by in turns.items()}
    return {
        name: {
            "images_per_second": statistics.median(rates[name]),
            "steps_per_second": statistics.median(said["steps_per_second"] for said in turns[name]),
            "loss": turns[name][-1]["loss"],
            **ratios(rates[OURS[0]], rates[name]),
        }
        for name in turns
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("works", nargs="*", default=list(PEERS), help=f"of {', '.join(PEERS)}; all where none is named")
    parser.add_argument("--data", default="mnist", help="mnist (Keras's download), or an .npz in its layout")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results" / "speed.json")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    os.environ["BENCHMARK_DATA"] = arguments.data
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    console = Console()
    results = {"machine": machine(), "rounds": arguments.rounds, "works": {}}
    for work in arguments.works:
        results["works"][work] = race(work, arguments.rounds, console)
        console.print(table(work, results["works"][work]))
    arguments.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def table(work: str, rows: dict) -> Table:
    drawn = Table(title=f"{work}: this library's rate over each contender's, median of the rounds (lowest to highest)")
    for column in ("contender", "images/s", "steps/s", "ours / it", "", "loss"):
        drawn.add_column(column, justify="left" if column == "contender" else "right")
    for name, row in rows.items():
        spread = f"{row['ours_over_it_lowest']:.2f} to {row['ours_over_it_highest']:.2f}"
        drawn.add_row(
            name,
            f"{row['images_per_second']:,.0f}",
            f"{row['steps_per_second']:,.0f}",
            f"{row['ours_over_it']:.2f}",
            spread,
            f"{row['loss']:.1f}",
        )
    return drawn


if __name__ == "__main__":
    main()
