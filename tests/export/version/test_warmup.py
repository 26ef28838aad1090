"""Warm-up requests, read back as the server reads them."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from vae_tf.export.version import contents, runners, warmup
from vae_tf.serving import contract


@pytest.fixture(scope="module")
def logs(exported) -> list[prediction_log_pb2.PredictionLog]:
    records = tf.data.TFRecordDataset(str(exported / warmup.PATH)).as_numpy_iterator()
    return [prediction_log_pb2.PredictionLog.FromString(record) for record in records]


def test_each_signature_is_asked_with_one_row(exported, logs):
    asked = []
    for log in logs:
        request = log.predict_log.request
        assert request.model_spec.name == "model"
        assert {tf.make_ndarray(tensor).shape[0] for tensor in request.inputs.values()} == {1}
        asked.append(request.model_spec.signature_name)
    assert sorted(asked) == sorted(contents.interfaces(exported))


@pytest.mark.parametrize("way", runners.WAYS)
def test_each_request_is_answered(exported, logs, way):
    with runners.WAYS[way](exported) as ask:
        for log in logs:
            request = log.predict_log.request
            inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
            for name, value in ask(request.model_spec.signature_name, inputs).items():
                assert (value != b"").all() if value.dtype == object else np.isfinite(value).all(), name


def test_the_file_stays_small_for_large_images(exported, tmp_path):
    spec = tf.TensorSpec([None, 512, 512, 3], tf.float32)
    warmup.write(tmp_path / "requests", "large", {"reconstruct": contract.Interface({"x": spec}, {})})
    assert (tmp_path / "requests").stat().st_size < 1_000


def test_a_record_is_known_from_another():
    request = next(warmup.requests("model", contract.interfaces(3, (6,), 3)))
    assert warmup.is_request(request)
    assert not warmup.is_request(b"")
    assert not warmup.is_request(b"nothing")
