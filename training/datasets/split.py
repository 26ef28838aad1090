"""Who trains, who validates, who tests."""

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from vae_tf.errors import InputError
from vae_tf.images import is_image

if TYPE_CHECKING:
    from vae_tf.training.datasets.arrays import StoredData


class Splits(NamedTuple):
    """The parts of a run's data; labels and factors are None where there are none."""

    x_train: np.ndarray
    y_train: np.ndarray | None
    x_validation: np.ndarray
    y_validation: np.ndarray | None
    x_test: np.ndarray
    y_test: np.ndarray | None
    factors_test: dict[str, np.ndarray] | None = None
    class_names: tuple[str, ...] | None = None
    skipped: int = 0

    def counts(self) -> str:
        """What there is, in words: "381 images, 64 x 64 x 3, 4 classes, 19 skipped; 309 / 34 / 38 to train, ..."."""
        parts = [len(self.x_train), len(self.x_validation), len(self.x_test)]
        names = "to train, validate and test"
        if self.x_validation is self.x_test:
            parts, names = parts[:2], "to train and test, which validates too"
        shape = self.x_train.shape[1:]
        said = [f"{sum(parts):,} {'images' if is_image(shape) else 'examples'}", " x ".join(map(str, shape))]
        if self.y_train is not None:
            said.append(f"{len(self.class_names or np.unique(self.y_train)):,} classes")
        if self.skipped:
            said.append(f"{self.skipped:,} skipped")
        return f"{', '.join(said)}; {' / '.join(f'{part:,}' for part in parts)} {names}"


def spread_evenly(count: int, total: int) -> list[int]:
    """`count` positions spread over `total` examples, so that sorted classes all appear."""
    return np.linspace(0, total - 1, min(count, total)).astype(int).tolist()


def stratified(labels: np.ndarray | None, count: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Parts `count` examples in two, seeded, class by class where there are labels.

    Returns:
        The indices of the rest and of the part of about `share`, each rising, int64.
    """
    generator = np.random.Generator(np.random.Philox(seed))
    order = generator.permutation(count)
    if labels is None:
        part = order[: round(share * count)]
    else:
        _, classes = np.unique(labels[order], return_inverse=True)
        members = [order[classes == number] for number in range(classes.max() + 1)]
        part = np.concatenate([indices[: round(share * len(indices))] for indices in members])
    chosen = np.zeros(count, bool)
    chosen[part] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def validation_split(data: "StoredData", validation: float | Literal["test"], seed: int) -> Splits:
    """Holds out a seeded, class-balanced share of the training data, where the data has no validation set of its own.

    Args:
        data: the data set.
        validation: a share in (0, 1), or "test" to validate on the test set, as some originals do.
        seed: of the choice.

    Raises:
        InputError: for another share, or one that leaves a part empty.
    """
    test = (data.x_test, data.y_test, data.factors_test, data.class_names, data.skipped)
    if validation == "test":
        return Splits(data.x_train, data.y_train, data.x_test, data.y_test, *test)
    if data.x_validation is not None:
        return Splits(data.x_train, data.y_train, data.x_validation, data.y_validation, *test)
    if not 0 < validation < 1:
        raise InputError(f'validation is {validation}: give a share between 0 and 1, such as 0.1, or "test".')
    rest, part = stratified(data.y_train, len(data.x_train), validation, seed)
    if not len(rest) or not len(part):
        raise InputError(
            f"validation={validation} of {len(data.x_train)} training examples leaves {len(rest)} to train on and "
            f"{len(part)} to validate on: give more data, or another share."
        )
    y_rest, y_part = (None, None) if data.y_train is None else (data.y_train[rest], data.y_train[part])
    return Splits(data.x_train[rest], y_rest, data.x_train[part], y_part, *test)
