"""Warm-up requests: what the server answers to itself before it says that a version is available.

The file is a TFRecord of `tensorflow_serving.PredictionLog` messages. Their few fields are written here, because the
package that defines them is not needed for anything else that an export does.
"""

import pathlib
from collections.abc import Iterator

import tensorflow as tf

from vae_tf.serving import contract, images

PATH = "assets.extra/tf_serving_warmup_requests"  # in a version
MOST = 1_000  # requests that the server takes
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)  # that the server pads requests to


def write(path: pathlib.Path, name: str, interfaces: dict[str, contract.Interface]) -> None:
    """Writes a request of each signature at each batch size; all of their values are zeros, or pictures of zeros.

    Args:
        path: the file.
        name: the model's, in the server's URLs.
        interfaces: those of the signatures.
    """
    with tf.io.TFRecordWriter(str(path)) as file:
        for request in requests(name, interfaces):
            file.write(request)


def requests(name: str, interfaces: dict[str, contract.Interface]) -> Iterator[bytes]:
    """The serialised `PredictionLog`s, smaller batches first."""
    for size in BATCH_SIZES:
        for signature, interface in interfaces.items():
            inputs = {key: _tensor(spec, size) for key, spec in interface.inputs.items()}
            # message ModelSpec { string name = 1; string signature_name = 3; }
            model_spec = _field(1, name.encode()) + _field(3, signature.encode())
            # message PredictRequest { ModelSpec model_spec = 1; map<string, TensorProto> inputs = 2; }
            entries = [_field(1, key.encode()) + _field(2, tensor) for key, tensor in inputs.items()]
            request = _field(1, model_spec) + b"".join(_field(2, entry) for entry in entries)
            # message PredictLog { PredictRequest request = 1; }, message PredictionLog { PredictLog predict_log = 6; }
            yield _field(6, _field(1, request))


def is_request(record: bytes) -> bool:
    """Whether a record is a `PredictionLog` of a `PredictLog`."""
    return record.startswith(_varint(6 << 3 | 2)) and len(record) > 2


def _tensor(spec: tf.TensorSpec, size: int) -> bytes:
    """A serialised TensorProto [size, *] of one value, which it holds once."""
    value = images.encoded(tf.zeros([1, 1, 1, 1])).numpy()[0] if spec.dtype == tf.string else 0
    shape = [size, *spec.shape[1:]]
    return tf.make_tensor_proto(value, spec.dtype, shape).SerializeToString()


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field of a protocol buffer."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """An unsigned integer, seven bits a byte, the lowest first."""
    *most, last = (value >> shift & 0x7F for shift in range(0, max(1, value.bit_length()), 7))
    return bytes([*(byte | 0x80 for byte in most), last])
