"""Names beside the rows of a grid of images."""

import math
import pathlib
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont

FONT = pathlib.Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")  # Pillow's own has ASCII alone
LARGEST = 12  # pixels, of the letters
LONGEST = 16  # characters
MARGIN = 4  # pixels


def beside(sheet: np.ndarray, names: Sequence[str], below: str = "") -> np.ndarray:
    """A grid of images with the name of each row before it.

    Args:
        sheet: the grid, uint8 [height, width, channels].
        names: of its rows. One that the font has no letters for is its number.
        below: what stands below the grid.

    Returns:
        The wider picture, uint8 [height', width', channels].
    """
    height, width, channels = sheet.shape
    pitch = height / len(names)
    font = ImageFont.truetype(FONT, min(LARGEST, math.floor(pitch)))
    words = [_short(name, number) for number, name in enumerate(names)]
    left = math.ceil(max(font.getlength(word) for word in words)) + 2 * MARGIN
    right = max(left + width, math.ceil(font.getlength(below)) + 2 * MARGIN)
    bottom = height + (font.size + MARGIN if below else 0)
    canvas = Image.new("L", (right, bottom), 255)
    draw = ImageDraw.Draw(canvas)
    for row, word in enumerate(words):
        draw.text((left - MARGIN, (row + 0.5) * pitch), word, fill=0, font=font, anchor="rm")
    draw.text((MARGIN, bottom - MARGIN), below, fill=0, font=font, anchor="ls")
    picture = np.repeat(np.asarray(canvas)[..., None], channels, axis=-1)
    picture[:height, left : left + width] = sheet
    return picture


def _short(name: str, number: int) -> str:
    """The name in one short line of letters that the font has."""
    word = " ".join(name.split())
    has = FT2Font(FONT).get_char_index
    if not word or not all(has(ord(letter)) for letter in word):
        return str(number)
    return word if len(word) <= LONGEST else f"{word[: LONGEST - 1].rstrip()}…"
