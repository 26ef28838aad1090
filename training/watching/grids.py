"""What a person looks at: grids of images, as uint8 arrays [height, width, channels]."""

import itertools
import math
import os

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from PIL import Image
from tensorflow_probability import distributions as tfd

from vae_tf import VAE, random
from vae_tf.atomic import replacing
from vae_tf.errors import InputError
from vae_tf.images import is_image

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


def samples(vae: VAE, count: int = 64, seed: int = 0) -> np.ndarray:
    """Means of p(x|z) for `count` codes from the prior."""
    check_images(vae)
    return grid(vae.sample(count, seed), columns=math.isqrt(count))


def draws(vae: VAE, count: int = 64, seed: int = 0) -> np.ndarray:
    """One draw of p(x|z) for each of the codes of `samples`."""
    check_images(vae)
    p = vae.decode(vae.draw(random.pair(seed, random.Purpose.SAMPLE, tf.range(count))))
    drawn = p.sample(seed=tfp.random.sanitize_seed([seed, 0], salt="p(x|z)"))
    return grid(drawn, columns=math.isqrt(count))


def reconstructions(vae: VAE, x, columns: int = 8) -> np.ndarray:
    """Inputs [N, height, width, channels], each row above that of their reconstructions and of the differences.

    A difference is grey where there is none, lighter where the reconstruction is.
    """
    check_images(vae)
    x = np.asarray(x, np.float32)
    columns = min(columns, len(x))
    x = x[: len(x) // columns * columns]
    mean = vae.reconstruct(x).numpy()
    rows = np.stack([x, mean, (1 + mean - x) / 2]).reshape(3, -1, columns, *vae.event_shape)
    return grid(rows.swapaxes(0, 1).reshape(-1, *vae.event_shape), columns)


def traversal(vae: VAE, x, columns: int = 11, span: float = 3.0, dimensions: int | None = None) -> np.ndarray:
    """The code of one input [1, height, width, channels], each dimension in turn moved from -span to span.

    Rows are the dimensions in the order of their variance over the input's posterior: most certain first, and as many
    as `dimensions` says, where it does. Codes that the posterior cannot give, such as those off the sphere, are
    brought back to the nearest that it can.
    """
    check_images(vae)
    codes_of_x = vae.represent(x)
    code, stddev = codes_of_x.z[0].numpy(), codes_of_x.stddev
    certain_first = np.arange(vae.latent_size) if stddev is None else np.argsort(stddev[0])
    certain_first = certain_first[:dimensions]
    codes = np.tile(code, (len(certain_first), columns, 1))
    for row, dimension in enumerate(certain_first):
        codes[row, :, dimension] = np.linspace(-span, span, columns)
    return grid(_means(vae, codes.reshape(-1, vae.latent_size)), columns)


def interpolation(vae: VAE, x, columns: int = 11) -> np.ndarray:
    """A row for each pair of neighbours in x [N + 1, height, width, channels]: a straight line between their codes."""
    check_images(vae)
    if len(x) < 2:
        raise InputError(f"An interpolation was asked for between {len(x)} images: give at least 2.")
    codes = vae.represent(x).z.numpy()
    share = np.linspace(0, 1, columns, dtype=np.float32)[:, None]
    lines = [(1 - share) * start + share * end for start, end in itertools.pairwise(codes)]
    return grid(_means(vae, np.concatenate(lines)), columns)


def attribute(vae: VAE, x, direction: np.ndarray, columns: int = 11) -> np.ndarray:
    """A row for each image in x [N, height, width, channels], its code moved along a direction from -1 to 1.5 times.

    Args:
        vae: the model.
        x: images, float32.
        direction: that of `attribute_direction`, float32 [D]; the fifth of 11 columns is not moved.
        columns: of the picture.
    """
    check_images(vae)
    codes = vae.represent(x).z.numpy()
    moved = codes[:, None] + np.linspace(-1, 1.5, columns, dtype=np.float32)[:, None] * direction
    return grid(_means(vae, moved.reshape(-1, vae.latent_size)), columns)


def manifold(vae: VAE, columns: int = 20) -> np.ndarray:
    """Means of p(x|z) over the whole plane of a two-dimensional code, evenly in the standard normal's quantiles."""
    check_images(vae)
    if vae.latent_size != 2:
        raise InputError(
            f"A manifold needs 2 latent dimensions and the model has {vae.latent_size}: draw a traversal, or train "
            f"with --model.latent_size 2."
        )
    line = tfd.Normal(0.0, 1.0).quantile(tf.linspace(0.01, 0.99, columns)).numpy()
    codes = np.stack(np.meshgrid(line, -line), axis=-1).reshape(-1, 2)
    return grid(_means(vae, codes), columns)


def pseudo_inputs(vae: VAE, count: int = 64) -> np.ndarray:
    """The first pseudo-inputs of a VampPrior."""
    check_images(vae)
    shown = vae.prior.pseudo_inputs()[:count]
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


def _means(vae: VAE, codes: np.ndarray) -> tf.Tensor:
    return vae.mean(vae.nearest(tf.constant(codes, tf.float32)))
