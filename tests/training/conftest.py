"""What the tests of the training room share: small data in files, a small recipe, one trained run."""

import pathlib
import shutil
import textwrap
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml

from vae_tf import VAE, latents, networks, posteriors, priors, training

RECIPE = """
    data: {data}
    epochs: 2
    batch_size: 16
    jit_compile: false
    model:
      networks:
        class_path: MLP
        init_args:
          hidden: [8]
      latent_size: 2
    """


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


@pytest.fixture
def save_npz(tmp_path):
    """Writes arrays to an .npz file in the test's own folder."""

    def save(name: str = "data.npz", **arrays) -> pathlib.Path:
        np.savez(tmp_path / name, **arrays)
        return tmp_path / name

    return save


@pytest.fixture(scope="session")
def images(tmp_path_factory) -> pathlib.Path:
    """An .npz file of 48 + 12 grey images of 6 x 6, uint8: dark and bright pixels, alike within three classes."""
    rng = np.random.default_rng(1)
    path = tmp_path_factory.mktemp("data") / "images.npz"
    y = np.arange(60) % 3
    bright = rng.integers(0, 2, (3, 6, 6))[y]
    x = (195 * bright + rng.integers(0, 61, (60, 6, 6))).astype(np.uint8)
    np.savez(path, x_train=x[:48], y_train=y[:48], x_test=x[48:], y_test=y[48:])
    return path


@pytest.fixture(scope="session")
def read_recipe(images, tmp_path_factory):
    """Reads a small recipe, without XLA, whose data are `images`; overrides as on the command line."""
    path = tmp_path_factory.mktemp("recipe") / "small.yaml"
    path.write_text(textwrap.dedent(RECIPE.format(data=images)))

    def read(*overrides: str):
        return training.read(str(path), overrides)

    return read


class Finished(NamedTuple):
    """A run of two epochs, and the model as `train` returned it."""

    run: training.Run
    vae: VAE


@pytest.fixture(scope="session")
def finished(read_recipe, tmp_path_factory) -> Finished:
    """A run that is only read; see `copy_of_finished` for one to change."""
    run = training.Run(tmp_path_factory.mktemp("runs") / "finished")
    return Finished(run, run.train(*read_recipe("--binarization=dynamic")))


@pytest.fixture
def copy_of_finished(finished, tmp_path) -> training.Run:
    shutil.copytree(finished.run.directory, tmp_path / "copy")
    return training.Run(tmp_path / "copy")


@pytest.fixture(scope="session")
def make_vae():
    """Makes a small model, with the same weights whenever it is asked for the same parts."""

    def make(event_shape=(4, 4, 1), latent_size=2, hidden=(5,), conditions=None, **parts) -> VAE:
        keras.utils.set_random_seed(1)
        return VAE(*networks.mlp(event_shape, latent_size=latent_size, hidden=hidden, conditions=conditions), **parts)

    return make


def _ladder_of_three():
    """Networks of a ladder with rungs of 2, 4 and 4 numbers, which are traced faster than convolutions."""
    dense, x, state = keras.layers.Dense, keras.Input((4, 4, 1)), keras.Input([4])
    features = keras.layers.Flatten()(x)
    rungs = []
    for size in (2, 4, 4):
        z = keras.Input([size])
        inputs, added = ([state, z], keras.layers.Add()([state, dense(4)(z)])) if rungs else (z, dense(4)(z))
        prior = priors.ConditionalNormal(size) if rungs else priors.StandardNormal(size)
        rungs.append(latents.Rung(posteriors.RelativeNormal(size), prior, keras.Model(inputs, added)))
    encoder = keras.Model(x, [dense(3)(features) for _ in rungs])
    decoder = keras.Model(state, dense(5, activation="tanh")(state))
    return encoder, decoder, latents.Ladder(rungs)


@pytest.fixture(scope="session")
def make_structured():
    """Makes a small model of images of 4 x 4 whose code is no vector of real numbers, by its kind."""

    def make(kind: str, **parts) -> VAE:
        keras.utils.set_random_seed(1)
        if kind == "ladder":
            encoder, decoder, ladder = _ladder_of_three()
            return VAE(encoder, decoder, latents=ladder, **parts)
        width = 1 if kind == "grid" else 2
        encoder, decoder = networks.conv((4, 4, 1), filters=(4,), latent_shape=(2, 2, width))
        families = {
            "grid": (posteriors.DiagonalNormal((2, 2, 1)), priors.StandardNormal((2, 2, 1))),
            "vq": (posteriors.VectorQuantized((2, 2), codes=6, width=2), priors.UniformCodes((2, 2), codes=6)),
            "relaxed": (posteriors.RelaxedCategorical((2, 2), codes=6, width=2), priors.UniformCodes((2, 2), codes=6)),
            "fsq": (posteriors.FiniteScalarQuantized((2, 2), levels=(3, 2)), priors.UniformCodes((2, 2), codes=6)),
        }
        posterior, prior = families[kind]
        return VAE(encoder, decoder, posterior=posterior, prior=prior, **parts)

    return make


@pytest.fixture(scope="session")
def bits() -> np.ndarray:
    """Twenty images of 4 x 4 bits."""
    return np.random.default_rng(2).integers(0, 2, (20, 4, 4, 1)).astype(np.float32)


@pytest.fixture(scope="session")
def read_events():
    """Reads TensorBoard's files of a folder: tag -> {step: value}; images as the strings of the summary."""
    from tensorboard.compat.proto import event_pb2

    def read(folder: pathlib.Path) -> dict[str, dict]:
        found: dict[str, dict] = {}
        for path in sorted(folder.glob("events.out.tfevents.*"), key=lambda path: path.stat().st_mtime_ns):
            for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                event = event_pb2.Event.FromString(record)
                for value in event.summary.value:
                    steps = found.setdefault(value.tag, {})
                    assert event.step not in steps, f"{value.tag} is there twice at step {event.step}"
                    steps[event.step] = tf.make_ndarray(value.tensor)
        return found

    return read


@pytest.fixture(scope="session")
def contents():
    """The files of a folder, hidden ones too: path -> bytes."""

    def read(folder: pathlib.Path) -> dict[str, bytes]:
        paths = [path for path in folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(folder)): path.read_bytes() for path in paths}

    return read


@pytest.fixture(scope="session")
def yaml_of():
    """A YAML file as plain values."""
    return lambda path: yaml.safe_load(path.read_text())
