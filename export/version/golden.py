"""Golden answers: what the Keras model itself answers to a few inputs, kept beside its SavedModel.

The archive holds arrays by the names `<signature>/inputs/<name>` and `<signature>/outputs/<name>`.
"""

import os
import zipfile
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from vae_tf import VAE, random
from vae_tf.errors import InputError
from vae_tf.export.version.conditions import values
from vae_tf.serving import signatures

PATH = "assets.extra/golden.npz"  # in a version
ROWS = 8
NamedArrays = dict[str, np.ndarray]


class Exchange(NamedTuple):
    """What went into a signature and what came out, arrays by name; axis 0 is the batch."""

    inputs: NamedArrays
    outputs: NamedArrays


def exchanges(vae: VAE) -> dict[str, Exchange]:
    """The model's own answers, by the names of the signatures: to draws z ~ p(z), and to draws x ~ p(x|z) of these.

    Conditions are spread over their labels, or normal.
    """
    seed = np.stack([np.zeros(ROWS), np.arange(ROWS)], axis=1).astype(np.int32)
    given: dict[str, Any] = {name: values(condition, ROWS) for name, condition in vae.conditions.items()}
    functions = signatures.functions(vae)
    interfaces = signatures.interfaces(vae)

    def exchange(name: str) -> Exchange:
        inputs = {key: known[key] for key in interfaces[name].inputs}
        return Exchange(inputs, _arrays(functions[name](**{key: tf.constant(value) for key, value in inputs.items()})))

    known = {**given, "seed": seed, "noise": random.normal_rows([vae.prior_noise_size], tf.constant(seed)).numpy()}
    known["z"] = exchange("sample").outputs["z"]
    known["x"] = vae.decode(known["z"], **given).sample(seed=(0, 0)).numpy()  # in the support, which a mean need not be
    if "decode_png" in functions:
        known |= exchange("decode_png").outputs
    return {name: exchange(name) for name in functions}


def write(path: str | os.PathLike[str], answers: dict[str, Exchange]) -> None:
    """Writes the answers as an `.npz` archive."""
    arrays = {
        f"{name}/{side}/{key}": array
        for name, exchange in answers.items()
        for side, named in exchange._asdict().items()
        for key, array in named.items()
    }
    with open(path, "wb") as file:
        np.savez(file, **arrays)


def read(path: str | os.PathLike[str]) -> dict[str, Exchange]:
    """Reads what `write` has written.

    Raises:
        InputError: where there is no such archive, or it is damaged, pickled or holds something else.
    """
    answers: dict[str, Exchange] = {}
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            for key in archive.files:
                signature, side, name = key.split("/")
                getattr(answers.setdefault(signature, Exchange({}, {})), side)[name] = archive[key]
    except (OSError, ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} holds no golden answers ({error}): export the model again.") from error
    return answers


def _arrays(tensors: signatures.Tensors) -> NamedArrays:
    return {key: _array(tensor) for key, tensor in tensors.items()}


def _array(tensor: tf.Tensor) -> np.ndarray:
    """Strings as bytes of one length, not as objects, which would be pickled; a PNG file does not end in zeros."""
    return tensor.numpy().astype("S") if tensor.dtype == tf.string else tensor.numpy()
