"""Image files into and out of a graph."""

from collections.abc import Sequence

import tensorflow as tf

MOST_PIXELS = 2**24  # of a file that is decoded: 4,096 x 4,096
PNG, JPEG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xd8\xff"  # how their files begin
PNG_END, JPEG_END = b"IEND\xaeB`\x82", b"\xff\xd9"
JPEG_SCAN = 0xDA  # the segment of the pixels


def encoded(images: tf.Tensor) -> tf.Tensor:
    """PNG files, string [B], of images, float32 [B, H, W, 1 or 3] in [0, 1]; an empty one where a value is NaN."""
    pixels = tf.cast(tf.round(255 * tf.clip_by_value(images, 0.0, 1.0)), tf.uint8)
    has_nan = tf.reduce_any(tf.math.is_nan(images), axis=[1, 2, 3])
    return tf.where(has_nan, "", tf.io.encode_png(pixels))


def decoded(files: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    """Images, float32 [B, *shape] in [0, 1], of PNG and JPEG files, string [B].

    A file of another size is resized. Where the header is that of neither, or claims more than `MOST_PIXELS`, or the
    file has no end, nothing is decoded and the row is NaN. What is damaged in between raises, as TensorFlow's decoders
    do.
    """
    *size, channels = shape

    def read(file: tf.Tensor) -> tf.Tensor:
        image = tf.io.decode_image(file, channels, expand_animations=False)
        image = tf.cast(tf.ensure_shape(image, [None, None, channels]), tf.float32) / 255
        is_right = tf.reduce_all(tf.shape(image)[:2] == size)
        return tf.cond(is_right, lambda: image, lambda: tf.image.resize(image, size, antialias=True))

    def row(file: tf.Tensor) -> tf.Tensor:
        pixels = _pixels(file)
        is_fit = (pixels > 0) & (pixels <= MOST_PIXELS)
        nothing = lambda: tf.fill(shape, float("nan"))  # noqa: E731
        return tf.ensure_shape(tf.cond(is_fit, lambda: read(file), nothing), shape)

    return tf.map_fn(row, files, fn_output_signature=tf.TensorSpec(shape, tf.float32))


def _pixels(file: tf.Tensor) -> tf.Tensor:
    """The height times the width that the header of a file claims, int64; 0 where it is no whole PNG or JPEG."""
    head = tf.strings.substr(tf.strings.join([file, "\0" * 24]), 0, 24)

    def of_png() -> tf.Tensor:
        size = tf.io.decode_raw(tf.strings.substr(head, len(PNG), 8), tf.int32, little_endian=False)
        return tf.reduce_prod(tf.cast(tf.maximum(size, 0), tf.int64))  # above 2^31, which no PNG is, it is negative

    def of_jpeg() -> tf.Tensor:
        return tf.reduce_prod(tf.image.extract_jpeg_shape(file, tf.int64)[:2])

    nothing = lambda: tf.zeros([], tf.int64)  # noqa: E731
    return tf.case(
        [
            (_begins(head, PNG), lambda: tf.cond(_is_whole_png(file), of_png, nothing)),
            (_begins(head, JPEG), lambda: tf.cond(_is_whole_jpeg(file), of_jpeg, nothing)),
        ],
        default=nothing,
    )


def _begins(head: tf.Tensor, magic: bytes) -> tf.Tensor:
    return tf.strings.substr(head, 0, len(magic)) == magic


def _is_whole_png(file: tf.Tensor) -> tf.Tensor:
    """Whether the mark of the end is there: last, or before what somebody has added."""
    last = tf.strings.substr(tf.strings.join(["\0" * len(PNG_END), file]), -len(PNG_END), len(PNG_END))

    def is_inside() -> tf.Tensor:
        content = tf.io.decode_raw(tf.strings.join([file, "\0" * len(PNG_END)]), tf.uint8)
        places = tf.size(content) - len(PNG_END)
        matches = [content[offset : places + offset] == byte for offset, byte in enumerate(PNG_END)]
        return tf.reduce_any(tf.reduce_all(matches, axis=0))

    return tf.cond(last == PNG_END, lambda: tf.constant(True), is_inside)


def _is_whole_jpeg(file: tf.Tensor) -> tf.Tensor:
    """Whether the mark of the end follows the start of the scan: a thumbnail before it has an end of its own."""
    content = tf.io.decode_raw(tf.strings.join([file, "\0" * 4]), tf.uint8)
    size = tf.size(content) - 4

    def kind(segment: tf.Tensor) -> tf.Tensor:
        return content[tf.minimum(segment + 1, size)]

    def is_header(segment: tf.Tensor) -> tf.Tensor:
        return (segment < size) & (kind(segment) != JPEG_SCAN)

    def following(segment: tf.Tensor) -> list[tf.Tensor]:
        high, low = tf.unstack(tf.cast(content[segment + 2 : segment + 4], tf.int32), num=2)
        return [segment + 2 + 256 * high + low]

    (scan,) = tf.while_loop(is_header, following, [tf.constant(2)])
    rest = content[scan:]
    has_end = tf.reduce_any((rest[:-1] == JPEG_END[0]) & (rest[1:] == JPEG_END[1]))
    return (kind(scan) == JPEG_SCAN) & has_end
