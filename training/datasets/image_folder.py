"""A folder of image files: its splits and its classes."""

import math
import pathlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from rich import progress

from vae_tf.errors import InputError
from vae_tf.training import memory
from vae_tf.training.datasets import image_files
from vae_tf.training.datasets.arrays import StoredData, arrays
from vae_tf.training.datasets.image_files import SUFFIXES, BadImageError, Header
from vae_tf.training.listed import listed

SPLITS = {"train": "train", "test": "test", "val": "validation", "valid": "validation", "validation": "validation"}
MEMORY_SHARE = 1 / 4  # of the machine's, that the pixels may take: a run holds them up to three times


def load(folder: pathlib.Path, image_size: int | None = None) -> StoredData:
    """The images of a folder, uint8: grey where all are, else RGB; upright by their EXIF, transparency on white.

    Sub-folders are the classes, numbered in the order of their names. Sub-folders `train` and `test`, `val` or
    `validation` are the splits, each with images or classes of its own. Hidden files are not read; files of other kinds
    are skipped, and counted.

    Args:
        folder: its path.
        image_size: where given, the largest square in the middle of each image becomes image_size x image_size pixels.

    Raises:
        InputError: for a folder without images, images that cannot be read, have more than 8 bits a channel or too
            many pixels, all named; for images of several sizes without `image_size`; for images beside sub-folders;
            for more than the memory holds.
    """
    paths, skipped = found(folder)
    parts = _parts(folder, paths)
    x = read(folder, paths, image_size)
    y, names = _classes(folder, paths, parts)
    split = np.array([parts[path] for path in paths])

    def of(name: str) -> tuple[np.ndarray | None, np.ndarray | None]:
        chosen = split == name
        if not chosen.any():
            return None, None
        if chosen.all():  # no copy
            return x, y if (y >= 0).all() else None
        return x[chosen], y[chosen] if (y[chosen] >= 0).all() else None

    (x_train, y_train), (x_test, y_test), (x_validation, y_validation) = map(of, ("train", "test", "validation"))
    assert x_train is not None
    data = arrays(str(folder), x_train, y_train, x_test, y_test, x_validation, y_validation)
    return data._replace(class_names=names, skipped=skipped)


def found(folder: pathlib.Path) -> tuple[list[pathlib.Path], int]:
    """The paths of the images of a folder, sorted, and the number of other files; what is hidden is neither.

    Only a regular file is an image: a named pipe would be waited for.

    Raises:
        InputError: for a folder without images.
    """
    visible = [
        path
        for path in folder.rglob("*")
        if not any(part.startswith(".") or part == "__MACOSX" for part in path.relative_to(folder).parts)
    ]
    paths = sorted(path for path in visible if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise InputError(f"{folder} holds no image: give a folder of {', '.join(SUFFIXES)} files.")
    images = set(paths)
    return paths, sum(path not in images and not path.is_dir() for path in visible)


def read(
    folder: pathlib.Path, paths: Sequence[pathlib.Path], image_size: int | None = None, is_grey: bool | None = None
) -> np.ndarray:
    """The pixels of the images of a folder, uint8 [N, height, width, 1 or 3]; see `load`.

    Args:
        folder: its path, for messages.
        paths: of the images.
        image_size: as of `load`.
        is_grey: whether they become grey, or RGB; where not given, they become grey if all are.
    """
    headers, bad = _headers(folder, paths)
    if image_size is None and len({(header.width, header.height) for header in headers}) > 1:
        raise _mixed(folder, headers, bad)
    is_grey = all(header.is_grey for header in headers) if is_grey is None else is_grey
    x = _pixels(folder, headers, bad, image_size, is_grey)
    if bad:
        raise InputError(
            f"{folder}: {len(bad)} of {len(paths)} images cannot be used: "
            f"{listed([f'{path.relative_to(folder)} ({reason})' for path, reason in bad.items()])}: repair or remove "
            f"them."
        )
    return x


def labels(folder: pathlib.Path, paths: Sequence[pathlib.Path]) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """The labels of the images of a folder, whole numbers [N], and what they are called; see `load`.

    Both are None if an image is in no class.

    Args:
        folder: its path.
        paths: of the images.

    Raises:
        InputError: for images beside sub-folders.
    """
    y, names = _classes(folder, paths, _parts(folder, paths))
    return (None, None) if names is None or (y < 0).any() else (y, names)


def _parts(folder: pathlib.Path, paths: Sequence[pathlib.Path]) -> dict[pathlib.Path, str]:
    """The split of each image: all train where the sub-folders are not splits."""
    parents = {path.parent for path in paths}
    above = {ancestor for parent in parents for ancestor in parent.parents}
    loose = [str(path.relative_to(folder)) for path in paths if path.parent in above]
    if loose:
        raise InputError(
            f"{folder} holds {len(loose)} images beside sub-folders with images: {listed(loose)}. Sub-folders are "
            f"classes, so move each loose image into one, or out of the folder."
        )
    names = sorted({path.relative_to(folder).parts[0] for path in paths if path.parent != folder})
    splits = {name: SPLITS[name.lower()] for name in names if name.lower() in SPLITS}
    are_all = len(splits) == len(names)
    if "train" in splits.values() and are_all:
        return {path: splits[path.relative_to(folder).parts[0]] for path in paths}
    if len(splits) > 1 and ("train" in splits.values() or are_all):
        raise InputError(
            f"{folder} holds the sub-folders {listed(names)}: give train with test, val or both, and classes inside "
            f"them; or classes alone."
        )
    return dict.fromkeys(paths, "train")


def _classes(
    folder: pathlib.Path, paths: Sequence[pathlib.Path], parts: dict[pathlib.Path, str]
) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """The number of each image's class, -1 where it has none, and the classes' names, None where there is only one."""
    are_splits = len(set(parts.values())) > 1
    folders = [path.relative_to(folder).parts[are_splits:-1] for path in paths]
    classes = sorted(set(folders) - {()})
    if len(classes) < 2:
        return np.full(len(paths), -1), None
    numbers = {parent: number for number, parent in enumerate(classes)}
    depths = enumerate(zip(*classes, strict=False))
    shared = next((depth for depth, parts in depths if len(set(parts)) > 1), 0)
    names = tuple("/".join(parent[shared:]) for parent in classes)
    return np.array([numbers.get(parent, -1) for parent in folders]), names


def _headers(folder: pathlib.Path, paths: Sequence[pathlib.Path]) -> tuple[list[Header], dict[pathlib.Path, str]]:
    """The headers that can be read, and why the others cannot."""
    headers, bad = [], {}
    for path in progress.track(paths, f"looking at {folder}", transient=True):
        try:
            headers.append(image_files.header(path))
        except BadImageError as error:
            bad[path] = str(error)
    return headers, bad


def _pixels(
    folder: pathlib.Path,
    headers: Sequence[Header],
    bad: dict[pathlib.Path, str],
    image_size: int | None,
    is_grey: bool,
) -> np.ndarray:
    """The pixels of all images, uint8 [N, height, width, 1 or 3]; adds to `bad` what is damaged behind its header."""
    if not headers:
        return np.zeros(0, np.uint8)
    height, width = (headers[0].height, headers[0].width) if image_size is None else (image_size, image_size)
    shape = (len(headers), height, width, 1 if is_grey else 3)
    size = math.prod(shape)
    if size > MEMORY_SHARE * memory.total():
        raise InputError(
            f"{folder} holds {len(headers)} images of {width} x {height} pixels, {size / 1e9:.1f} GB, which is more "
            f"than {MEMORY_SHARE:.0%} of this machine's memory: give fewer, or make them smaller with image_size "
            f"(--image_size 64)."
        )
    x = np.empty(shape, np.uint8)
    for row, header in zip(progress.track(x, f"reading {folder}", transient=True), headers, strict=True):
        try:
            row[:] = image_files.pixels(header.path, is_grey, image_size)
        except BadImageError as error:
            bad[header.path] = str(error)
    return x


def _mixed(folder: pathlib.Path, headers: Sequence[Header], bad: dict[pathlib.Path, str]) -> InputError:
    sizes = [(header.width, header.height) for header in headers]
    first = dict(zip(reversed(sizes), reversed(headers), strict=True))
    named = [
        f"{width} x {height} ({count}, such as {first[width, height].path.relative_to(folder)})"
        for (width, height), count in Counter(sizes).most_common()
    ]
    unread = [f"{path.relative_to(folder)} ({reason})" for path, reason in bad.items()]
    return InputError(
        f"{folder} holds images of {len(named)} sizes: {listed(named)}: give image_size (--image_size 64), which "
        f"takes the largest square in the middle of each and resizes it, or bring them to one size."
        + (f" {len(unread)} more cannot be used: {listed(unread)}." if unread else "")
    )
