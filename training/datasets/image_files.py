"""One image file: its header, and its pixels as a model sees them."""

import pathlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from PIL import Image

from vae_tf import serving

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
FORMATS = ("PNG", "JPEG", "WEBP", "BMP")  # whatever the suffix says; Pillow tries no other
GREY = ("1", "L", "LA")
DEEP = ("I", "F")  # 16 or 32 bits a pixel, which a conversion would clip
MOST_PIXELS = 2**26  # of a file: photographs of 24 to 50 million pixels are more than a served model takes
ROWS = 2**18  # pixels whose transparency is taken out together
ORIENTATION = 0x0112  # the tag in EXIF
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class BadImageError(ValueError):
    """A file that cannot be used, and why."""


class Header(NamedTuple):
    """What a file says of its image before anything is decoded; the size is that after its orientation is applied."""

    path: pathlib.Path
    width: int
    height: int
    is_grey: bool


def header(path: pathlib.Path) -> Header:
    """Reads the header alone.

    Raises:
        BadImageError: for a file that is no PNG, JPEG, WebP or BMP, has more than 8 bits a channel, or too many pixels.
    """
    with _opened(path) as image:
        width, height = image.size
        if _orientation(image) >= 5:
            width, height = height, width
        return Header(path, width, height, image.mode in GREY)


def pixels(path: pathlib.Path, is_grey: bool, size: int | None = None) -> np.ndarray:
    """The upright image on white, uint8 [height, width, 1 or 3].

    Args:
        path: the file.
        is_grey: whether it becomes grey or RGB.
        size: where given, the largest square in the middle becomes `size` x `size` pixels.

    Raises:
        BadImageError: as `header`, and for a file that is damaged.
    """
    with _opened(path) as image:
        if size is not None and image.width * image.height > serving.images.MOST_PIXELS:
            image.draft(None, (image.width // 2, image.height // 2))  # a JPEG is decoded at half its size
        turn = TURNS.get(_orientation(image))
        upright = _on_white(image, is_grey)
    del image  # what was decoded
    if turn is not None:
        upright = upright.transpose(turn)
    if size is not None:
        side = min(upright.size)
        left, top = (upright.width - side) // 2, (upright.height - side) // 2
        square = upright.crop((left, top, left + side, top + side))
        upright = square.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(upright).reshape(upright.height, upright.width, -1)


@contextmanager
def _opened(path: pathlib.Path) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of what is odd in a file and harmless
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                if image.mode.startswith(DEEP):
                    raise BadImageError(f"it has pixels of mode {image.mode}, more than 8 bits a channel")
                if image.width * image.height > MOST_PIXELS:
                    raise BadImageError(
                        f"{image.width} x {image.height} pixels are more than {MOST_PIXELS // 10**6} million"
                    )
                yield image
    except BadImageError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise BadImageError(f"it has more than {MOST_PIXELS // 10**6} million pixels") from error
    except Image.UnidentifiedImageError as error:
        raise BadImageError("it is no PNG, JPEG, WebP or BMP file") from error
    except Exception as error:  # on damaged files Pillow raises whatever its decoders meet
        raise BadImageError(f"it is damaged: {error}") from error


def _orientation(image: Image.Image) -> int:
    """The orientation, 1 to 8, that the EXIF before the pixels asks for; 1 where it asks for none."""
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif", b""))
        orientation = exif.get(ORIENTATION)
    except Exception:  # a remark that cannot be read is none
        return 1
    return orientation if orientation in TURNS else 1


def _on_white(image: Image.Image, is_grey: bool) -> Image.Image:
    """The image without its transparency: round((alpha x + (255 - alpha) 255) / 255)."""
    mode = "L" if is_grey else "RGB"
    if not image.has_transparency_data:
        image.load()
        return image if image.mode == mode else image.convert(mode)
    opaque = Image.new(mode, image.size)
    rows = max(1, ROWS // image.width)
    for top in range(0, image.height, rows):
        part = image.crop((0, top, image.width, min(top + rows, image.height)))
        values = np.asarray(part.convert("LA" if is_grey else "RGBA"), np.uint16)
        alpha = values[..., -1:]
        mixed = ((alpha * values[..., :-1] + (255 - alpha) * 255 + 127) // 255).astype(np.uint8)
        opaque.paste(Image.fromarray(mixed.squeeze(-1) if is_grey else mixed), (0, top))
    return opaque
