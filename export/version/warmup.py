"""Warm-up requests: what the server answers to itself before it says that a version is available.

The file is a TFRecord of `tensorflow.serving.PredictionLog` messages.
"""

import pathlib
from collections.abc import Iterator

import tensorflow as tf
from google.protobuf.message import DecodeError

from vae_tf.serving import contract, images
from vae_tf_client import messages

PATH = "assets.extra/tf_serving_warmup_requests"  # in a version
MOST = 1_000  # requests that the server takes
ROWS = 1  # of a request: what every setting of batching.config takes; more of them would be answered no sooner


def write(path: pathlib.Path, name: str, interfaces: dict[str, contract.Interface]) -> None:
    """Writes a request of each signature, of one row; all of its values are zeros, or a picture of zeros.

    Args:
        path: the file.
        name: the model's, in the server's URLs.
        interfaces: those of the signatures.
    """
    with tf.io.TFRecordWriter(str(path)) as file:
        for request in requests(name, interfaces):
            file.write(request)


def requests(name: str, interfaces: dict[str, contract.Interface]) -> Iterator[bytes]:
    """The serialised `PredictionLog`s."""
    for signature, interface in interfaces.items():
        request = messages.PredictRequest(model_spec={"name": name, "signature_name": signature})
        for key, spec in interface.inputs.items():
            request.inputs.add(key=key).value.ParseFromString(_tensor(spec))
        yield messages.PredictionLog(predict_log={"request": request}).SerializeToString()


def is_request(record: bytes) -> bool:
    """Whether a record is a `PredictionLog` of a `PredictLog`."""
    try:
        return messages.PredictionLog.FromString(record).HasField("predict_log")
    except DecodeError:
        return False


def _tensor(spec: tf.TensorSpec) -> bytes:
    """A serialised TensorProto [ROWS, *] of one value, which it holds once."""
    value = images.encoded(tf.zeros([1, 1, 1, 1])).numpy()[0] if spec.dtype == tf.string else 0
    shape = [ROWS, *spec.shape[1:]]
    return tf.make_tensor_proto(value, spec.dtype, shape).SerializeToString()
