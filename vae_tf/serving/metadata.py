"""What PNG and JPEG files say of their pixels before these begin, read in a graph."""

from typing import NamedTuple

import tensorflow as tf

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
BLOCKS = 32  # that are looked at: of a file made of millions, no more
LONGEST = 2**16  # bytes of EXIF that are looked at; a JPEG has no more in a block
ORIENTATION = 0x0112  # the tag in EXIF
SHORT = 3  # the type of its value, 2 bytes
# Every file with metadata, and hardly another: a word in any of its bytes (\C), or a PNG's header with alpha.
PATTERN = r"\C*(?:Exif|eXIf|tRNS)\C*|\CPNG\C{21}[\x04\x06]\C*"


class Metadata(NamedTuple):
    """Scalars.

    Attributes:
        orientation: how the image is turned, as the EXIF says, int64 from 1 (upright) to 8.
        is_transparent: whether there is an alpha channel or a transparent colour, bool.
    """

    orientation: tf.Tensor
    is_transparent: tf.Tensor


def has_metadata(file: tf.Tensor) -> tf.Tensor:
    """Whether a file may have other metadata than none, bool: to look is ten times as fast as to read them."""
    return tf.strings.regex_full_match(file, PATTERN)


def metadata(file: tf.Tensor) -> Metadata:
    """The metadata of a PNG or JPEG file, a string scalar; what is damaged in it counts as absent."""
    return tf.cond(tf.strings.substr(file, 0, len(PNG)) == PNG, lambda: _of_png(file), lambda: _of_jpeg(file))


def upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """The image [height, width, channels], turned and mirrored as its orientation asks."""
    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    mirrored = tf.reduce_any(orientation == [2, 3, 6, 7])
    upside_down = tf.reduce_any(orientation == [3, 4, 7, 8])
    image = tf.cond(mirrored, lambda: tf.reverse(image, [1]), lambda: image)
    return tf.cond(upside_down, lambda: tf.reverse(image, [0]), lambda: image)


def _of_png(file: tf.Tensor) -> Metadata:
    """A PNG is chunks: length [4], kind [4], content [length], checksum [4]."""

    def goes_on(at: tf.Tensor, exif: tf.Tensor, is_transparent: tf.Tensor) -> tf.Tensor:
        del exif, is_transparent
        return (at + 8 <= _length(file)) & (_part(file, at + 4, 4) != b"IDAT")

    def chunk(at: tf.Tensor, exif: tf.Tensor, is_transparent: tf.Tensor):
        length = _number(_bytes(_part(file, at, 4)), False)
        kind = _part(file, at + 4, 4)
        exif = tf.where(kind == b"eXIf", _part(file, at + 8, tf.minimum(length, LONGEST)), exif)
        colour = _part(file, at + 8 + 9, 1)  # in the header
        has_alpha = (kind == b"IHDR") & ((colour == b"\x04") | (colour == b"\x06"))
        return at + 12 + length, exif, is_transparent | has_alpha | (kind == b"tRNS")

    begin = (tf.constant(len(PNG), tf.int64), tf.constant(b""), tf.constant(False))
    _, exif, is_transparent = tf.while_loop(goes_on, chunk, begin, maximum_iterations=BLOCKS)
    return Metadata(_orientation(exif), is_transparent)


def _of_jpeg(file: tf.Tensor) -> Metadata:
    """A JPEG is segments: 0xFF, kind [1], length + 2 [2], content [length]; EXIF is the content of one of kind 0xE1."""

    def goes_on(at: tf.Tensor, exif: tf.Tensor) -> tf.Tensor:
        is_segment = (at + 4 <= _length(file)) & (_part(file, at, 1) == b"\xff")
        return is_segment & (_part(file, at + 1, 1) != b"\xda") & (exif == b"")

    def segment(at: tf.Tensor, exif: tf.Tensor):
        kind = _part(file, at + 1, 1)
        length = tf.maximum(_number(_bytes(_part(file, at + 2, 2)), False) - 2, 0)
        is_exif = (kind == b"\xe1") & (_part(file, at + 4, 6) == b"Exif\0\0")
        exif = tf.where(is_exif, _part(file, at + 10, tf.maximum(length - 6, 0)), exif)
        is_filling = kind == b"\xff"  # a marker may have more than one 0xFF before it
        return at + tf.where(is_filling, tf.constant(1, tf.int64), 4 + length), exif

    begin = (tf.constant(2, tf.int64), tf.constant(b""))
    _, exif = tf.while_loop(goes_on, segment, begin, maximum_iterations=BLOCKS)
    return Metadata(_orientation(exif), tf.constant(False))


def _orientation(exif: tf.Tensor) -> tf.Tensor:
    """The orientation, int64 from 1 to 8, of EXIF, a string: a TIFF header, and entries of 12 bytes where it points."""
    is_little = tf.strings.substr(exif, 0, 4) == b"II*\0"
    is_exif = is_little | (tf.strings.substr(exif, 0, 4) == b"MM\0*")
    content = tf.concat([_bytes(exif), tf.zeros([8], tf.int64)], 0)  # so that there are numbers to read at the end
    size = tf.size(content, tf.int64) - 8

    def number(at: tf.Tensor, length: int) -> tf.Tensor:
        at = tf.minimum(at, size)
        return _number(content[at : at + length], is_little)

    first = number(tf.constant(4, tf.int64), 4)
    count = tf.clip_by_value(number(first, 2), 0, tf.maximum((size - first - 2) // 12, 0))
    entries = tf.reshape(content[first + 2 : first + 2 + 12 * count], [-1, 12])
    tag, kind, value = (_number(entries[:, at : at + 2], is_little) for at in (0, 2, 8))
    is_one = is_exif & (tag == ORIENTATION) & (kind == SHORT) & (value >= 1) & (value <= 8)
    return tf.reduce_max(tf.concat([tf.where(is_one, value, 1), tf.ones([1], tf.int64)], 0))


def _length(text: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.strings.length(text), tf.int64)


def _part(text: tf.Tensor, at: tf.Tensor, length) -> tf.Tensor:
    """A part of a string, or what is there of it."""
    return tf.strings.substr(text, tf.minimum(at, _length(text)), tf.cast(length, tf.int64))


def _bytes(text: tf.Tensor) -> tf.Tensor:
    """A string as numbers, int64 [length]."""
    return tf.cast(tf.io.decode_raw(text, tf.uint8), tf.int64)


def _number(digits: tf.Tensor, is_little) -> tf.Tensor:
    """Bytes [..., n] as a number, int64 [...], the lowest first where `is_little`."""
    places = tf.constant(256, tf.int64) ** tf.range(tf.shape(digits, tf.int64)[-1])
    return tf.reduce_sum(digits * tf.where(is_little, places, places[::-1]), axis=-1)
