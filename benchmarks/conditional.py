"""What a label tells a VAE: the plain one's log p(x), the conditional one's log p(x|label), and labels by Bayes' rule.

    python benchmarks/conditional.py --data mnist.npz --picture docs/pictures/conditional.png

Both have the same networks but for the label, the same budget of epochs and the same seeds. What is done is kept and
not repeated, so the command can be stopped and given again. The last table is in docs/conditions.md, its figures in
benchmarks/results/conditional.json.
"""

import argparse
import json
import pathlib

import keras
import numpy as np
from machine import machine
from rich.progress import track

from vae_tf import VAE, networks
from vae_tf.atomic import replacing, sweep
from vae_tf.training import datasets
from vae_tf.training.watching import grids

HERE = pathlib.Path(__file__).parent
LABELS = 10
MODELS = {"plain": None, "conditional": {"label": networks.Label(LABELS)}}
LATENT_SIZE, HIDDEN = 40, (300, 300)
BATCH_SIZE, LEARNING_RATE = 100, 1e-3
STEPS_TOGETHER = 100  # steps of an execution
SAMPLES = 100  # of the importance-sampled log-likelihoods


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist", help="mnist, or an .npz in Keras's layout")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--runs", type=pathlib.Path, default=pathlib.Path("runs/conditional"), help="where the runs are kept"
    )
    parser.add_argument("--picture", type=pathlib.Path, help="where to draw digits of each label, of seed 0")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results" / "conditional.json")
    arguments = parser.parse_args()
    arguments.runs.mkdir(parents=True, exist_ok=True)
    sweep(arguments.runs)
    data = datasets.load(arguments.data)
    for seed in range(arguments.seeds):
        for name in MODELS:
            run(arguments, data, name, seed)
    report(arguments, data.y_test)
    if arguments.picture:
        draw(keras.saving.load_model(path(arguments, "conditional", 0, ".keras")), arguments.picture)


def path(arguments: argparse.Namespace, name: str, seed: int, suffix: str) -> pathlib.Path:
    return arguments.runs / f"{name}-{arguments.epochs}-epochs-{seed}{suffix}"


def run(arguments: argparse.Namespace, data: datasets.StoredData, name: str, seed: int) -> None:
    """Trains and measures one model, as far as it is not there yet."""
    model, found = (path(arguments, name, seed, suffix) for suffix in (".keras", ".npz"))
    print(f"{name}, seed {seed}{': there already' if found.is_file() else ''}", flush=True)
    if not model.is_file():
        vae = train(data, name, seed, arguments.epochs)
        with replacing(model) as partial:
            vae.save(partial)
    if not found.is_file():
        measured = measure(keras.saving.load_model(model), data)
        with replacing(found) as partial:
            np.savez(partial, **measured)


def train(data: datasets.StoredData, name: str, seed: int, epochs: int) -> VAE:
    """One model, pixels drawn anew at each step."""
    keras.utils.set_random_seed(seed)
    event_shape = data.x_train.shape[1:]
    encoder, decoder = networks.mlp(event_shape, LATENT_SIZE, HIDDEN, conditions=MODELS[name])
    vae = VAE(encoder, decoder, seed=seed)
    vae.compile(keras.optimizers.Adam(LEARNING_RATE), jit_compile=True, steps_per_execution=STEPS_TOGETHER)
    examples = {"x": data.x_train, "label": data.y_train} if vae.conditions else data.x_train
    batches = datasets.training_batches(examples, BATCH_SIZE, seed=seed, binarization="dynamic")
    steps = datasets.steps_per_epoch(len(data.x_train), BATCH_SIZE)
    vae.fit(batches, epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=2)
    return vae


def measure(vae: VAE, data: datasets.StoredData) -> dict[str, np.ndarray]:
    """The rate of each test image, [N], and log p(x), [N], or log p(x|label) of each label, [N, labels]; nats."""
    x = datasets.as_evaluated(data.x_test, seed=0, binarization="static")  # the same images for all
    if not vae.conditions:
        return {"rate": vae.score(x).rate, "log_prob": vae.log_prob(x, SAMPLES)}
    of_labels = [vae.log_prob(x, SAMPLES, label=label) for label in track(range(LABELS), "log p(x|label)")]
    return {"rate": vae.score(x, label=data.y_test).rate, "log_prob": np.stack(of_labels, axis=1)}


def label_accuracy(log_prob: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """1 for each image whose label Bayes' rule finds, else 0, [*, N], by log p(x|label) of each label, [*, N, labels].

    p(label|x) = p(x|label) p(label) / p(x),  p(label) = 1 / labels
    """
    return (log_prob.argmax(axis=-1) == labels).astype(np.float64)


def report(arguments: argparse.Namespace, labels: np.ndarray) -> None:
    """The table of the runs, and its figures as JSON."""
    runs = {name: [np.load(path(arguments, name, seed, ".npz")) for seed in range(arguments.seeds)] for name in MODELS}
    plain, of_labels = (np.stack([run["log_prob"] for run in runs[name]]).astype(np.float64) for name in MODELS)
    given = of_labels[:, np.arange(len(labels)), labels]  # log p(x|label)
    mixture = np.logaddexp.reduce(of_labels, axis=-1) - np.log(LABELS)  # log p(x) = log sum_label p(x|label) p(label)
    rows = {
        "plain: log p(x)": plain,
        "conditional: log p(x|label)": given,
        "conditional: log p(x|label), against plain": given - plain,
        "conditional: log p(x)": mixture,
        "conditional: log p(x), against plain": mixture - plain,
        "conditional: label accuracy, %": 100 * label_accuracy(of_labels, labels),
        **{f"{name}: rate": np.stack([run["rate"] for run in runs[name]]) for name in MODELS},
    }
    found = {name: figure(values) for name, values in rows.items()}
    print("| measure | mean | over images | over seeds | by seed |\n|---|---|---|---|---|")
    for name, row in found.items():
        by_seed = ", ".join(f"{value:.2f}" for value in row["by_seed"])
        errors = f"{row['standard_error_images']:.2f} | {row['standard_error_seeds']:.2f}"
        print(f"| {name} | {row['mean']:.2f} | {errors} | {by_seed} |")
    about = {"epochs": arguments.epochs, "samples": SAMPLES, "images": len(labels), "latent_size": LATENT_SIZE}
    about |= {"hidden": HIDDEN, "batch_size": BATCH_SIZE, "learning_rate": LEARNING_RATE}
    results = {"machine": machine(), "settings": about, "figures": found}
    arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def figure(values: np.ndarray) -> dict:
    """The mean of values [seeds, images], and its standard errors: over the images, and over the seeds."""
    by_seed, by_image = values.mean(axis=1, dtype=np.float64), values.mean(axis=0, dtype=np.float64)
    return {
        "mean": float(values.mean(dtype=np.float64)),
        "standard_error_images": float(by_image.std(ddof=1) / np.sqrt(by_image.size)),
        "standard_error_seeds": float(by_seed.std(ddof=1) / np.sqrt(by_seed.size)) if by_seed.size > 1 else 0.0,
        "by_seed": by_seed.tolist(),
    }


def draw(vae: VAE, picture: pathlib.Path) -> None:
    """A row for each of six codes z ~ p(z), and a column for each label: means of p(x|z, label)."""
    seeds = np.stack([np.full(6, 7), np.arange(6)], axis=1)
    z = np.repeat(vae.draw(seeds), LABELS, axis=0)
    grids.write(grids.grid(vae.mean(z, label=np.tile(np.arange(LABELS), 6)), columns=LABELS), picture)


if __name__ == "__main__":
    main()
