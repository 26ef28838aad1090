"""What a person looks at: grids of images, as uint8 arrays [height, width, channels]."""

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from PIL import Image
from tensorflow_probability import distributions as tfd

from vae_tf import VAE, data, random
from vae_tf.atomic import replacing
from vae_tf.data import Batch
from vae_tf.errors import InputError
from vae_tf.images import is_image
from vae_tf.latents.site import kinds
from vae_tf.sizes import size
from vae_tf.training.datasets import spread_evenly, x_of
from vae_tf.training.watching.arrangement import ROWS, Arrangement, arranged
from vae_tf.training.watching.row_names import beside

GAP = 2  # pixels between images


def grid(images, columns: int) -> np.ndarray:
    """Images [N, height, width, channels] with values in [0, 1], row by row, in a grid of `columns`."""
    pixels = np.round(255 * np.clip(np.asarray(images, np.float32), 0, 1)).astype(np.uint8)
    count, height, width, channels = pixels.shape
    rows = math.ceil(count / columns)
    sheet = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, channels), 255, np.uint8)
    for i, image in enumerate(pixels):
        top = GAP + (i // columns) * (height + GAP)
        left = GAP + (i % columns) * (width + GAP)
        sheet[top : top + height, left : left + width] = image
    return sheet


def samples(
    vae: VAE, count: int | None = None, seed: int = 0, *, class_names: Sequence[str] | None = None, **condition
) -> np.ndarray:
    """Means of p(x|z) for codes from the prior.

    If samples depend on a label and its value is not given, each row has one label, from 0 to at most 15, with its name
    before it, and each column one draw of the prior's noise: one code, unless the prior depends on the label.

    Args:
        vae: the model.
        count: the most images that are drawn; if not given 64, or 10 of each label.
        seed: of all codes.
        class_names: what the label's values 0, 1, ... are called; their numbers if not given.
        condition: the conditions, by name, one value for all images or several, which are used in turn: image by image,
            or if each row has one label, column by column.

    Raises:
        InputError: for a model of no images, a condition that is missing, or values that it cannot have.
    """
    check_images(vae)
    shown = arranged(vae, count, seed, class_names, condition)
    return _arranged_grid(vae.mean(vae.draw(shown.seeds, **shown.conditions), **shown.conditions), shown)


def draws(
    vae: VAE, count: int | None = None, seed: int = 0, *, class_names: Sequence[str] | None = None, **condition
) -> np.ndarray:
    """One draw of p(x|z) for each of the codes of `samples`, which takes the same."""
    check_images(vae)
    shown = arranged(vae, count, seed, class_names, condition)
    p = vae.decode(vae.draw(shown.seeds, **shown.conditions), **shown.conditions)
    return _arranged_grid(p.sample(seed=tfp.random.sanitize_seed([seed, 0], salt="p(x|z)")), shown)


def reconstructions(vae: VAE, x: Batch, columns: int = 8) -> np.ndarray:
    """Inputs, each row above that of their reconstructions and of the differences.

    A difference is grey where there is none, lighter where the reconstruction is.

    Args:
        vae: the model.
        x: images [N, height, width, channels], or a dictionary of them and of the conditions.
        columns: of the picture.
    """
    x = _images(vae, x)
    columns = min(columns, data.count(x))
    x = data.take(x, slice(data.count(x) // columns * columns))
    images, mean = np.asarray(x_of(x), np.float32), vae.reconstruct(x).numpy()
    rows = np.stack([images, mean, (1 + mean - images) / 2]).reshape(3, -1, columns, *vae.event_shape)
    return grid(rows.swapaxes(0, 1).reshape(-1, *vae.event_shape), columns)


def traversal(vae: VAE, x: Batch, columns: int = 11, span: float = 3.0, dimensions: int | None = None) -> np.ndarray:
    """The code of one input, each dimension in turn moved from -span to span, under the input's conditions.

    Rows are the dimensions in the order of their variance over the input's posterior: most certain first, and as many
    as `dimensions` says, where it does. Codes that the posterior cannot give, such as those off the sphere, are
    brought back to the nearest that it can. Of a ladder, the dimensions of the top rung are moved, and the codes below
    follow as the means of their priors.

    Args:
        vae: the model.
        x: one image [1, height, width, channels], or a dictionary of it and of the conditions.
        columns: of the picture.
        span: how far a dimension is moved.
        dimensions: the most rows.

    Raises:
        InputError: for a model of no images, or of discrete codes.
    """
    x = _images(vae, x)
    _check_between(vae, "A traversal")
    codes_of_x = vae.represent(x)
    code, stddev = codes_of_x.z[0].numpy(), codes_of_x.stddev
    top = vae.latents.sites[0].posterior.latent_size
    certain_first = np.arange(top) if stddev is None else np.argsort(stddev[0, :top])
    certain_first = certain_first[:dimensions]
    codes = np.tile(code, (len(certain_first), columns, 1))
    for row, dimension in enumerate(certain_first):
        codes[row, :, dimension] = np.linspace(-span, span, columns)
    if len(vae.latents.sites) > 1:
        rows = codes.reshape(-1, vae.latent_size)
        _, conditions = vae.schema.split(data.take(x, np.zeros(len(rows), int)))
        below = vae.draw_below(rows, np.zeros((len(rows), vae.prior_noise_size)), held=1, **conditions)
        codes = below.numpy().reshape(codes.shape)
    return _decoded(vae, codes, x, np.zeros(codes.shape[:2], int))


def interpolation(vae: VAE, x: Batch, columns: int = 11) -> np.ndarray:
    """A row for each pair of neighbours in x: a straight line between their codes.

    Each image has the conditions of the nearer of the two.

    Args:
        vae: the model.
        x: images [N + 1, height, width, channels], or a dictionary of them and of the conditions.
        columns: of the picture.

    Raises:
        InputError: for a model of no images, or of discrete codes, or fewer than 2 images.
    """
    x = _images(vae, x)
    _check_between(vae, "An interpolation")
    if data.count(x) < 2:
        raise InputError(f"An interpolation was asked for between {data.count(x)} images: give at least 2.")
    codes = vae.represent(x).z.numpy()
    share = np.linspace(0, 1, columns, dtype=np.float32)[:, None]
    lines = (1 - share) * codes[:-1, None] + share * codes[1:, None]
    nearer = np.arange(len(lines))[:, None] + np.round(share[:, 0]).astype(int)
    return _decoded(vae, lines, x, nearer)


def attribute(vae: VAE, x: Batch, direction: np.ndarray, columns: int = 11) -> np.ndarray:
    """A row for each image in x, its code moved along a direction from -1 to 1.5 times, under its conditions.

    Args:
        vae: the model.
        x: images [N, height, width, channels], or a dictionary of them and of the conditions.
        direction: that of `attribute_direction`, float32 [D]; the fifth of 11 columns is not moved.
        columns: of the picture.

    Raises:
        InputError: for a model of no images, or of discrete codes.
    """
    x = _images(vae, x)
    _check_between(vae, "An attribute")
    codes = vae.represent(x).z.numpy()
    moved = codes[:, None] + np.linspace(-1, 1.5, columns, dtype=np.float32)[:, None] * direction
    return _decoded(vae, moved, x, np.arange(len(codes))[:, None])


def before_and_after(before, after, below: str, columns: int = 16) -> np.ndarray:
    """Pictures, each row above that of what became of them, with a line of text below.

    Args:
        before: images [N, height, width, channels].
        after: as many.
        below: the text.
        columns: of the picture, at most.
    """
    columns = min(columns, len(before))
    rows = math.ceil(len(before) / columns)
    pairs = np.ones([2, rows * columns, *np.shape(before)[1:]], np.float32)  # white, if nothing is there
    pairs[:, : len(before)] = before, after
    pairs = pairs.reshape([2, rows, columns, *np.shape(before)[1:]]).swapaxes(0, 1)
    return beside(grid(pairs.reshape([-1, *np.shape(before)[1:]]), columns), ["before", "after"] * rows, below)


def manifold(vae: VAE, columns: int = 20, **condition) -> np.ndarray:
    """Means of p(x|z) over the whole plane of a two-dimensional code, evenly in the standard normal's quantiles.

    Args:
        vae: the model.
        columns: of the picture.
        condition: the conditions, by name, one value for all images.

    Raises:
        InputError: for a model of no images, or of discrete codes, or of other than 2 dimensions.
    """
    check_images(vae)
    _check_between(vae, "A manifold")
    if vae.latent_size != 2:
        raise InputError(
            f"A manifold needs 2 latent dimensions and the model has {vae.latent_size}: draw a traversal, or train "
            f"with --model.latent_size 2."
        )
    line = tfd.Normal(0.0, 1.0).quantile(tf.linspace(0.01, 0.99, columns)).numpy()
    codes = np.stack(np.meshgrid(line, -line), axis=-1).reshape(-1, 2)
    return grid(_means(vae, codes, condition), columns)


def rungs(vae: VAE, columns: int = 10, seed: int = 0, **condition) -> np.ndarray:
    """Means of p(x|z) for codes of a ladder whose upper rungs are held: what the rungs below them decide.

    The first column is one sample, the same in each row. In each row the rungs that its name says keep the codes of
    this sample, and those below are drawn anew, in each row with the same noise. There are at most 16 rows.

    Args:
        vae: the model.
        columns: of the picture.
        seed: of all codes.
        condition: the conditions, by name, one value for all images.

    Raises:
        InputError: for a model of no images or of one layer, or a condition that is missing.
    """
    check_images(vae)
    columns, layers = size("A picture of rungs", "columns", columns), len(vae.latents.sites)
    if layers == 1:
        raise InputError("A picture of rungs needs a ladder, and this model has one layer of codes: draw samples.")
    held = spread_evenly(ROWS, layers)  # 0, ..., layers - 1
    seeds = random.pair(seed, random.Purpose.SAMPLE, tf.range(columns))
    noise = tf.tile(random.normal_rows([vae.prior_noise_size], seeds), [len(held), 1])
    sample = tf.tile(vae.from_noise(noise[:1], **condition), [len(noise), 1])
    codes = vae.draw_below(sample, noise, np.repeat(held, columns), **condition)
    names = [f"rungs 1-{count} held" if count > 1 else "rung 1 held" if count else "none held" for count in held]
    return beside(grid(vae.mean(codes, **condition), columns), names)


def pseudo_inputs(vae: VAE, count: int = 64) -> np.ndarray:
    """The first pseudo-inputs of a VampPrior."""
    check_images(vae)
    shown = vae.latents.sites[0].prior.pseudo_inputs()[:count]
    return grid(shown, columns=math.isqrt(len(shown)))


def write(picture: np.ndarray, path: str | os.PathLike[str]) -> None:
    """Writes a picture to an image file, whole or not at all; the suffix names the format."""
    channels = picture.shape[-1]
    with replacing(path) as partial:
        Image.fromarray(picture[..., 0] if channels == 1 else picture).save(partial)


def check_images(vae: VAE) -> None:
    """Refuses a model of anything but grey or colour images.

    Raises:
        InputError: naming the model's event shape.
    """
    if not is_image(vae.event_shape):
        raise InputError(f"Pictures need images (height, width, 1 or 3), but the model's data is {vae.event_shape}.")


def _check_between(vae: VAE, picture: str) -> None:
    """Refuses codes between which lie no others.

    Raises:
        InputError: saying what else can be drawn.
    """
    if vae.code_count is not None:
        raise InputError(
            f"{picture} needs codes of real numbers, and those of {kinds(vae.latents.sites, 'posterior')} are whole "
            f"numbers, between which lies nothing: draw samples or reconstructions."
        )


def _images(vae: VAE, x: Batch) -> Batch:
    """Images and their conditions as arrays; refuses others than the model takes."""
    check_images(vae)
    return tf.nest.map_structure(np.asarray, vae.schema.arrays(x))


def _arranged_grid(images, shown: Arrangement) -> np.ndarray:
    sheet = grid(images, shown.columns)
    return beside(sheet, shown.names, shown.below) if shown.names else sheet


def _decoded(vae: VAE, codes: np.ndarray, x: Batch, of: np.ndarray) -> np.ndarray:
    """A grid of the means of p(x|z) for codes [rows, columns, D], each under the conditions of the row `of` x."""
    _, conditions = vae.schema.split(x)
    conditions = data.take(conditions, np.broadcast_to(of, codes.shape[:2]).reshape(-1))
    return grid(_means(vae, codes.reshape(-1, vae.latent_size), conditions), codes.shape[1])


def _means(vae: VAE, codes: np.ndarray, conditions: Mapping[str, Any]) -> tf.Tensor:
    return vae.mean(vae.nearest(tf.constant(codes, tf.float32)), **conditions)
