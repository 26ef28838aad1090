"""gRPC when things go wrong, on the official stubs; and tensors as servers may write them."""

import contextlib
import pathlib
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


def tensor(sizes, **values) -> tensor_pb2.TensorProto:
    shape = {"dim": [{"size": size} for size in sizes]}
    return tensor_pb2.TensorProto(dtype=1, tensor_shape=shape, **values)


@contextlib.contextmanager
def answering(*answers, heard=None, tls=None):
    """A server that tells what is served, and gives these answers to predictions, the last again and again."""
    asked = []

    class Predictions(prediction_service_pb2_grpc.PredictionServiceServicer):
        def GetModelMetadata(self, request, context):
            self.hear(context)
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
            self.hear(context)
            answer = answers[min(len(asked), len(answers)) - 1]
            if answer == "be silent":
                time.sleep(3)
            elif isinstance(answer, grpc.StatusCode):
                context.abort(answer, "as it is")
            response = predict_pb2.PredictResponse()
            response.outputs["mean"].CopyFrom(answer)
            return response

        def hear(self, context):
            if heard is not None:
                heard.extend(context.invocation_metadata())

    server = grpc.server(futures.ThreadPoolExecutor(2), options=[("grpc.max_receive_message_length", -1)])
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Predictions(), server)
    if tls is None:
        port = server.add_insecure_port("localhost:0")
    else:
        pair = (pathlib.Path(tls.key).read_bytes(), pathlib.Path(tls.file).read_bytes())
        port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([pair]))
    server.start()
    try:
        yield f"grpc{'' if tls is None else 's'}://localhost:{port}", asked
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
    with answering(answer) as (url, _), Client(url, "digits", timeout=60, batch_size=rows) as client:
        assert client.decode(np.zeros([rows, 2])).shape == (rows, 2)


def test_an_answer_that_is_larger_than_it_can_be_is_not_received():
    answer = tensor([1, 2], tensor_content=bytes(5_000_000))
    with (
        answering(answer) as (url, _),
        Client(url, "digits", retries=0) as client,
        pytest.raises(ServerError, match="larger than max"),
    ):
        client.decode(CODES)


@pytest.mark.parametrize(
    "written",
    [
        tensor([2, 500_000_000]),  # 4 GB of what it does not hold
        tensor([500_000_000, 2]),
        tensor([1, 3], float_val=[1.0]),
        tensor([1], float_val=[1.0]),
        tensor([-1, 2], float_val=[1.0]),
        tensor([1, 2], tensor_content=b"12345"),
        tensor([1, 2], float_val=[1.0, 2.0, 3.0]),
        tf.make_tensor_proto(np.int32([[1, 2]])),
        tf.make_tensor_proto(np.float64([[1, 2]])),
        tf.make_tensor_proto([["a", "b"]]),
    ],
    ids=lambda written: f"{written.dtype} {[dim.size for dim in written.tensor_shape.dim]}",
)
def test_a_tensor_of_another_type_or_shape_is_refused(written):
    with (
        answering(written) as (url, _),
        Client(url, "digits") as client,
        pytest.raises(ServerError, match="the answer of decode cannot be understood: "),
    ):
        client.decode(CODES)


def test_a_server_whose_threads_are_all_at_work_is_asked_again():
    full = grpc.StatusCode.RESOURCE_EXHAUSTED
    with answering(full, full, MEAN) as (url, asked), Client(url, "digits") as client:
        assert client.decode(CODES).tolist() == [[1.0, 2.0]]
        assert len(asked) == 3
    with answering(full) as (url, _), Client(url, "digits", retries=1) as client, pytest.raises(ConnectionError):
        client.decode(CODES)


def test_headers_and_a_token_are_sent():
    heard = []
    with (
        answering(MEAN, heard=heard) as (url, _),
        Client(url, "digits", headers={"X-Team": "a"}, token="secret") as client,
    ):
        client.decode(CODES)
    assert [(name, value) for name, value in heard if name in ("x-team", "authorization")] == [
        ("x-team", "a"),
        ("authorization", "Bearer secret"),
    ] * 2


def test_proxies_of_the_environment_are_not_used(monkeypatch, port):
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, f"http://localhost:{port()}")
    monkeypatch.setenv("no_grpc_proxy", "nowhere")
    monkeypatch.setenv("no_proxy", "nowhere")
    with answering(MEAN) as (url, _), Client(url, "digits", retries=0) as client:
        assert client.decode(CODES).tolist() == [[1.0, 2.0]]


def test_a_certificate_of_ones_own_is_believed_if_it_is_named(certificate):
    with answering(MEAN, tls=certificate) as (url, asked):
        with Client(url, "digits", retries=0, timeout=5) as client, pytest.raises((ConnectionError, TimeoutError)):
            client.decode(CODES)
        with Client(url, "digits", ca_file=certificate.file, token="secret") as client:
            assert client.decode(CODES).tolist() == [[1.0, 2.0]]
        assert len(asked) == 1


def test_metadata_that_are_none_are_said(monkeypatch):
    from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataResponse

    response = GetModelMetadataResponse()
    response.metadata["signature_def"].value = b"\xff"
    with answering(MEAN) as (url, _), Client(url, "digits") as client:
        monkeypatch.setattr(client._transport, "_ask", lambda *_: response)
        with pytest.raises(ServerError, match="the metadata of digits cannot be understood: "):
            client.decode(CODES)


@contextlib.contextmanager
def speaking(answer):
    """A server that gives what a function of a method's name and its context gives, bytes that may be no message."""

    class Handler(grpc.GenericRpcHandler):
        def service(self, details):
            return grpc.unary_unary_rpc_method_handler(lambda request, context: answer(details.method, context))

    server = grpc.server(futures.ThreadPoolExecutor(2), handlers=[Handler()])
    port = server.add_insecure_port("localhost:0")
    server.start()
    try:
        yield f"grpc://localhost:{port}"
    finally:
        server.stop(None)


def test_an_answer_that_is_compressed_is_not_unpacked():
    def answer(method, context):
        context.set_compression(grpc.Compression.Gzip)
        return bytes(10**8)

    compressed = pytest.raises(ServerError, match=r"(?i)compression algorithm.*gzip")
    with speaking(answer) as url, Client(url, "digits", timeout=30) as client, compressed:
        client.decode(CODES)


def test_a_signature_of_many_values_makes_no_few_bytes_many():
    values = 200_000_000

    def answer(method, context):
        if method.endswith("Predict"):
            return predict_pb2.PredictResponse(outputs={"mean": tensor([1, values])}).SerializeToString()
        definitions = get_model_metadata_pb2.SignatureDefMap()
        decode = definitions.signature_def["decode"]
        for named, size in ((decode.inputs["z"], 2), (decode.outputs["mean"], values)):
            named.dtype = 1
            named.tensor_shape.dim.add(size=-1)
            named.tensor_shape.dim.add(size=size)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.metadata["signature_def"].Pack(definitions)
        return response.SerializeToString()

    short = pytest.raises(ServerError, match=r"a tensor of shape \[1, 200000000\] with 0 values")
    with speaking(answer) as url, Client(url, "digits") as client, short:
        client.decode(CODES)
