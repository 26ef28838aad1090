"""A run that is killed again and again ends with the weights of one that never was.

The same recipe twice: once in one go, once killed with SIGKILL at random moments and resumed with `--resume` each time,
then to the end. Compared bit for bit: every weight, the optimizer's state, the counters of the noise, the history.
"""

import argparse
import csv
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
from machine import machine
from rich.console import Console
from rich.table import Table
from speed import HERE

RECIPE = """
data: {data}
binarization: dynamic
epochs: {epochs}
batch_size: 20
checkpoint_minutes: 0.05
model:
  networks:
    class_path: MLP
    init_args:
      hidden: [200, 200]
      activation: tanh
  latent_size: 50
"""


def start(run: pathlib.Path, recipe: pathlib.Path) -> subprocess.Popen:
    """Begins the run, or goes on with it."""
    there = ["--resume"] if (run / "recipe.yaml").exists() else ["--overwrite"] if run.exists() else []
    words = [sys.executable, "-m", "vae_tf_cli.main", "train", "--recipe", recipe, "--run", run, *there]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> None:
    _, errors = process.communicate()
    if process.returncode:
        sys.exit(f"The run failed:\n{errors}")


def state(run: pathlib.Path) -> dict[str, np.ndarray]:
    """All that training changes."""
    import keras

    import vae_tf  # noqa: F401  (Keras finds its classes)

    keras.backend.clear_session()  # the names of layers begin anew
    vae = keras.saving.load_model(run / "model.keras")
    return {f"{i} {value.path}": value.numpy() for i, value in enumerate(vae.variables + vae.optimizer.variables)}


def rows(run: pathlib.Path) -> list[list[str]]:
    with open(run / "history.csv", newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def stands(run: pathlib.Path) -> str:
    found = sorted(path.name for path in (run / "checkpoint").glob("epoch-*"))
    return found[-1] if found else "no checkpoint yet"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist", help="mnist (Keras's download), or an .npz in its layout")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--longest", type=float, default=30, help="seconds to a kill, at most")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results" / "kills.json")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    console = Console()
    folder = pathlib.Path(tempfile.mkdtemp())
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(data=arguments.data, epochs=arguments.epochs))

    begin = time.monotonic()
    with console.status("in one go"):
        finish(start(folder / "whole", recipe))
    seconds = time.monotonic() - begin

    moments, kills, killed = random.Random(arguments.seed), [], folder / "killed"
    drawn = Table("kill", "after s", "it stood at", title="killed")
    for number in range(1, arguments.kills + 1):
        after = moments.uniform(0, arguments.longest)
        process = start(killed, recipe)
        try:
            process.communicate(timeout=after)
            sys.exit(f"The run ended before kill {number}: give more --epochs.\n")
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        kills.append({"after_seconds": round(after, 1), "stood_at": stands(killed)})
        drawn.add_row(str(number), f"{after:.1f}", stands(killed))
        console.print(f"kill {number}: after {after:.1f} s, {stands(killed)}")
    with console.status("to the end"):
        finish(start(killed, recipe))
    console.print(drawn)

    one, other = state(folder / "whole"), state(killed)
    different = [name for name in one if not np.array_equal(one[name], other[name])]
    same = one.keys() == other.keys() and not different and rows(folder / "whole") == rows(killed)
    console.print(f"{len(one)} tensors and {len(rows(killed)) - 1} epochs of history: {'equal' if same else different}")
    results = {
        "machine": machine(),
        "seconds_of_the_whole_run": round(seconds),
        "epochs": arguments.epochs,
        "kills": kills,
        "tensors": len(one),
        "bit_equal": same,
    }
    arguments.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
