"""Image files into and out of a graph."""

from collections.abc import Sequence

import tensorflow as tf

from vae_tf.serving.metadata import JPEG, PNG, has_metadata, metadata, upright

MOST_PIXELS = 2**24  # of a file that is decoded: 4,096 x 4,096
HEADER = PNG + b"\0\0\0\rIHDR"  # how PNG files begin; the width and the height follow


def encoded(images: tf.Tensor) -> tf.Tensor:
    """PNG files, string [B], of images, float32 [B, H, W, 1 or 3] in [0, 1]; an empty one where a value is NaN."""
    pixels = tf.cast(tf.round(255 * tf.clip_by_value(images, 0.0, 1.0)), tf.uint8)
    has_nan = tf.reduce_any(tf.math.is_nan(images), axis=[1, 2, 3])
    return tf.where(has_nan, "", tf.io.encode_png(pixels))


def decoded(files: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    """Images, float32 [B, *shape] in [0, 1], of PNG and JPEG files, string [B].

    An image is turned as its EXIF asks, and what is transparent is put on white. Of one of another size, the largest
    part in the middle that has the form of `shape` is resized. The row is NaN where a file is neither, is damaged, or
    has a header that claims more than `MOST_PIXELS`, of which nothing is decoded.
    """
    nan = float("nan")
    count = tf.size(files, tf.int64)
    numbered = tf.data.Dataset.from_tensor_slices(files).enumerate()
    # Nothing else in a graph goes on after an op that has failed.
    read = numbered.map(lambda row, file: (row, _image(file, shape))).ignore_errors()
    last = tf.data.Dataset.from_tensors((count, tf.fill(shape, nan)))  # so that there is one where none could be read
    rows, images = read.concatenate(last).batch(count + 1).get_single_element()
    return tf.tensor_scatter_nd_update(tf.fill([count + 1, *shape], nan), rows[:, None], images)[:-1]


def _image(file: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    """An image, float32 [*shape] in [0, 1], of a PNG or JPEG file; raises where it is neither or claims too much."""
    *size, channels = shape
    with tf.control_dependencies([tf.debugging.assert_less_equal(_pixels(file), tf.constant(MOST_PIXELS, tf.int64))]):
        image = tf.cond(has_metadata(file), lambda: _corrected(file, channels), lambda: _stored(file, channels))
    image = tf.ensure_shape(image, [None, None, channels])
    is_right = tf.reduce_all(tf.shape(image)[:2] == size)
    image = tf.cond(is_right, lambda: _scaled(image), lambda: _resized(image, size))
    return tf.ensure_shape(image, shape)


def _stored(file: tf.Tensor, channels: int) -> tf.Tensor:
    """The pixels of a file, uint8 [height, width, channels]."""
    return tf.io.decode_image(file, channels, expand_animations=False)


def _corrected(file: tf.Tensor, channels: int) -> tf.Tensor:
    """The pixels of a file as its metadata ask for, uint8 [height, width, channels]."""
    about = metadata(file)
    image = tf.cond(
        about.is_transparent,
        lambda: _on_white(tf.io.decode_png(file, 4), channels),
        lambda: _stored(file, channels),
    )
    return upright(image, about.orientation)


def _on_white(image: tf.Tensor, channels: int) -> tf.Tensor:
    """An image of 4 channels without its alpha, uint8: round((alpha x + (255 - alpha) 255) / 255)."""
    values = tf.cast(image, tf.uint16)
    alpha = values[..., 3:]
    mixed = tf.cast((alpha * values[..., :3] + (255 - alpha) * 255 + 127) // 255, tf.uint8)
    return tf.image.rgb_to_grayscale(mixed) if channels == 1 else mixed


def _scaled(image: tf.Tensor) -> tf.Tensor:
    return tf.cast(image, tf.float32) / 255


def _resized(image: tf.Tensor, size: Sequence[int]) -> tf.Tensor:
    """The largest part in the middle of an image [height, width, channels] that has the form of `size`, as large."""
    height, width = tf.unstack(tf.shape(image)[:2])
    rows = tf.clip_by_value(width * size[0] // size[1], 1, height)
    columns = tf.clip_by_value(height * size[1] // size[0], 1, width)
    top, left = (height - rows) // 2, (width - columns) // 2
    return tf.image.resize(_scaled(image[top : top + rows, left : left + columns]), size, antialias=True)


def _pixels(file: tf.Tensor) -> tf.Tensor:
    """The height times the width that the header of a PNG or JPEG file claims, int64; raises where it is neither."""

    def of_png() -> tf.Tensor:
        return tf.io.decode_raw(tf.strings.substr(file, len(HEADER), 8), tf.int32, little_endian=False)

    def of_jpeg() -> tf.Tensor:
        with tf.control_dependencies([tf.debugging.assert_equal(tf.strings.substr(file, 0, len(JPEG)), JPEG)]):
            return tf.image.extract_jpeg_shape(file)[:2]

    size = tf.cond(tf.strings.substr(file, 0, len(HEADER)) == HEADER, of_png, of_jpeg)
    return tf.reduce_prod(tf.cast(size, tf.int64))
