"""Every preset on full MNIST with the same networks and the same budget of epochs, over several seeds.

    python benchmarks/models.py --data mnist.npz

Each run is a process of its own, with one thread, so that several go on side by side; a run that is done is not
repeated, so the command can be stopped and given again. The last table is in docs/models.md, its figures in
benchmarks/results/models.json.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import time

import numpy as np
from machine import with_one_thread

HERE = pathlib.Path(__file__).parent
BASE = "vae"  # what the others are compared with
PRESETS = (
    "vae", "vampprior", "iwae", "dreg", "iaf-vae", "maf-prior", "gmm-prior", "full-covariance", "free-bits",
    "annealed-vae", "cyclical-vae", "beta-vae", "capacity-vae", "beta-tcvae", "dip-vae-i", "dip-vae", "infovae",
    "s-vae", "autoencoder", "wae-mmd", "regularised-autoencoder",
)  # fmt: skip
VARIANTS = {"vae, Monte Carlo KL": ("vae", ["--model.objective.kl=monte_carlo"])}
EX_POST = {  # priors fitted to the codes of the trained `vae`
    "vae, ex-post mixture": ("MixtureOfNormals", {"components": 50}),
    "vae, ex-post flow": ("AutoregressiveFlow", {"steps": 2, "hidden": (128, 128)}),
}
NAMES = (*PRESETS[:8], *VARIANTS, *EX_POST, *PRESETS[8:])
SETTINGS = (
    "--binarization=dynamic", "--batch_size=100", "--model.latent_size=40",
    "--model.networks=MLP", "--model.networks.hidden=[300,300]", "--optimizer.learning_rate=1e-3",
)  # fmt: skip
SAMPLES = 100  # of the importance-sampled log-likelihood


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist", help="mnist, or an .npz in Keras's layout")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--side-by-side", type=int, default=max(1, (os.cpu_count() or 1) - 1), help="runs at a time")
    parser.add_argument("--only", nargs="+", default=NAMES, choices=NAMES, metavar="NAME", help="not all, but these")
    parser.add_argument(
        "--runs", type=pathlib.Path, default=pathlib.Path("runs/models"), help="where the runs are kept"
    )
    parser.add_argument("--picture", type=pathlib.Path, help="where to draw samples of each model of seed 0")
    parser.add_argument("--one", nargs=2, metavar=("PRESET", "SEED"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        train(arguments, arguments.one[0], int(arguments.one[1]))
        return
    wanted = [(preset, seed) for seed in range(arguments.seeds) for preset in arguments.only]
    with concurrent.futures.ThreadPoolExecutor(arguments.side_by_side) as pool:
        for done, (preset, seed) in zip(pool.map(lambda run: start(arguments, *run), wanted), wanted, strict=True):
            print(f"{preset}, seed {seed}: {done}", flush=True)
    write(arguments)
    if arguments.picture:
        draw(arguments, arguments.picture)


def start(arguments: argparse.Namespace, preset: str, seed: int) -> str:
    """Runs one training and its evaluation in a process of its own, unless it is there."""
    if (arguments.runs / f"{preset}-{seed}.json").is_file():
        return "there already"
    words = ["--one", preset, str(seed), "--data", arguments.data]
    done = with_one_thread(__file__, *words, "--epochs", str(arguments.epochs), "--runs", str(arguments.runs))
    return "done" if done.returncode == 0 else f"FAILED\n{done.stderr[-2000:]}"


def train(arguments: argparse.Namespace, name: str, seed: int) -> None:
    """One run: trains, evaluates and keeps both."""
    import keras

    from vae_tf import priors, training
    from vae_tf.training import datasets

    arguments.runs.mkdir(parents=True, exist_ok=True)
    preset, overrides = VARIANTS.get(name, (BASE if name in EX_POST else name, []))
    settings, _ = training.read(preset, [*SETTINGS, f"--data={arguments.data}", f"--seed={seed}", *overrides])
    x = datasets.load(settings.data)
    test = datasets.evaluation_batches(x.x_test, 500, seed=0, binarization="static")  # the same images for all

    def with_prior(vae, prior):
        codes = datasets.evaluation_batches(x.x_train, 500, seed=seed, binarization="static")
        fitted = training.fit_prior(vae, codes, prior, epochs=arguments.epochs, seed=seed, verbose=0)
        fitted.compile(settings.optimizer(), jit_compile=True, steps_per_execution=100)
        return fitted

    if name in EX_POST:
        kind, options = EX_POST[name]
        vae = keras.saving.load_model(arguments.runs / f"{BASE}-{seed}.keras")
        prior = getattr(priors, kind)(settings.model.latent_size, **options)
        keep(arguments, name, seed, with_prior(vae, prior), test, None)
        return
    vae = settings.build(x.x_train.shape[1:], examples=len(x.x_train))
    vae.compile(settings.optimizer(), jit_compile=True, steps_per_execution=100)
    batches = datasets.training_batches(x.x_train, settings.batch_size, seed=seed, binarization="dynamic")
    watch = Stopwatch()
    timed = keras.callbacks.LambdaCallback(on_epoch_begin=watch.begin, on_epoch_end=watch.end)
    steps = datasets.steps_per_epoch(len(x.x_train), settings.batch_size)
    vae.fit(batches, epochs=arguments.epochs, steps_per_epoch=steps, callbacks=[timed], shuffle=False, verbose=0)
    if settings.model.ex_post_prior is not None:
        vae = with_prior(vae, settings.model.ex_post_prior(settings.model.latent_size))
    vae.save(arguments.runs / f"{name}-{seed}.keras")
    keep(arguments, name, seed, vae, test, float(np.median(watch.seconds)))


class Stopwatch:
    """The seconds of each epoch."""

    def __init__(self):
        self.seconds = []

    def begin(self, epoch, logs):
        self._begun = time.monotonic()

    def end(self, epoch, logs):
        self.seconds.append(time.monotonic() - self._begun)


def keep(arguments: argparse.Namespace, name: str, seed: int, vae, test, seconds: float | None) -> None:
    """Measures a model on the test set."""
    from vae_tf.training import evaluation

    x = np.concatenate(list(test.as_numpy_iterator()))
    logs = vae.evaluate(test, return_dict=True, verbose=0)
    results = {key: float(logs[key]) for key in ("elbo", "rate", "distortion") if key in logs}
    results |= {"active_units": evaluation.active_units(evaluation.codes(vae, x)), "seconds_per_epoch": seconds}
    results |= {"epochs": arguments.epochs}
    if vae.has_density:
        np.save(arguments.runs / f"{name}-{seed}.npy", vae.log_prob(x, samples=SAMPLES, seed=0))
    (arguments.runs / f"{name}-{seed}.json").write_text(json.dumps(results), encoding="utf-8")


def write(arguments: argparse.Namespace) -> None:
    """The table of all runs that are there, and its figures as JSON."""
    rows = [row for name in NAMES if (row := summary(arguments, name))]
    header = "| preset | log p(x) | against vae | rate | distortion | active units | s per epoch |"
    print(f"{header}\n|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| `{row['preset']}` | {_text(row, 'log_likelihood')} | {_difference(row)} | {_text(row, 'rate', 1)} "
            f"| {_text(row, 'distortion', 1)} | {_text(row, 'active_units', 1)} "
            f"| {_text(row, 'seconds_per_epoch', 1)} |"
        )
    about = {"epochs": arguments.epochs, "samples": SAMPLES, "settings": SETTINGS, "rows": rows}
    (HERE / "results" / "models.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def draw(arguments: argparse.Namespace, path: pathlib.Path) -> None:
    """A row of samples from the prior for each model that was trained with seed 0."""
    import keras
    import matplotlib.pyplot as plt

    import vae_tf  # noqa: F401  (Keras finds its classes)
    from vae_tf.training.watching import grids

    names = [name for name in NAMES if (arguments.runs / f"{name}-0.keras").is_file()]
    figure, axes = plt.subplots(len(names), 1, figsize=(9, 0.5 * len(names)), layout="constrained")
    for name, axis in zip(names, axes, strict=True):
        vae = keras.saving.load_model(arguments.runs / f"{name}-0.keras")
        axis.imshow(grids.grid(vae.sample(20, seed=7), columns=20), cmap="gray", vmin=0, vmax=255)
        axis.set_axis_off()
        axis.text(-10, 16, name, ha="right", va="center")
    figure.savefig(path, dpi=110)


def summary(arguments: argparse.Namespace, name: str) -> dict:
    """The means over the seeds, and the paired difference of the log-likelihood against the plain VAE."""
    seeds = [seed for seed in range(arguments.seeds) if (arguments.runs / f"{name}-{seed}.json").is_file()]
    if not seeds:
        return {}
    results = [json.loads((arguments.runs / f"{name}-{seed}.json").read_text(encoding="utf-8")) for seed in seeds]
    row = {"preset": name, "seeds": len(seeds)}
    for key in ("elbo", "rate", "distortion", "active_units", "seconds_per_epoch"):
        values = [result[key] for result in results if result.get(key) is not None]
        row[key] = float(np.mean(values)) if values else None
    if (arguments.runs / f"{name}-{seeds[0]}.npy").is_file():
        log_probs = np.stack([np.load(arguments.runs / f"{name}-{seed}.npy") for seed in seeds]).astype(np.float64)
        row["log_likelihood"] = float(log_probs.mean())
        if name != BASE:
            base = np.stack([np.load(arguments.runs / f"{BASE}-{seed}.npy") for seed in seeds]).astype(np.float64)
            difference = log_probs - base  # [seeds, images]
            row["difference"] = float(difference.mean())
            images = difference.mean(axis=0).std(ddof=1) / np.sqrt(difference.shape[1])
            of_seeds = difference.mean(axis=1).std(ddof=1) / np.sqrt(len(seeds)) if len(seeds) > 1 else 0.0
            row["standard_error_images"], row["standard_error_seeds"] = float(images), float(of_seeds)
    return row


def _text(row: dict, key: str, digits: int = 2) -> str:
    return "" if row.get(key) is None else f"{row[key]:.{digits}f}"


def _difference(row: dict) -> str:
    if "difference" not in row:
        return ""
    error = np.hypot(row["standard_error_images"], row["standard_error_seeds"])
    return f"{row['difference']:+.2f} +- {error:.2f}"


if __name__ == "__main__":
    main()
