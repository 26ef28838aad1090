"""Burda et al. (2016), Table 1, one stochastic layer on MNIST, by their protocol, through `fit`.

    python benchmarks/reproduce.py train vae-1 --data mnist.npz          # 3,280 epochs; given again, it goes on
    python benchmarks/reproduce.py train iwae-5 --data mnist.npz --stages 6
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

import keras
import numpy as np
from machine import machine

from vae_tf import VAE, networks, objectives, posteriors
from vae_tf.atomic import replacing, sweep
from vae_tf.training import datasets, evaluation

HERE = pathlib.Path(__file__).parent
ROWS = {
    "vae-1": lambda: objectives.ELBO(kl="monte_carlo", samples=1),
    "iwae-5": lambda: objectives.ImportanceWeighted(samples=5),
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
    """784-200-200-50, tanh, Glorot uniform; the output's bias where the mean of the data is; their Adam."""
    encoder, decoder = networks.mlp((28, 28, 1), latent_size=50, hidden=(200, 200), activation="tanh")
    posterior = posteriors.DiagonalNormal(50, spread="log_scale")  # stddev = exp(linear)
    vae = VAE(encoder, decoder, posterior=posterior, objective=ROWS[row](), seed=SEED)
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
    }
    np.save(directory / f"stage-{arguments.stage}.npy", estimate.log_prob)
    with replacing(directory / f"stage-{arguments.stage}.json") as partial:
        partial.write_text(json.dumps(results, indent=1) + "\n")
    print(f"{arguments.row}, stage {arguments.stage}: {found.mean:.2f} (images {found.standard_error_images:.2f})")


def table(arguments: argparse.Namespace) -> None:
    """The table of all stages that were measured, and its figures as JSON."""
    rows = []
    for row, stage in itertools.product(ROWS, range(1, 9)):
        path = arguments.runs / row / f"stage-{stage}.json"
        if not path.is_file():
            continue
        epochs = history(path.parent)[: last_epoch(stage)]
        log_prob = np.load(path.with_suffix(".npy"))
        against = arguments.runs / next(iter(ROWS)) / path.with_suffix(".npy").name
        difference = log_prob - np.load(against) if against.is_file() and against.parent != path.parent else None
        rows.append(
            {
                "row": row,
                "stage": stage,
                "epochs": len(epochs),
                "training_bound": epochs[-1]["bound"],
                "training_hours": sum(epoch["seconds"] for epoch in epochs) / 3600,
                **json.loads(path.read_text()),
                "against_vae": None if difference is None else float(difference.mean()),
                "against_vae_standard_error": None
                if difference is None
                else float(difference.std(ddof=1) / np.sqrt(len(difference))),
            }
        )
    print(
        "| row | stages | epochs | hours | training bound | log p(x), test | over images | over draws | against VAE |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        paired = f"{row['against_vae']:+.2f} ({row['against_vae_standard_error']:.2f})" if row["against_vae"] else ""
        print(
            f"| {row['row']} | {row['stage']} | {row['epochs']:,} | {row['training_hours']:.2f} "
            f"| {row['training_bound']:.2f} | {row['mean']:.2f} | {row['standard_error_images']:.2f} "
            f"| {row['standard_error_draws']:.3f} | {paired} |"
        )
    about = {"machine": machine(), "rows": rows}
    (HERE / "results" / "reproduce.json").write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
