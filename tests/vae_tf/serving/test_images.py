"""Image files into and out of a graph, against Pillow."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from vae_tf.serving import images

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SHAPES = [(6, 5, 1), (6, 5, 3)]


@pytest.fixture(params=SHAPES, ids=["grey", "colour"])
def pixels(request) -> np.ndarray:
    """Four images, uint8."""
    return np.random.default_rng(0).integers(0, 256, (4, *request.param)).astype(np.uint8)


def file_of(pixels, kind="PNG", **options) -> bytes:
    written = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(written, kind, **options)
    return written.getvalue()


def decoded(files, shape) -> np.ndarray:
    """As in a served function: through a graph."""
    run = tf.function(lambda files: images.decoded(files, shape), input_signature=[tf.TensorSpec([None], tf.string)])
    return run(tf.constant(files, tf.string)).numpy()


def close(images, pixels):
    np.testing.assert_allclose(images, pixels / np.float32(255), atol=1e-6)


def png_header(width, height) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return SIGNATURE + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def jpeg_header(width, height) -> bytes:
    """A good file whose frame claims another size."""
    file = bytearray(file_of(np.zeros((8, 8, 1), np.uint8), "JPEG"))
    at = file.index(b"\xff\xc0")
    file[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(file)


def test_what_is_written_is_the_images(pixels):
    files = images.encoded(tf.constant(pixels / np.float32(255))).numpy()
    for file, image in zip(files, pixels, strict=True):
        with Image.open(io.BytesIO(file)) as found:
            assert found.format == "PNG"
            np.testing.assert_array_equal(np.asarray(found).reshape(image.shape), image)


def test_values_are_cut_to_0_and_1_and_rounded():
    values = tf.constant([-1.0, 0.0, 0.4 / 255, 0.6 / 255, 1.0, 7.0, np.inf, -np.inf])
    (file,) = images.encoded(tf.reshape(values, [1, 2, 4, 1])).numpy()
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(file))).ravel(), [0, 0, 0, 1, 255, 255, 255, 0])


def test_nan_is_an_empty_file_and_its_neighbours_are_whole(pixels):
    values = pixels / np.float32(255)
    right = images.encoded(tf.constant(values)).numpy()
    values[2, 0, 0, 0] = np.nan
    files = images.encoded(tf.constant(values)).numpy()
    assert files.tolist() == [right[0], right[1], b"", right[3]]


def test_png_files_are_read_as_they_are(pixels):
    found = decoded([file_of(image) for image in pixels], pixels.shape[1:])
    close(found, pixels)


def test_jpeg_files_are_read():
    smooth = np.tile(np.linspace(0, 255, 16).astype(np.uint8)[:, None, None], (1, 16, 1))
    (found,) = decoded([file_of(smooth, "JPEG", quality=95)], (16, 16, 1))
    np.testing.assert_allclose(255 * found, smooth, atol=6)


def test_other_channels_become_those_of_the_model():
    colour = np.full((6, 5, 3), (255, 0, 0), np.uint8)
    (grey,) = decoded([file_of(colour)], (6, 5, 1))
    np.testing.assert_allclose(grey, 0.299, atol=0.01)  # the luma of ITU-R BT.601
    (red,) = decoded([file_of(np.full((6, 5, 1), 51, np.uint8))], (6, 5, 3))
    np.testing.assert_allclose(red, 0.2, atol=1e-6)


def test_another_size_is_resized():
    large = np.zeros((12, 10, 1), np.uint8)
    large[:6] = 255
    files = [file_of(large), file_of(np.full((1, 1, 1), 51, np.uint8)), file_of(large[::2, ::2])]
    found = decoded(files, (6, 5, 1))
    np.testing.assert_allclose(found[0, :2], 1, atol=1e-5)
    np.testing.assert_allclose(found[0, 4:], 0, atol=1e-5)
    np.testing.assert_allclose(found[1], 0.2, atol=1e-5)
    close(found[2], large[::2, ::2])


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"no image",
        b"\x89PNG",
        SIGNATURE,
        SIGNATURE + b"\0" * 20,
        SIGNATURE + b"\xff" * 20,
        file_of(np.zeros((6, 5, 1), np.uint8), "GIF"),
        file_of(np.zeros((6, 5, 1), np.uint8), "BMP"),
        png_header(60_000, 60_000),
        png_header(2**31, 2**31),
        png_header(2**31 - 1, 2**31 - 1),
        png_header(2**32 - 1, 2**32 - 1),
        png_header(0, 9),
        jpeg_header(60_000, 60_000),
    ],
)
def test_what_is_no_image_or_claims_too_much_is_nan_in_its_own_row(pixels, file):
    good = [file_of(image) for image in pixels]
    found = decoded([good[0], file, *good[1:]], pixels.shape[1:])
    assert np.isnan(found[1]).all()
    close(np.delete(found, 1, 0), pixels)


def test_the_largest_that_is_read_and_the_smallest_that_is_not():
    at_most = file_of(np.zeros((4_096, 4_096, 1), np.uint8))
    above = file_of(np.zeros((4_097, 4_096, 1), np.uint8))
    found = decoded([at_most, above], (2, 2, 1))
    np.testing.assert_array_equal(found[0], 0)
    assert np.isnan(found[1]).all()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_what_is_cut_off_anywhere_is_nan_in_its_own_row(pixels, kind):
    file = file_of(pixels[0], kind)
    found = decoded([*(file[:length] for length in range(len(file))), file], pixels.shape[1:])
    assert np.isnan(found[:-1]).all()
    assert np.isfinite(found[-1]).all()


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_jpeg_with_a_thumbnail_that_is_cut_off_is_nan(pixels, options):
    thumbnail = file_of(pixels[1], "JPEG")
    exif = b"\xff\xe1" + struct.pack(">H", 8 + len(thumbnail)) + b"Exif\0\0" + thumbnail
    plain = file_of(pixels[0], "JPEG", **options)
    file = plain[:2] + exif + plain[2:]
    found = decoded([*(file[:length] for length in range(len(file))), file, file + b" a remark"], pixels.shape[1:])
    assert np.isnan(found[:-2]).all()
    np.testing.assert_array_equal(found[-2:], decoded([plain] * 2, pixels.shape[1:]))


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_what_somebody_has_added_changes_nothing(pixels, kind):
    file = file_of(pixels[0], kind)
    plain, more = decoded([file, file + b"\0 a remark \xff\0"], pixels.shape[1:])
    np.testing.assert_array_equal(plain, more)


def damaged_anywhere(file) -> list[bytes]:
    """The file with one byte inverted, each in turn."""
    return [file[:at] + bytes([file[at] ^ 0xFF]) + file[at + 1 :] for at in range(len(file))]


def test_a_png_that_is_damaged_anywhere_is_nan_in_its_own_row(pixels):
    file = file_of(pixels[0])
    found = decoded([*damaged_anywhere(file), file], pixels.shape[1:])
    assert np.isnan(found[:-1]).all()
    close(found[-1], pixels[0])


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_jpeg_that_is_damaged_anywhere_harms_no_other(pixels, options):
    file = file_of(pixels[0], "JPEG", **options)
    files = damaged_anywhere(file)
    found = decoded([file, *files, file], pixels.shape[1:])
    is_nan = np.isnan(found).all((1, 2, 3))
    assert is_nan.any()
    np.testing.assert_array_equal(found[[0, -1]], decoded([file, file], pixels.shape[1:]))
    for row, wrong in enumerate(files, 1):  # a JPEG has no checksum: what can be read is read
        assert is_nan[row] or np.isfinite(found[row]).all(), wrong


def test_no_files_are_no_images():
    assert decoded([], (6, 5, 1)).shape == (0, 6, 5, 1)
    assert images.encoded(tf.zeros([0, 6, 5, 1])).shape == (0,)


def test_the_middle_of_another_form_is_resized():
    wide = np.zeros((6, 20, 1), np.uint8)
    wide[:, 7:13] = 90
    found = decoded([file_of(wide), file_of(wide.swapaxes(0, 1))], (6, 6, 1))
    close(found, np.full((2, 6, 6, 1), 90))
    close(decoded([file_of(wide)], (3, 3, 1)), np.full((1, 3, 3, 1), 90))
