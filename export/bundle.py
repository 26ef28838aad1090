"""The versioned directory that TF Serving polls: each version is written beside, then renamed in.

A version, `<directory>/<name>/<number>/`, holds `saved_model.pb`, `variables/`, `card.json`, and in `assets.extra/`
the golden answers and the warm-up requests. Beside the models lie the server's configurations.
"""

import errno
import os
import pathlib
import re
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf import VAE
from vae_tf.atomic import beside, sync
from vae_tf.errors import InputError
from vae_tf.export import staging
from vae_tf.export.server import configuration
from vae_tf.export.version import golden, numbers, writing
from vae_tf.export.version.conditions import Names, check_names
from vae_tf.serving import saved_model, signatures


def export(
    vae: VAE,
    directory: str | os.PathLike[str],
    name: str = "model",
    *,
    keep: int | None = None,
    mount: str | None = None,
    names: Names | None = None,
    about: dict[str, Any] | None = None,
) -> pathlib.Path:
    """Publishes a model as the next version of `<directory>/<name>`.

    Whoever looks there sees the version whole or not at all, and exporters at the same time get a number each. In
    `models.config` the version becomes the model's `canary`; which is `stable` is left to whoever operates the server.

    Args:
        vae: the model.
        directory: a local folder, made where missing.
        name: of the model in the server's URLs.
        keep: how many versions stay, the newest; those that models.config names, or named before, stay as well. All,
            where not given.
        mount: where the server sees the directory, for `models.config`: /models at first, as in the official image.
        names: of the labels 0, 1, ... of a condition, for `card.json`, as in {"label": ["cat", "dog"]}.
        about: what `card.json` is to hold besides the model, such as its recipe and its results.

    Returns:
        The folder of the new version, `<directory>/<name>/<version>`.

    Raises:
        InputError: for another kind of model, weights that are not finite, a name that is no folder or URL part,
            keep < 1, a mount that is no absolute path, names that are not one for each label, a models.config that
            cannot be read or has a label of a version that is not there, or if TF Serving has no number for a version
            after those that are there.
        OSError: where the version could not be written, on a full disk for instance; the versions there stand.
    """
    if not isinstance(vae, VAE):
        raise InputError(f"export was given a {type(vae).__name__}: give a vae_tf.VAE.")
    check_arguments(directory, name, keep, mount)
    check_names(vae.conditions, names or {})
    directory = pathlib.Path(directory)
    folder = directory / name
    named = configuration.named_versions(directory, name)
    _check_labels(directory, name)
    if folder.is_dir():
        numbers.following(folder)
    graphs = signatures.trace(vae)
    weights = saved_model.served_weights(graphs)
    _check_finite(weights)
    answers = golden.exchanges(vae)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with staging.staged(directory, folder) as hidden:
            written = hidden / "version"
            writing.write(written, name, vae, graphs, weights, answers, names or {}, about or {})
            for file in [written, *written.rglob("*")]:
                sync(file)
            version = _publish(written, folder)
        _configure(directory, name, version, mount)
    except (OSError, tf.errors.OpError) as error:
        raise OSError(
            f"No version was written to {folder}: {_reason(error)}; the versions there stand as they were."
        ) from error
    if keep is not None:
        _remove_older(directory, name, keep, named)
    return version


def check_arguments(directory: str | os.PathLike[str], name: str, keep: int | None, mount: str | None) -> None:
    """Refuses arguments of `export` with which it would never succeed.

    Raises:
        InputError: as `export` does.
    """
    if "://" in os.fspath(directory):
        raise InputError(f"The directory is {directory}: give a local folder (a rename publishes), and copy it then.")
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise InputError(
            f"The name is {name!r}, which is a folder and a part of URLs: give letters, digits, '.', '_' and '-', "
            f"beginning with a letter or digit."
        )
    if keep is not None and keep < 1:
        raise InputError(f"keep is {keep}: give at least 1 version to keep, or leave it out to keep all.")
    if mount is not None and not re.fullmatch(r"/[^\s\"\\]*", mount):
        raise InputError(f"The mount is {mount!r}: give an absolute path, which TF Serving needs, such as /models.")


def _publish(written: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    while True:
        version = folder / str(numbers.following(folder))
        try:
            os.rename(written, version)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            continue  # another exporter took the number first
        sync(folder)
        return version


def _configure(directory: pathlib.Path, name: str, version: pathlib.Path, mount: str | None) -> None:
    with staging.locked(directory):
        try:
            configuration.write(directory, name, numbers.versions(version.parent), mount)
        except BaseException:
            _remove(version)  # it would be there, and not be served
            raise


def _remove_older(directory: pathlib.Path, name: str, keep: int, before: set[int]) -> None:
    """What models.config named before stays once more: the server goes by that until it looks again."""
    with staging.locked(directory):
        named = before | configuration.named_versions(directory, name)
        for number in numbers.versions(directory / name)[:-keep]:
            if number not in named:
                _remove(directory / name / str(number))


def _remove(version: pathlib.Path) -> None:
    """Takes a version away at once, and its files after that."""
    with beside(version) as hidden:
        os.rename(version, hidden / version.name)


def _check_labels(directory: pathlib.Path, name: str) -> None:
    """A mistyped version must not make the newest the stable one."""
    labels = configuration.labels(directory, name)
    there = numbers.versions(directory / name) if (directory / name).is_dir() else []
    for label, version in labels.items():
        if version not in there and label != configuration.CANARY:
            raise InputError(
                f"{directory / configuration.MODELS} says that {label} is version {version} of {name}, which is not "
                f"there: mend it, or take the label out."
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
