"""gRPC when things go wrong, on the official stubs; and tensors as servers may write them."""

import contextlib
import time
from concurrent import futures

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc

from vae_tf_client import Client, ServerError

CODES = [[0.0, 0.0]]
MEAN = tf.make_tensor_proto(np.float32([[1.0, 2.0]]))


@contextlib.contextmanager
def answering(*answers):
    """A server that tells what is served, and gives these answers to predictions, the last again and again."""
    asked = []

    class Predictions(prediction_service_pb2_grpc.PredictionServiceServicer):
        def GetModelMetadata(self, request, context):
            definitions = get_model_metadata_pb2.SignatureDefMap()
            decode = definitions.signature_def["decode"]
            for tensor in (decode.inputs["z"], decode.outputs["mean"]):
                tensor.dtype = 1
                tensor.tensor_shape.dim.add(size=-1)
                tensor.tensor_shape.dim.add(size=2)
            definitions.signature_def["__saved_model_init_op"].outputs["op"].dtype = 0
            response = get_model_metadata_pb2.GetModelMetadataResponse()
            response.metadata["signature_def"].Pack(definitions)
            return response

        def Predict(self, request, context):
            asked.append(request)
            answer = answers[min(len(asked), len(answers)) - 1]
            if answer == "be silent":
                time.sleep(3)
            elif isinstance(answer, grpc.StatusCode):
                context.abort(answer, "as it is")
            response = predict_pb2.PredictResponse()
            response.outputs["mean"].CopyFrom(answer)
            return response

    server = grpc.server(futures.ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Predictions(), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    try:
        yield f"grpc://localhost:{port}", asked
    finally:
        server.stop(None)


def test_what_passes_is_tried_again():
    full = grpc.StatusCode.UNAVAILABLE
    with answering(full, full, MEAN) as (url, asked), Client(url, "digits", label="stable") as client:
        assert client.decode(CODES).tolist() == [[1.0, 2.0]]
        assert len(asked) == 3
        assert asked[0].model_spec.name == "digits"
        assert asked[0].model_spec.version_label == "stable"
        assert asked[0].model_spec.signature_name == "decode"


@pytest.mark.parametrize("retries", [0, 1])
def test_what_does_not_pass_is_said(retries):
    with answering(grpc.StatusCode.UNAVAILABLE) as (url, asked), Client(url, "digits", retries=retries) as client:
        with pytest.raises(ConnectionError, match=r"localhost:\d+ cannot be reached, or has no room now: as it is"):
            client.decode(CODES)
        assert len(asked) == retries + 1


def test_what_ran_out_of_time_is_not_sent_again():
    with answering("be silent") as (url, asked), Client(url, "digits", timeout=0.5) as client:
        with pytest.raises(TimeoutError, match="did not answer in time"):
            client.decode(CODES)
        assert len(asked) <= 1


def test_nobody_there_is_said(port):
    with (
        Client(f"grpc://localhost:{port()}", "digits") as client,
        pytest.raises(ConnectionError, match=r"localhost:\d+ cannot be reached"),
    ):
        client.decode(CODES)


def test_a_refusal_is_the_servers_own():
    with answering(grpc.StatusCode.PERMISSION_DENIED) as (url, asked), Client(url, "digits") as client:
        with pytest.raises(ServerError) as refusal:
            client.decode(CODES)
        assert (refusal.value.message, refusal.value.status) == ("as it is", "PERMISSION_DENIED")
        assert len(asked) == 1


def tensor(sizes, **values) -> tensor_pb2.TensorProto:
    shape = {"dim": [{"size": size} for size in sizes]}
    return tensor_pb2.TensorProto(dtype=1, tensor_shape=shape, **values)


@pytest.mark.parametrize(
    "written",
    [
        tensor([1, 2], float_val=[1.0, 2.0]),
        tensor([1, 2], tensor_content=np.float32([1, 2]).tobytes()),
    ],
)
def test_values_are_read_from_a_list_or_bytes(written):
    with answering(written) as (url, _), Client(url, "digits") as client:
        np.testing.assert_array_equal(client.decode(CODES), tf.make_ndarray(written))


@pytest.mark.parametrize("listed", [[], [3.0], [3.0, 4.0]])
def test_the_last_value_of_a_list_stands_for_the_rest(listed):
    written = tensor([1, 2], float_val=listed)
    expected = (listed + listed[-1:] * 2)[:2] or [0.0, 0.0]
    with answering(written) as (url, _), Client(url, "digits") as client:
        np.testing.assert_array_equal(client.decode(CODES), [expected])


def test_an_answer_may_be_large():
    rows = 600_000  # 4.8 MB
    answer = tensor([rows, 2], tensor_content=np.zeros([rows, 2], np.float32).tobytes())
    it_was_read = pytest.raises(ServerError, match="decode gave 600000 rows of mean for 1")
    with answering(answer) as (url, _), Client(url, "digits") as client, it_was_read:
        client.decode(CODES)


def test_metadata_that_are_none_are_said(monkeypatch):
    from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataResponse

    response = GetModelMetadataResponse()
    response.metadata["signature_def"].value = b"\xff"
    with answering(MEAN) as (url, _), Client(url, "digits") as client:
        monkeypatch.setattr(client._transport, "_ask", lambda *_: response)
        with pytest.raises(ServerError, match="the metadata of digits cannot be understood: "):
            client.decode(CODES)
