"""Discrete codes on CIFAR-10: how exact the reconstructions of a codebook are, beside rounding, and the codes in use.

    python benchmarks/codebooks.py --data cifar10

The networks, the size of the codes and the budget are those of DeepMind's example of VQ-VAE: 512 codes of 64 numbers
on a grid of 8 x 8, 10,000 steps of 32 images. Both models have the same networks except for the codes' width. What is
done is kept and not repeated, so the command can be stopped and given again. The last table is in docs/latents.md, its
figures in benchmarks/results/codebooks.json.
"""

import argparse
import json
import pathlib

import keras
import numpy as np
from keras import layers
from machine import machine
from rich.progress import track

from vae_tf import VAE, likelihoods, posteriors, priors
from vae_tf.atomic import replacing, sweep
from vae_tf.training import datasets
from vae_tf.training.watching import grids

HERE = pathlib.Path(__file__).parent
GRID, CODES = (8, 8), 512
POSTERIORS = {
    "VectorQuantized": lambda: posteriors.VectorQuantized(GRID, codes=CODES, width=64),
    "FiniteScalarQuantized": lambda: posteriors.FiniteScalarQuantized(GRID, levels=(8, 8, 8)),
}
BATCH_SIZE, LEARNING_RATE = 32, 3e-4
SCALE = 0.25  # of the normal likelihood: the standard deviation of the data
SHOWN = 8  # images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="cifar10", help="cifar10, or a folder with its images as files")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument(
        "--runs", type=pathlib.Path, default=pathlib.Path("runs/codebooks"), help="where models are kept"
    )
    parser.add_argument("--picture", type=pathlib.Path, help="where to draw test images and their reconstructions")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results" / "codebooks.json")
    arguments = parser.parse_args()
    arguments.runs.mkdir(parents=True, exist_ok=True)
    sweep(arguments.runs)
    data = datasets.load(arguments.data)
    test = datasets.as_evaluated(data.x_test, seed=0, binarization="none")
    figures = {}
    for name in POSTERIORS:
        path = arguments.runs / f"{name}-{arguments.steps}-steps.keras"
        if not path.is_file():
            vae = train(data.x_train, name, arguments.steps)
            with replacing(path) as partial:
                vae.save(partial)
        vae = keras.saving.load_model(path)
        figures[name] = measure(vae, test)
        if arguments.picture:
            picture = arguments.picture.with_stem(f"{arguments.picture.stem}-{name}")
            grids.write(grids.reconstructions(vae, test[datasets.spread_evenly(SHOWN, len(test))]), picture)
    report(arguments, figures)


def train(x: np.ndarray, name: str, steps: int) -> VAE:
    """One model, trained for so many steps."""
    keras.utils.set_random_seed(0)
    posterior = POSTERIORS[name]()
    encoder, decoder = networks(x.shape[1:], posterior.value_shape)
    vae = VAE(
        encoder,
        decoder,
        posterior=posterior,
        prior=priors.UniformCodes(GRID, CODES),
        likelihood=likelihoods.Normal(x.shape[1:], scale=SCALE),
    )
    vae.compile(keras.optimizers.Adam(LEARNING_RATE), jit_compile=False)
    batches = datasets.training_batches(x, BATCH_SIZE, seed=0, binarization="none")
    vae.fit(batches, epochs=10, steps_per_epoch=steps // 10, shuffle=False, verbose=2)
    return vae


def networks(event_shape: tuple[int, ...], value_shape: tuple[int, ...]) -> tuple[keras.Model, keras.Model]:
    """The encoder and the decoder of DeepMind's example; its last layers are the posterior's and the likelihood's."""
    x = keras.Input(event_shape)
    features = layers.Conv2D(64, 4, strides=2, padding="same", activation="relu")(x)
    features = layers.Conv2D(128, 4, strides=2, padding="same", activation="relu")(features)
    features = residual(layers.Conv2D(128, 3, padding="same")(features))
    z = keras.Input(value_shape)
    values = residual(layers.Conv2D(128, 3, padding="same")(z))
    values = layers.Conv2DTranspose(64, 4, strides=2, padding="same", activation="relu")(values)
    values = layers.Conv2DTranspose(event_shape[-1], 4, strides=2, padding="same")(values)
    return keras.Model(x, features), keras.Model(z, values)


def residual(features: keras.KerasTensor) -> keras.KerasTensor:
    for _ in range(2):
        inner = layers.Conv2D(32, 3, padding="same", activation="relu")(layers.ReLU()(features))
        features = layers.Add()([features, layers.Conv2D(128, 1)(inner)])
    return layers.ReLU()(features)


def measure(vae: VAE, x: np.ndarray) -> dict[str, float]:
    """What the codes keep of test images, and how many of them are in use."""
    squares, codes = 0.0, []
    for first in track(range(0, len(x), 500), "measuring"):
        part = x[first : first + 500]
        squares += float(np.sum((vae.reconstruct(part).numpy() - part) ** 2, dtype=np.float64))
        codes.append(vae.represent(part).z.numpy().astype(int))
    found = np.concatenate(codes)
    of_batches = [perplexity(found[first : first + BATCH_SIZE]) for first in range(0, len(found), BATCH_SIZE)]
    return {
        "error / variance": squares / x.size / float(np.var(x, dtype=np.float64)),
        "perplexity of a batch": float(np.mean(of_batches)),
        "perplexity of all": perplexity(found),
        "codes in use": len(np.unique(found)),
    }


def perplexity(codes: np.ndarray) -> float:
    """exp of the entropy of the codes' shares."""
    shares = np.bincount(codes.ravel(), minlength=CODES) / codes.size
    return float(np.exp(-np.sum(shares * np.log(np.where(shares > 0, shares, 1)))))


def report(arguments: argparse.Namespace, figures: dict[str, dict[str, float]]) -> None:
    """The table, and its figures as JSON."""
    names = list(next(iter(figures.values())))
    print(f"| posterior | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for name, row in figures.items():
        print(f"| {name} | {' | '.join(f'{row[each]:.4g}' for each in names)} |")
    settings = {"steps": arguments.steps, "batch_size": BATCH_SIZE, "learning_rate": LEARNING_RATE, "codes": CODES}
    results = {"machine": machine(), "settings": settings, "figures": figures}
    arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
