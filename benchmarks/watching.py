"""What watching costs: epochs of the convolutional model on MNIST, with TensorBoard's callbacks and without, in turn.

    python benchmarks/watching.py --data mnist.npz

One process, one model, one compiled step; the first epoch of each kind warms up and is not counted. The cost is the
median over the rounds of (with - without) / without.
"""

import argparse
import json
import os
import pathlib
import statistics
import tempfile
import time

import keras
from machine import machine
from rich.console import Console
from rich.progress import track

from vae_tf import training
from vae_tf.training import datasets
from vae_tf.training.runs.run import compiles

HERE = pathlib.Path(__file__).parent
SETTINGS = ["--model.networks=Conv", "--batch_size=128", "--optimizer.learning_rate=1e-3"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist", help="mnist (Keras's download), or an .npz in its layout")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results" / "watching.json")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    settings, decided = training.read("vae", [*SETTINGS, f"--data={arguments.data}"])
    splits = datasets.validation_split(datasets.load(settings.data), settings.validation, settings.seed)
    x = datasets.as_evaluated(splits.x_validation, seed=0, binarization=settings.binarization)
    batches = datasets.training_batches(splits.x_train, settings.batch_size, seed=0, binarization=settings.binarization)
    steps = datasets.steps_per_epoch(len(splits.x_train), settings.batch_size)
    vae = settings.build(x.shape[1:], examples=len(splits.x_train))
    vae.compile(settings.optimizer(), jit_compile=compiles(vae))
    times: dict[str, list[float]] = {"without": [], "with": []}
    with tempfile.TemporaryDirectory() as folder:
        watching = training.tensorboard(folder, x, splits.y_validation, hyperparameters=decided)
        for number in track(range(arguments.rounds + 1), "training", console=Console(), transient=True):
            for kind, chosen in (("without", []), ("with", watching)):
                clock = Clock()
                vae.fit(
                    batches,
                    shuffle=False,
                    steps_per_epoch=steps,
                    validation_data=x,
                    initial_epoch=number,
                    epochs=number + 1,
                    callbacks=[*chosen, clock],
                    verbose=0,
                )
                if number:
                    times[kind].append(clock.seconds)
    costs = [(after - before) / before for before, after in zip(times["without"], times["with"], strict=True)]
    print(
        f"an epoch without: {statistics.median(times['without']):.1f} s, with: {statistics.median(times['with']):.1f} s"
    )
    print(f"cost: {statistics.median(costs):.1%} ({min(costs):.1%} to {max(costs):.1%})")
    results = {"machine": machine(), "images": len(splits.x_train), "seconds": times, "cost": statistics.median(costs)}
    arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


class Clock(keras.callbacks.Callback):
    """The seconds of an epoch, the other callbacks included: the last of them."""

    def on_epoch_begin(self, epoch, logs=None):
        self._begun = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds = time.perf_counter() - self._begun


if __name__ == "__main__":
    main()
