"""The versioned directory that TF Serving polls: each version is written beside, then renamed in.

A version, `<directory>/<name>/<number>/`, holds `saved_model.pb`, `variables/` and `assets.extra/golden.npz`.
"""

import errno
import os
import pathlib
import re

import numpy as np
import tensorflow as tf

from vae_tf import VAE
from vae_tf.atomic import beside
from vae_tf.errors import InputError
from vae_tf.export import golden, signatures


def export(vae: VAE, directory: str | os.PathLike[str], name: str = "model") -> pathlib.Path:
    """Publishes a model as the next version of `<directory>/<name>`.

    Whoever looks there sees the version whole or not at all, and exporters at the same time get a number each.

    Args:
        vae: the model.
        directory: a local folder, made where missing.
        name: of the model in the server's URLs.

    Returns:
        The folder of the new version, `<directory>/<name>/<version>`.

    Raises:
        InputError: for another kind of model, weights that are not finite, or a name that is no folder or URL part.
        OSError: where the version could not be written, on a full disk for instance; the versions there stand.
    """
    if not isinstance(vae, VAE):
        raise InputError(f"export was given a {type(vae).__name__}: give a vae_tf.VAE.")
    _check_place(directory, name)
    graphs = signatures.trace(vae)
    weights = served_weights(graphs)
    _check_finite(weights)
    answers = golden.exchanges(vae)
    folder = pathlib.Path(directory) / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with beside(folder / "version") as hidden:
            written = hidden / "version"
            _write(written, graphs, weights, answers)
            return _publish(written, folder)
    except (OSError, tf.errors.OpError) as error:
        raise OSError(
            f"No version was written to {folder}: {_reason(error)}; the versions there stand as they were."
        ) from error


def versions(folder: str | os.PathLike[str]) -> list[int]:
    """The version numbers in `<directory>/<name>`, rising."""
    return sorted(int(entry) for entry in os.listdir(folder) if re.fullmatch("[0-9]+", entry))


def served_weights(graphs: dict[str, signatures.Graph]) -> list[tf.Variable]:
    """The variables that the graphs read, each once, by name."""
    read = {id(variable): variable for graph in graphs.values() for variable in graph.graph.variables}
    return sorted(read.values(), key=lambda variable: variable.name)


def _write(
    path: pathlib.Path,
    graphs: dict[str, signatures.Graph],
    weights: list[tf.Variable],
    answers: dict[str, golden.Exchange],
) -> None:
    holder = tf.Module()
    holder.weights = weights  # no more than these is saved
    tf.saved_model.save(holder, str(path), signatures=graphs)
    (path / golden.PATH).parent.mkdir()
    golden.write(path / golden.PATH, answers)
    for file in [path, *path.rglob("*")]:
        _sync(file)


def _publish(written: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    while True:
        version = folder / str(max(versions(folder), default=0) + 1)
        try:
            os.rename(written, version)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            continue  # another exporter took the number first
        _sync(folder)
        return version


def _sync(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_place(directory: str | os.PathLike[str], name: str) -> None:
    if "://" in os.fspath(directory):
        raise InputError(f"The directory is {directory}: give a local folder (a rename publishes), and copy it then.")
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise InputError(
            f"The name is {name!r}, which is a folder and a part of URLs: give letters, digits, '.', '_' and '-', "
            f"beginning with a letter or digit."
        )


def _check_finite(weights: list[tf.Variable]) -> None:
    for weight in weights:
        if weight.dtype.is_floating and not np.isfinite(weight.numpy()).all():
            raise InputError(
                f"The weight {weight.name.removesuffix(':0')} is not finite everywhere: export a model from before "
                f"its training diverged."
            )


def _reason(error: OSError | tf.errors.OpError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    # as in "{{node ...}} <file>; No space left on device [Op:SaveV2]"
    return error.message.rpartition("; ")[2].partition(" [Op:")[0]
