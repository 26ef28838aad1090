"""What each epoch has come to, as a table in a file."""

import csv
import os
import pathlib
import warnings

import keras

from vae_tf.atomic import replacing

Rows = dict[int, dict[str, str]]  # of an epoch, from 0: the values by their names


class History(keras.callbacks.Callback):
    """Writes a row for each epoch, `epoch,loss,...`, to a CSV file, which is whole and on the disk at every moment.

    Rows that are there already stay, except those of epochs that are trained again.

    Args:
        path: a `.csv` file.
    """

    def __init__(self, path: str | os.PathLike[str]):
        super().__init__()
        self.path = pathlib.Path(path)

    def on_train_begin(self, logs=None):
        """Reads the rows of earlier epochs."""
        self._rows = read(self.path)

    def on_epoch_end(self, epoch, logs=None):
        """Writes the epoch's row."""
        self._rows[epoch] = {name: str(logs[name]) for name in sorted(logs)}
        write(self.path, self._rows)


def read(path: pathlib.Path) -> Rows:
    """The rows that can be read; none if there is no file, or one of something else."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    try:
        header, *rows = csv.reader(text.splitlines())
    except (csv.Error, ValueError):  # a field without an end; no line at all
        return {}
    found: Rows = {}
    for row in rows:
        values = dict(zip(header, row, strict=False))
        epoch = values.pop("epoch", "")
        if len(row) == len(header) and epoch.isdecimal() and all(_is_number(value) for value in values.values()):
            found[int(epoch)] = values
    return found


def write(path: pathlib.Path, rows: Rows) -> None:
    """Writes all rows, by epoch."""
    names = sorted({name for values in rows.values() for name in values})
    with replacing(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["epoch", *names])
        writer.writerows([epoch, *(rows[epoch].get(name, "") for name in names)] for epoch in sorted(rows))


def trim(path: pathlib.Path, epochs: int) -> None:
    """Keeps the rows of the first epochs.

    Warns:
        UserWarning: if some are missing.
    """
    if not epochs:
        path.unlink(missing_ok=True)
        return
    rows = {epoch: values for epoch, values in read(path).items() if epoch < epochs}
    missing = [epoch for epoch in range(epochs) if epoch not in rows]
    if missing:
        warnings.warn(
            f"{path} has no readable row for {len(missing)} of the {epochs} epochs that are done ({_spans(missing)}): "
            f"training goes on, and its table has a gap there.",
            stacklevel=2,
        )
    if rows:
        write(path, rows)
    else:
        path.unlink(missing_ok=True)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text == ""  # a value that other epochs have
    return True


def _spans(numbers: list[int]) -> str:
    """Rising numbers as a person writes them: 0-3, 7."""
    ends = [n for n in numbers if n + 1 not in numbers]
    begins = [n for n in numbers if n - 1 not in numbers]
    return ", ".join(f"{a}-{b}" if a < b else str(a) for a, b in zip(begins, ends, strict=True))
