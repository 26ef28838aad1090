"""The card of a version: what is in it and where it comes from, for tools and people."""

import datetime
import hashlib
import json
import pathlib
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any

from vae_tf import VAE
from vae_tf.conditions import Condition
from vae_tf.errors import InputError
from vae_tf.export.version.conditions import Names, described
from vae_tf.latents.site import kinds
from vae_tf.serving.contract import Interface
from vae_tf.version import __version__

PATH = "card.json"  # in a version
DTYPES = ("int32", "float32")  # of conditions
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


def conditions(version: pathlib.Path) -> dict[str, Condition]:
    """The conditions that the card of a version describes, by name; none if it has no card.

    Raises:
        InputError: for a card that is damaged.
    """
    return _of_conditions(version, _condition)


def names(version: pathlib.Path) -> dict[str, list[str]]:
    """The names of the labels 0, 1, ... of each condition that has some on the card of a version, by its name.

    Raises:
        InputError: for a card that is damaged.
    """
    found = _of_conditions(version, lambda _, given: list(given.get("names", [])))
    return {name: of_labels for name, of_labels in found.items() if of_labels}


def _of_conditions(version: pathlib.Path, read: Callable[[str, dict[str, Any]], Any]) -> dict[str, Any]:
    """What `read` makes of the name of each condition and of what the card says of it, by name."""
    if not (version / PATH).exists():
        return {}
    try:
        described = json.loads((version / PATH).read_text(encoding="utf-8"))["model"].get("conditions", {})
        return {name: read(name, given) for name, given in described.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{version / PATH} cannot be read ({error}): export the model again.") from None


def _condition(name: str, given: dict[str, Any]) -> Condition:
    if given["dtype"] not in DTYPES:
        raise ValueError(f"a condition of {given['dtype']}")
    return Condition(name, tuple(given["shape"]), given["dtype"], given["count"])


def model(vae: VAE, names: Names) -> dict[str, Any]:
    """A model in a few words and numbers."""
    axes = ("likelihood", "objective")
    return {
        "class": type(vae).__name__,
        "posterior": kinds(vae.latents.sites, "posterior"),
        "prior": kinds(vae.latents.sites, "prior"),
        **{axis: type(getattr(vae, axis)).__name__ for axis in axes},
        "latent_size": vae.latent_size,
        "event_shape": list(vae.event_shape),
        "conditions": described(vae.conditions, names),
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
