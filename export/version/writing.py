"""A version's folder: its SavedModel, golden answers, warm-up requests, and last the card of it all."""

import pathlib
from typing import Any

import tensorflow as tf

from vae_tf import VAE
from vae_tf.export.version import card, contents, golden, warmup
from vae_tf.export.version.conditions import Names
from vae_tf.serving import saved_model, signatures


def write(
    version: pathlib.Path,
    name: str,
    vae: VAE,
    graphs: dict[str, signatures.Graph],
    weights: list[tf.Variable],
    answers: dict[str, golden.Exchange],
    names: Names,
    about: dict[str, Any],
) -> None:
    """Writes a version.

    Args:
        version: its folder, which is made.
        name: the model's, in the server's URLs.
        vae: the model.
        graphs: of all signatures, by name.
        weights: those that the graphs read.
        answers: the model's own, by the names of the signatures.
        names: of the labels of conditions.
        about: what the card is to hold besides the model.
    """
    saved_model.write(version, graphs, weights)
    (version / "assets.extra").mkdir()
    golden.write(version / golden.PATH, answers)
    interfaces = contents.interfaces(version)
    warmup.write(version / warmup.PATH, name, interfaces)
    card.write(version, vae, interfaces, names, about)
