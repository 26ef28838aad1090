"""Sprites: one white shape on black, drawn from factors that are known."""

import math

import numpy as np

from vae_tf.training.datasets.arrays import TEST_SHARE, StoredData, arrays

SIZE = 32  # pixels
SHAPES = ("square", "ellipse", "heart")
SCALES = (5, 6, 7, 8, 9, 10)  # pixels: the side of the square of the same area
ROTATIONS = 10  # even steps of a quarter turn
SHIFT = 7  # pixels: as far as a shape goes from the middle, by whole ones
OFF_GRID = 0.25  # pixels off the grid's symmetry, by which small squares of two rotations would be one image
SEED = 0


def load() -> StoredData:
    """All 40,500 combinations of 5 factors, images [32, 32, 1] of 0 and 255, uint8, a tenth to test; needs no network.

    The factors are `shape` (3: square, ellipse, heart; also the label), `scale` (6; the area is its square, whatever
    the shape), `rotation` (10 steps of 9 degrees, anticlockwise), `x` (15 pixels, to the right) and `y` (15 pixels,
    down), numbered from 0. After a quarter turn a square looks as before, so no shape is turned as far; no two images
    are equal then.

    Source: after dSprites (Matthey et al., 2017), which has 737,280 such images and turns a square full circle.
    """
    values = [len(SHAPES), len(SCALES), ROTATIONS, 2 * SHIFT + 1, 2 * SHIFT + 1]
    factors = np.indices(values).reshape(5, -1)  # the grid, in the order of the images
    images = np.empty((factors.shape[1], SIZE, SIZE), np.uint8)
    blocks = images.reshape(*values, SIZE, SIZE)
    for shape, name in enumerate(SHAPES):
        for scale, side in enumerate(SCALES):
            for rotation in range(ROTATIONS):
                mask = _mask(name, side, rotation * math.pi / 2 / ROTATIONS)
                blocks[shape, scale, rotation] = np.uint8(255) * _shifted(mask)
    order = np.random.Generator(np.random.Philox(SEED)).permutation(len(images))
    test, train = np.split(order, [round(TEST_SHARE * len(order))])
    labels = factors[0]
    data = arrays("sprites", images[train], labels[train], images[test], labels[test])
    names = ("shape", "scale", "rotation", "x", "y")
    return data._replace(factors_test=dict(zip(names, factors[:, test], strict=True)))


def _mask(shape: str, side: float, angle: float) -> np.ndarray:
    """A shape in the middle, bool [32, 32]: its area is that of a square of `side` pixels, its angle in radians."""
    line = np.arange(SIZE) - (SIZE - 1) / 2 + OFF_GRID
    x, y = np.meshgrid(line, -line)  # y upwards
    u = (math.cos(angle) * x + math.sin(angle) * y) / side
    v = (math.cos(angle) * y - math.sin(angle) * x) / side
    if shape == "square":
        return np.maximum(abs(u), abs(v)) <= 1 / 2
    if shape == "ellipse":  # twice as long as high
        return math.pi * (u**2 / 2 + 2 * v**2) <= 1
    # A square of side 1 on its corner and half discs on its upper sides: its area is 1 + pi/4, and v its centroid's.
    edge = math.sqrt(1 + math.pi / 4)
    centroid = (math.pi / 4 * math.sqrt(1 / 8) + math.sqrt(2) / 12) / (1 + math.pi / 4)
    u, v = edge * abs(u), edge * v + centroid
    return (u + abs(v) <= math.sqrt(1 / 2)) | ((u - math.sqrt(1 / 8)) ** 2 + (v - math.sqrt(1 / 8)) ** 2 <= 1 / 4)


def _shifted(mask: np.ndarray) -> np.ndarray:
    """The mask at all places, bool [15, 15, 32, 32]: x, then y."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(mask, SHIFT), (SIZE, SIZE))
    return windows[::-1, ::-1].swapaxes(0, 1)
