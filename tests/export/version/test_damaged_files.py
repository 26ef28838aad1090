"""Which damaged image files give NaN, and which an ordinary row: the table of docs/serving.md."""

import struct

import numpy as np
import pytest
import tensorflow as tf

from vae_tf.serving import images

SIDE = 28
PICTURE = (np.random.default_rng(0).random((SIDE, SIDE, 1)) * 255).astype(np.uint8)
JPEG = tf.io.encode_jpeg(PICTURE).numpy()
PNG = tf.io.encode_png(PICTURE).numpy()
END = b"\xff\xd9"
START = JPEG.index(b"\xff\xda") + 14  # of the coded pixels
FRAME = JPEG.index(b"\xff\xc0") + 5  # the height and the width


def claiming(side: int) -> bytes:
    return JPEG[:FRAME] + struct.pack(">HH", side, side) + JPEG[FRAME + 4 :]


NAN = {
    "no image": b"not an image",
    "nothing": b"",
    "a PNG file that is cut off": PNG[:-20],
    "a PNG file with another byte": PNG[:60] + bytes([PNG[60] ^ 1]) + PNG[61:],
    "a JPEG file that is cut off": JPEG[: len(JPEG) // 2],
    "a JPEG file without its tables": JPEG[:2] + JPEG[FRAME - 5 :],
    "a JPEG file that claims more than 2^24 pixels": claiming(4_097),
}
ORDINARY = {
    "a JPEG file that is cut off, with an end marker behind": JPEG[: len(JPEG) // 2] + END,
    "a JPEG file with zeros in the place of pixels": JPEG[: START + 20] + bytes(100) + JPEG[START + 120 :],
    "a JPEG file of 28 x 28 pixels that claims 4,096 x 4,096": claiming(4_096),
}


def decoded(file: bytes) -> np.ndarray:
    return images.decoded(tf.constant([file]), (SIDE, SIDE, 1)).numpy()


@pytest.mark.parametrize("case", NAN)
def test_what_the_decoder_refuses_is_nan(case):
    assert np.isnan(decoded(NAN[case])).all()


@pytest.mark.parametrize("case", ORDINARY)
def test_what_the_decoder_takes_is_a_picture_all_the_same(case):
    found = decoded(ORDINARY[case])
    assert np.isfinite(found).all()
    assert not np.array_equal(found, decoded(JPEG))
