"""A folder of image files."""

import pathlib

import numpy as np
from PIL import Image
from rich import progress

from vae_tf.errors import InputError
from vae_tf.training.datasets.arrays import Arrays, arrays

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
GREY = ("1", "L", "LA")
DEEP = ("I", "F")  # 16 or 32 bits a pixel, which a conversion would clip


def load(folder: pathlib.Path) -> Arrays:
    """The images of a folder, uint8: grey where all are, else RGB; sub-folders, in order, are the classes.

    Raises:
        InputError: for a folder without images, an image that cannot be read or has more than 8 bits a channel,
            or images of two sizes.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise InputError(f"{folder} holds no image: give a folder of {', '.join(SUFFIXES)} files.")
    images = [_read(path) for path in progress.track(paths, f"reading {folder}", transient=True)]
    for path, image in zip(paths, images, strict=True):
        if image.size != images[0].size:
            raise InputError(
                f"{path} is {_size(image)}, but {paths[0]} is {_size(images[0])} pixels: bring all images to one size."
            )
    mode = "L" if all(image.mode in GREY for image in images) else "RGB"
    x = np.stack([np.asarray(image.convert(mode)) for image in images])
    classes = sorted({path.parent for path in paths})
    labels = np.array([classes.index(path.parent) for path in paths])
    return arrays(str(folder), x, labels if len(classes) > 1 else None)


def _read(path: pathlib.Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            image.load()
            loaded = image.copy()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} cannot be read as an image ({error}): repair or remove it.") from error
    if loaded.mode.startswith(DEEP):
        raise InputError(f"{path} has pixels of mode {loaded.mode}: give images of 8 bits a channel.")
    return loaded


def _size(image: Image.Image) -> str:
    return f"{image.width} x {image.height}"
