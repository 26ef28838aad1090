"""What files say of their pixels, as a served graph heeds it, against Pillow."""

import io
import struct
import time
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from vae_tf.serving import images
from vae_tf.serving.metadata import has_metadata, metadata

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 3)).astype(np.uint8)
TURNED = {  # the image whose stored pixels are PIXELS
    1: PIXELS,
    2: PIXELS[:, ::-1],
    3: PIXELS[::-1, ::-1],
    4: PIXELS[::-1],
    5: PIXELS.swapaxes(0, 1),
    6: PIXELS.swapaxes(0, 1)[:, ::-1],
    7: PIXELS.swapaxes(0, 1)[::-1, ::-1],
    8: PIXELS.swapaxes(0, 1)[::-1],
}


def exif(orientation, order="<", kind=3) -> bytes:
    """EXIF of three entries, of which the orientation is the second."""
    entry = struct.pack(f"{order}HHI", 0x0112, kind, 1) + struct.pack(f"{order}H2x", orientation)
    other = struct.pack(f"{order}HHII", 0x0100, 4, 1, 7)
    header = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    return header + struct.pack(f"{order}H", 3) + other + entry + other + bytes(4)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def segment(kind: int, content: bytes) -> bytes:
    return b"\xff" + bytes([kind]) + struct.pack(">H", len(content) + 2) + content


def stored(pixels, kind="PNG", **options) -> bytes:
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, kind, **options)
    return written.getvalue()


def with_exif(file: bytes, content: bytes) -> bytes:
    if file[:4] == b"\x89PNG":
        return file[:33] + chunk(b"eXIf", content) + file[33:]
    return file[:2] + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0") + segment(0xE1, b"Exif\0\0" + content) + file[20:]


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def found(files):
    return tf.map_fn(lambda file: metadata(file).orientation, files, fn_output_signature=tf.int64)


def decoded(files, shape) -> np.ndarray:
    run = tf.function(lambda files: images.decoded(files, shape), input_signature=[tf.TensorSpec([None], tf.string)])
    return 255 * run(tf.constant(files, tf.string)).numpy()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_images_are_upright_as_pillow_makes_them(kind):
    file = stored(PIXELS, kind)
    for orientations in ([1, 2, 3, 4], [5, 6, 7, 8]):
        files = [with_exif(file, exif(number, order)) for order in "<>" for number in orientations]
        upright = np.stack([np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(each)))) for each in files])
        if kind == "PNG":
            np.testing.assert_array_equal(upright, [TURNED[number] for number in 2 * orientations])
        atol = 1e-4 if kind == "PNG" else 4  # two libraries read JPEG, and differ by so much
        np.testing.assert_allclose(decoded(files, upright.shape[1:]), upright, atol=atol)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_orientations_that_are_none_change_nothing(kind):
    file = stored(PIXELS, kind)
    none = [exif(0), exif(9), exif(6, kind=2), b"", exif(6)[:3], b"XX*\0" + exif(6)[4:], exif(6)[:4] + b"\xff" * 4]
    files = [with_exif(file, content) for content in none]
    expected = decoded([file], PIXELS.shape)
    np.testing.assert_array_equal(decoded(files, PIXELS.shape), np.repeat(expected, len(files), axis=0))
    np.testing.assert_array_equal(found(tf.constant(files)), 1)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_exif_that_is_damaged_or_cut_off_anywhere_is_read_or_left_out(kind):
    file, content = stored(PIXELS, kind), exif(6, ">")
    damaged = [
        content[:at] + bytes([content[at] ^ bits]) + content[at + 1 :]
        for at in range(len(content))
        for bits in (1, 255)
    ]
    files = [with_exif(file, each) for each in (*damaged, *(content[:at] for at in range(len(content))))]
    files += [with_exif(file, content)[:at] for at in range(len(file))]
    orientations = found(tf.constant(files)).numpy()
    assert set(orientations) <= set(range(1, 9))
    assert (orientations == 6).any()


def test_words_of_metadata_elsewhere_are_none():
    file = stored(PIXELS)
    remarks = [b"a\0" + b" " * at + word + exif(6) for at in range(10) for word in (b"Exif\0\0", b"eXIf", b"tRNS")]
    others = [file[:33] + chunk(b"tEXt", remark) + file[33:] for remark in remarks]
    assert all(has_metadata(tf.constant(other)) for other in others)
    assert not has_metadata(tf.constant(file))
    expected = np.repeat(decoded([file], PIXELS.shape), len(others), axis=0)
    np.testing.assert_array_equal(decoded(others, PIXELS.shape), expected)


def test_a_file_of_many_segments_is_not_walked_through():
    file = stored(PIXELS, "JPEG")
    many = file[:2] + segment(0xFE, b"") * 300_000 + segment(0xE1, b"Exif\0\0" + exif(6)) + file[2:]
    found(tf.constant([many]))
    begin = time.perf_counter()
    assert found(tf.constant([many])).numpy() == 1
    assert time.perf_counter() - begin < 2  # a walk of 300,000 steps takes 20 s
    marks = file[:2] + b"\xff" * 5 + segment(0xE1, b"Exif\0\0" + exif(6)) + file[2:]
    assert found(tf.constant([marks])).numpy() == 6


TRANSPARENT = np.stack(
    [PIXELS[..., 0], PIXELS[..., 1], PIXELS[..., 2], np.linspace(0, 255, 30).reshape(6, 5)], -1
).astype(np.uint8)


def on_white(pixels: np.ndarray) -> np.ndarray:
    share = pixels[..., 3:] / 255
    return np.round(share * pixels[..., :3] + (1 - share) * 255)


def test_transparency_is_on_white():
    opaque = TRANSPARENT.copy()
    opaque[..., 3] = 255
    found = decoded([stored(TRANSPARENT), stored(opaque), stored(PIXELS)], PIXELS.shape)
    np.testing.assert_allclose(found, [on_white(TRANSPARENT), PIXELS, PIXELS], atol=1e-4)


def test_transparent_greys_are_on_white():
    grey = TRANSPARENT[..., [0, 0, 0, 3]]
    files = [stored(grey[..., 2:]), stored(grey)]
    np.testing.assert_allclose(
        decoded(files, (6, 5, 1)), np.repeat(on_white(grey)[None, ..., :1], 2, axis=0), atol=1e-4
    )


def test_a_transparent_colour_is_on_white():
    values = np.uint8([[7, 9]])
    palette = Image.fromarray(values, "P")
    palette.putpalette(range(60))
    written = io.BytesIO()
    palette.save(written, "PNG", transparency=7)
    grey, colours = decoded([stored(values, transparency=7)], (1, 2, 1)), decoded([written.getvalue()], (1, 2, 3))
    np.testing.assert_allclose(grey[0, 0, :, 0], [255, 9], atol=1e-4)
    np.testing.assert_allclose(
        colours[0, 0], np.asarray(palette.convert("RGB"))[0] * [[0], [1]] + [[255], [0]], atol=1e-4
    )


def test_transparency_and_orientation_go_together():
    (image,) = decoded([with_exif(stored(TRANSPARENT), exif(8))], (5, 6, 3))
    np.testing.assert_allclose(image, on_white(TRANSPARENT).swapaxes(0, 1)[::-1], atol=1e-4)
