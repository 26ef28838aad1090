"""What a model answers, written one for each example: a table, an array, a folder of images; whole or not at all."""

import contextlib
import csv
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf import VAE
from vae_tf.atomic import beside, replacing, sync
from vae_tf.errors import InputError
from vae_tf.serving import images, signatures

PNG = ".png"


def check_file(out: str, suffix: str) -> None:
    """Refuses what is not the path of a file with a suffix.

    Raises:
        InputError: saying what to give.
    """
    if pathlib.Path(out).suffix != suffix or out.endswith("/"):
        raise InputError(f"--out got {out!r}: give a file that ends in {suffix}.")
    if pathlib.Path(out).is_dir():
        raise InputError(f"--out got {out!r}, which is a folder: give the name of a file.")


def is_array(out: str) -> bool:
    """Whether a path is that of an .npy file; else it is that of a new folder.

    Raises:
        InputError: for a file with another suffix, or something that is there already.
    """
    if pathlib.Path(out).suffix == ".npy" and not out.endswith("/"):
        check_file(out, ".npy")
        return True
    if pathlib.Path(out).suffix and not out.endswith("/"):
        raise InputError(
            f"--out got {out!r}: give a file that ends in .npy, or a new folder for PNG files (with a dot in its name, "
            f"end it in /)."
        )
    if pathlib.Path(out).exists():
        raise InputError(f"--out got {out!r}, which exists already: give a new folder.")
    return False


def check_image_files(vae: VAE) -> None:
    """Refuses a model whose examples cannot be image files.

    Raises:
        InputError: naming the model's event shape and likelihood.
    """
    if not signatures.has_image_files(vae):
        raise InputError(
            f"PNG files are of images (height, width, 1 or 3) with values in [0, 1], but the model's data is "
            f"{vae.event_shape} under {type(vae.likelihood).__name__}: give --out a file that ends in .npy."
        )


def write_table(path: str, columns: Mapping[str, Iterable[Any]]) -> None:
    """Writes columns of one length to a .csv file; a float has the digits that tell it from all others."""
    with (
        _writing(path),
        replacing(path) as partial,
        open(partial, "w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def write_array(path: str, shape: tuple[int, ...], parts: Iterable[tf.Tensor]) -> None:
    """Writes consecutive parts of a float32 array of `shape` to an .npy file, one after the other."""
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False, "shape": shape}
    with _writing(path), replacing(path) as partial, open(partial, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for part in parts:
            file.write(np.asarray(part, np.float32).tobytes())


def write_images(path: str, names: Sequence[pathlib.PurePath], parts: Iterable[tf.Tensor]) -> None:
    """Writes parts of images, float32 [n, height, width, 1 or 3] in [0, 1], as PNG files of a new folder."""
    folder = pathlib.Path(path)
    left = iter(names)
    with _writing(path):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with beside(folder) as hidden:
            partial = hidden / folder.name
            partial.mkdir()
            for part in parts:
                for png in images.encoded(part).numpy():
                    file = partial / next(left)
                    file.parent.mkdir(parents=True, exist_ok=True)
                    with open(file, "xb") as opened:
                        opened.write(png)
            sync(partial)
            partial.rename(folder)  # fails where something has come there meanwhile


def numbered(count: int) -> list[pathlib.PurePath]:
    """The names of `count` PNG files, which sort in their order."""
    return [pathlib.PurePath(f"{number:0{len(str(count - 1))}}{PNG}") for number in range(count)]


def named_after(files: Sequence[pathlib.PurePath]) -> list[pathlib.PurePath]:
    """The names of PNG files that answer image files: a.png -> a.png, a.jpg -> a.jpg.png."""
    return [file if file.suffix == PNG else file.with_name(file.name + PNG) for file in files]


@contextlib.contextmanager
def _writing(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(f"{path} could not be written ({error}): what was there before is there still.") from error
