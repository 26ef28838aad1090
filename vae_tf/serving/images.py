"""Image files into and out of a graph."""

from collections.abc import Sequence

import tensorflow as tf

MOST_PIXELS = 2**24  # of a file that is decoded: 4,096 x 4,096
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"  # how its files begin; the width and the height follow
JPEG = b"\xff\xd8\xff"


def encoded(images: tf.Tensor) -> tf.Tensor:
    """PNG files, string [B], of images, float32 [B, H, W, 1 or 3] in [0, 1]; an empty one where a value is NaN."""
    pixels = tf.cast(tf.round(255 * tf.clip_by_value(images, 0.0, 1.0)), tf.uint8)
    has_nan = tf.reduce_any(tf.math.is_nan(images), axis=[1, 2, 3])
    return tf.where(has_nan, "", tf.io.encode_png(pixels))


def decoded(files: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    """Images, float32 [B, *shape] in [0, 1], of PNG and JPEG files, string [B].

    A file of another size is resized. The row is NaN where a file is neither, is damaged, or has a header that claims
    more than `MOST_PIXELS`, of which nothing is decoded.
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
        image = tf.io.decode_image(file, channels, expand_animations=False)
    image = tf.cast(tf.ensure_shape(image, [None, None, channels]), tf.float32) / 255
    is_right = tf.reduce_all(tf.shape(image)[:2] == size)
    image = tf.cond(is_right, lambda: image, lambda: tf.image.resize(image, size, antialias=True))
    return tf.ensure_shape(image, shape)


def _pixels(file: tf.Tensor) -> tf.Tensor:
    """The height times the width that the header of a PNG or JPEG file claims, int64; raises where it is neither."""

    def of_png() -> tf.Tensor:
        return tf.io.decode_raw(tf.strings.substr(file, len(PNG), 8), tf.int32, little_endian=False)

    def of_jpeg() -> tf.Tensor:
        with tf.control_dependencies([tf.debugging.assert_equal(tf.strings.substr(file, 0, len(JPEG)), JPEG)]):
            return tf.image.extract_jpeg_shape(file)[:2]

    size = tf.cond(tf.strings.substr(file, 0, len(PNG)) == PNG, of_png, of_jpeg)
    return tf.reduce_prod(tf.cast(size, tf.int64))
