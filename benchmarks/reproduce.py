"""Burda et al. (2016), Table 1, one and two stochastic layers on MNIST, by their protocol, through `fit`.

    python benchmarks/reproduce.py train vae-1 --data mnist.npz          # 3,280 epochs; given again, it goes on
    python benchmarks/reproduce.py train iwae-5 --data mnist.npz --stages 6
    python benchmarks/reproduce.py train two-layer-vae-1 --data mnist.npz --stages 6
    python benchmarks/reproduce.py evaluate vae-1 --data mnist.npz --stage 8
    python benchmarks/reproduce.py table

The model of each stage is kept, and every few minutes all that training needs to go on. The last table is in
docs/reproduction.md, its figures in benchmarks/results/reproduce.json.
"""

import argparse
import csv
import itertools
import json
import os
import pathlib
import time
from typing import NamedTuple

import keras
import numpy as np
from machine import machine

from vae_tf import VAE, likelihoods, networks, objectives, posteriors, priors
from vae_tf.atomic import replacing, sweep
from vae_tf.training import datasets, evaluation

RESULTS = pathlib.Path(__file__).parent / "results" / "reproduce.json"


class Row(NamedTuple):
    """A row of the table: the stochastic layers, what is minimised, and the row that it is compared with."""

    layers: int
    objective: objectives.Objective
    against: str | None


ROWS = {
    "vae-1": Row(1, objectives.ELBO(kl="monte_carlo", samples=1), None),
    "iwae-5": Row(1, objectives.ImportanceWeighted(samples=5), "vae-1"),
    "two-layer-vae-1": Row(2, objectives.ELBO(kl="monte_carlo", samples=1), "vae-1"),
    "two-layer-iwae-5": Row(2, objectives.ImportanceWeighted(samples=5), "iwae-5"),
}
BATCH_SIZE = 20
HELD_OUT = 400  # the last of the training file
STEPS = 2_980  # of an epoch
STEPS_TOGETHER = 149  # steps of an execution
SAMPLES = 5_000  # of the test log-likelihood
SEED = 0
SAVE_EVERY = 300  # seconds


def rate(stage: int) -> float:
    """The learning rate of stage 1 to 8."""
    return 1e-4 * round(10 ** (1 - (stage - 1) / 7), 1)


def last_epoch(stage: int) -> int:
    """The epochs after stage 1 to 8, of 3^(stage - 1) epochs each."""
    return (3**stage - 1) // 2


def stage_of(epoch: int) -> int:
    """The stage of an epoch, from 0."""
    return next(stage for stage in range(1, 9) if epoch < last_epoch(stage))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for command, run in (("train", train), ("evaluate", evaluate), ("table", table)):
        subparser = commands.add_parser(command)
        subparser.set_defaults(run=run)
        subparser.add_argument("--runs", type=pathlib.Path, default=pathlib.Path("runs/reproduce"))
        if command != "table":
            subparser.add_argument("row", choices=ROWS)
            subparser.add_argument("--data", default="mnist", help="mnist, or an .npz in Keras's layout")
        if command == "train":
            subparser.add_argument("--stages", type=int, choices=range(1, 9), default=8)
            subparser.add_argument("--cores", type=int, default=2)
        if command == "evaluate":
            subparser.add_argument("--stage", type=int, choices=range(1, 9), default=8)
    arguments = parser.parse_args()
    arguments.run(arguments)


# ----- Training


def build(row: str, x_train: np.ndarray) -> VAE:
    """784-200-200-50, tanh, Glorot uniform; the output's bias where the mean of the data is; their Adam.

    Of two layers it is 784-200-200-100-100-100-50.
    """
    layers, objective, _ = ROWS[row]
    size = 50 if layers == 1 else 100
    encoder, decoder = networks.mlp((28, 28, 1), latent_size=size, hidden=(200, 200), activation="tanh")
    vae = VAE(
        encoder,
        decoder,
        posterior=posteriors.DiagonalNormal(size, spread="log_scale"),  # stddev = exp(linear)
        prior=priors.StandardNormal(size) if layers == 1 else second_layer(size),
        objective=objective,
        seed=SEED,
    )
    mean = np.clip(x_train.mean(axis=0, dtype=np.float64) / 255, 0.001, 0.999)
    vae.likelihood.linear.bias.assign(np.log(mean / (1 - mean)).ravel())
    # They sum the gradient over the batch, with epsilon 1e-4, and start the second moments at 1: for a mean over the
    # batch, both are divided, by 20 and by 20^2.
    adam = keras.optimizers.Adam(1e-3, beta_1=0.99, beta_2=0.999, epsilon=1e-4 / BATCH_SIZE)
    vae.compile(adam, jit_compile=True, steps_per_execution=STEPS_TOGETHER)
    adam.build(vae.trainable_variables)
    for moment in adam.variables:
        if moment.name.endswith("velocity"):
            moment.assign(np.full(moment.shape, 1 / BATCH_SIZE**2))
    return vae


def second_layer(size: int) -> priors.Hierarchical:
    """100-100-100-50, tanh: q(z2|z) and p(z|z2), both normal, with a learned mean and deviation."""
    encoder, decoder = networks.mlp((size,), latent_size=50, hidden=(100, 100), activation="tanh")
    posterior = posteriors.DiagonalNormal(50, spread="log_scale")
    likelihood = likelihoods.Normal((size,), scale="predicted")
    inner = VAE(encoder, decoder, posterior=posterior, likelihood=likelihood)
    # Theirs is exp(linear), which starts at 1; softplus(linear) does so from this bias.
    likelihood.linear.bias.assign(np.concatenate([np.zeros(size), np.full(size, np.log(np.e - 1))]))
    return priors.Hierarchical(inner)


def train(arguments: argparse.Namespace) -> None:
    """Trains a row to the end of a stage, from where it stands."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    directory = arguments.runs / arguments.row
    directory.mkdir(parents=True, exist_ok=True)
    sweep(directory)
    x_train = datasets.load(arguments.data).x_train[:-HELD_OUT]
    keras.utils.set_random_seed(SEED)
    vae = build(arguments.row, x_train)
    if (directory / "newest.keras").is_file():
        vae = keras.saving.load_model(directory / "newest.keras")
    done = int(vae.training_steps) // STEPS
    watch = Watch(directory, done)
    steps = keras.callbacks.LearningRateScheduler(lambda epoch, _: rate(stage_of(epoch)))
    batches = datasets.training_batches(
        x_train, BATCH_SIZE, seed=SEED, binarization="dynamic", shuffle=False, epoch=done
    )
    vae.fit(
        batches,
        shuffle=False,
        initial_epoch=done,
        epochs=last_epoch(arguments.stages),
        steps_per_epoch=STEPS,
        callbacks=[steps, watch],
        verbose=0,
    )


class Watch(keras.callbacks.Callback):
    """Keeps each stage's model, the newest one, and a row an epoch with its seconds; says where it is."""

    def __init__(self, directory: pathlib.Path, done: int):
        super().__init__()
        self.directory = directory
        self.rows = history(directory)[:done]  # later ones are trained again
        self._kept = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        self._begun = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        bound = -logs["loss"]
        self.rows.append({"epoch": epoch + 1, "bound": bound, "seconds": time.monotonic() - self._begun})
        stage = stage_of(epoch)
        if epoch + 1 == last_epoch(stage):
            with replacing(self.directory / f"stage-{stage}.keras") as partial:
                self.model.save(partial)
            self.keep()
        elif time.monotonic() - self._kept > SAVE_EVERY:
            self.keep()

    def keep(self):
        with replacing(self.directory / "history.csv") as partial, open(partial, "w", newline="") as file:
            writer = csv.DictWriter(file, ["epoch", "bound", "seconds"])
            writer.writeheader()
            writer.writerows(self.rows)
        with replacing(self.directory / "newest.keras") as partial:
            self.model.save(partial)
        self._kept = time.monotonic()
        epoch, bound, _ = self.rows[-1].values()
        hours = sum(row["seconds"] for row in self.rows) / 3600
        print(f"epoch {epoch}, stage {stage_of(epoch - 1)}: bound {bound:.2f}, {hours:.2f} hours", flush=True)


def history(directory: pathlib.Path) -> list[dict]:
    """What `Watch` has written: the training bound and the seconds of each epoch."""
    path = directory / "history.csv"
    if not path.is_file():
        return []
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    kinds = {"epoch": int, "bound": float, "seconds": float}
    return [{name: kind(row[name]) for name, kind in kinds.items()} for row in rows]


# ----- Measuring


def evaluate(arguments: argparse.Namespace) -> None:
    """Keeps the test log-likelihood of each image, and what else there is to measure."""
    directory = arguments.runs / arguments.row
    vae = keras.saving.load_model(directory / f"stage-{arguments.stage}.keras")
    x = datasets.as_evaluated(datasets.load(arguments.data).x_test, seed=SEED, binarization="static")  # drawn once
    begun = time.monotonic()
    estimate = evaluation.log_likelihood(vae, x, SAMPLES, SEED)
    found = evaluation.LogLikelihood(estimate)
    results = {
        **vars(found),
        "samples": SAMPLES,
        "images": len(x),
        "active_units": evaluation.active_units(evaluation.codes(vae, x)),
        "seconds": time.monotonic() - begun,
        "machine": machine(),
    }
    np.save(directory / f"stage-{arguments.stage}.npy", estimate.log_prob)
    with replacing(directory / f"stage-{arguments.stage}.json") as partial:
        partial.write_text(json.dumps(results, indent=1) + "\n")
    print(f"{arguments.row}, stage {arguments.stage}: {found.mean:.2f} (images {found.standard_error_images:.2f})")


def table(arguments: argparse.Namespace) -> None:
    """The table of all stages that were measured, and its figures as JSON; those of runs that are gone stay."""
    known = {(row["row"], row["stage"]): row for row in json.loads(RESULTS.read_text())}
    for row, stage in itertools.product(ROWS, range(1, 9)):
        path = arguments.runs / row / f"stage-{stage}.json"
        if path.is_file():
            epochs = history(path.parent)[: last_epoch(stage)]
            known[row, stage] = {
                "row": row,
                "stage": stage,
                "epochs": len(epochs),
                "training_bound": epochs[-1]["bound"],
                "training_hours": sum(epoch["seconds"] for epoch in epochs) / 3600,
                **json.loads(path.read_text()),
                **difference(path, ROWS[row].against),
            }
    rows = sorted(known.values(), key=lambda row: ([*ROWS].index(row["row"]), row["stage"]))
    print("| row | stages | epochs | hours | training bound | log p(x), test | over images | over draws | against |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        paired = ""
        if row["against"]:
            paired = f"{row['difference']:+.2f} ({row['difference_standard_error']:.2f}) {row['against']}"
        print(
            f"| {row['row']} | {row['stage']} | {row['epochs']:,} | {row['training_hours']:.2f} "
            f"| {row['training_bound']:.2f} | {row['mean']:.2f} | {row['standard_error_images']:.2f} "
            f"| {row['standard_error_draws']:.3f} | {paired} |"
        )
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")


def difference(path: pathlib.Path, other: str | None) -> dict:
    """What a row gains on another at the same stage, image by image, if both were measured."""
    against = path.parents[1] / str(other) / path.with_suffix(".npy").name
    if other is None or not against.is_file():
        return {"against": None, "difference": None, "difference_standard_error": None}
    gained = np.load(path.with_suffix(".npy")) - np.load(against)
    error = float(gained.std(ddof=1) / np.sqrt(len(gained)))
    return {"against": other, "difference": float(gained.mean()), "difference_standard_error": error}


if __name__ == "__main__":
    main()
