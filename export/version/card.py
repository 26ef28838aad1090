"""The card of a version: what is in it and where it comes from, for tools and people."""

import datetime
import hashlib
import json
import pathlib
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from vae_tf import VAE, conditions
from vae_tf.export.version.conditions import Names, described
from vae_tf.serving.contract import Interface
from vae_tf.version import __version__

PATH = "card.json"  # in a version
LIBRARIES = ("tensorflow", "keras", "tensorflow-probability")


def write(
    version: pathlib.Path, vae: VAE, interfaces: dict[str, Interface], names: Names, about: dict[str, Any]
) -> None:
    """Writes the card of a version whose other files are there.

    Args:
        version: its folder.
        vae: the model.
        interfaces: those of the signatures.
        names: of the labels of conditions.
        about: what else there is to say, such as the recipe and the results.
    """
    card = {
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "model": model(vae, names),
        "signatures": {
            name: {
                side: {key: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()} for key, spec in specs.items()}
                for side, specs in interface._asdict().items()
            }
            for name, interface in interfaces.items()
        },
        **about,
        "libraries": {"vae_tf": __version__, **{name: metadata.version(name) for name in LIBRARIES}},
        "files": {name: checksum(version / name) for name in files(version)},
    }
    (version / PATH).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def model(vae: VAE, names: Names) -> dict[str, Any]:
    """A model in a few words and numbers."""
    axes = ("posterior", "prior", "likelihood", "objective")
    return {
        "class": type(vae).__name__,
        **{axis: type(getattr(vae, axis)).__name__ for axis in axes},
        "latent_size": vae.latent_size,
        "event_shape": list(vae.event_shape),
        "conditions": described(conditions.of(vae.encoder, vae.decoder), names),
        "parameters": int(vae.count_params()),
    }


def files(version: pathlib.Path) -> Iterator[str]:
    """The files of a version, by their paths in it, except its card."""
    for path in sorted(version.rglob("*")):
        name = path.relative_to(version).as_posix()
        if path.is_file() and name != PATH:
            yield name


def checksum(path: pathlib.Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
