"""Every example of a source in its order, with nothing set aside: what a trained model is asked about."""

import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from vae_tf.images import is_image
from vae_tf.training.datasets import NAMES, files, image_folder, load
from vae_tf.training.datasets.arrays import StoredData, arrays, examples, labels, with_channel

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what begins one in a spreadsheet


class Rows(NamedTuple):
    """The examples of a source.

    Attributes:
        x: [N, *event]; uint8 stays uint8, else float32.
        sets: the set that each example is from, in a source with sets of its own, else None.
        files: the image file of each example, below the folder, in a source of files, else None.
        skipped: files of other kinds, which were not read.
        y: the label of each example [N], if they were asked for and each has one, else None.
        class_names: what the labels 0, 1, ... are called, or None if they are their own names.
    """

    x: np.ndarray
    sets: Sequence[str] | None = None
    files: Sequence[pathlib.PurePath] | None = None
    skipped: int = 0
    y: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None

    def about(self) -> dict[str, Sequence[Any]]:
        """What is known of each example, by name: its `index` from 0, and its `set` and its `file` where it has one."""
        names = None if self.files is None else [_plain(str(file)) for file in self.files]
        known = {"index": range(len(self.x)), "set": self.sets, "file": names}
        return {name: values for name, values in known.items() if values is not None}


def rows(source: str, event_shape: Sequence[int], image_size: int | None = None, with_labels: bool = False) -> Rows:
    """Every example of a source, in its order.

    Those of an .npy file are in the file's order. Of a source with several sets, the training set comes first, then the
    validation set, then the test set. Images of a folder are in the order of their paths, wherever they are below it.

    Args:
        source: as of `load`.
        event_shape: the shape of one example of the model, which says whether images of a folder become grey or RGB.
        image_size: as of `load`; other sources than folders stay as they are.
        with_labels: whether the labels are read too.

    Raises:
        InputError: for a source that is not known, not there or cannot be used; if the labels are read, for such as
            `load` refuses.
    """
    found = _found(source, event_shape, image_size, with_labels)
    return found._replace(x=with_channel(found.x, event_shape))


def _found(source: str, event_shape: Sequence[int], image_size: int | None, with_labels: bool) -> Rows:
    path = pathlib.Path(source)
    if path.is_dir() and source not in NAMES:
        paths, skipped = image_folder.found(path)
        is_grey = event_shape[-1] == 1 if is_image(event_shape) else None
        x = image_folder.read(path, paths, image_size, is_grey)
        y, class_names = image_folder.labels(path, paths) if with_labels else (None, None)
        return Rows(x, None, [each.relative_to(path) for each in paths], skipped, y, class_names)
    if path.is_file() and path.suffix == ".npy":
        return Rows(examples(source, "the file", files.read_npy(path)))
    if path.is_file() and path.suffix == ".npz":
        found = files.read_npz(path)
        if "x_test" not in found:
            x = examples(source, "x_train", found["x_train"])
            return Rows(x, y=labels(source, "y_train", found.get("y_train"), len(x)) if with_labels else None)
        return _of_sets(arrays(source, **found))
    return _of_sets(load(source))


def _of_sets(data: StoredData) -> Rows:
    sets = {"train": data.x_train, "validation": data.x_validation, "test": data.x_test}
    there = {name: x for name, x in sets.items() if x is not None}
    names = [name for name, x in there.items() for _ in range(len(x))]
    y = [getattr(data, f"y_{name}") for name in there]
    known = None if any(each is None for each in y) else np.concatenate(y)
    return Rows(np.concatenate(list(there.values())), names, y=known, class_names=data.class_names)


def _plain(path: str) -> str:
    """A relative path that no spreadsheet takes for a formula."""
    return f"./{path}" if path.startswith(FORMULA) else path
