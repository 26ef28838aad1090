"""TF Serving's gRPC interface."""

import json
import math

import grpc
import numpy as np
from google.protobuf.message import DecodeError

from vae_tf_client import messages
from vae_tf_client.errors import ServerError, late
from vae_tf_client.signature import BY_NUMBER, TYPES, Arrays, Signature, Spec

SERVICE = "tensorflow.serving.PredictionService"
MOST_ATTEMPTS = 5  # that gRPC makes, whatever it is asked for


class Rpc:
    """A model at a gRPC interface.

    Args:
        address: of the server, such as localhost:8500.
        is_secure: whether it is spoken to through TLS.
        model: its ModelSpec's fields: name, and version or version_label.
        timeout: seconds that an answer may take, with its retries.
        retries: of what is safe to send again: a connection that fails, a server that has no room; gRPC makes 4.
    """

    def __init__(self, address: str, is_secure: bool, model: dict, timeout: float, retries: int):
        self._address, self._model, self._timeout = address, model, timeout
        options: list[tuple[str, int | str]] = [
            ("grpc.max_receive_message_length", -1),  # 4 MB otherwise
            ("grpc.enable_retries", int(retries > 0)),
        ]
        if retries > 0:
            options.append(("grpc.service_config", json.dumps(_service_config(retries))))
        if is_secure:
            self._channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(), options)
        else:
            self._channel = grpc.insecure_channel(address, options)
        self._predict = self._method("Predict", messages.PredictResponse)
        self._metadata = self._method("GetModelMetadata", messages.MetadataResponse)

    def signatures(self) -> dict[str, Signature]:
        """The signatures that are served, by name."""
        request = messages.MetadataRequest(model_spec=self._model, metadata_field=["signature_def"])
        metadata = {named.key: named.value for named in self._ask(self._metadata, request).metadata}
        try:
            definitions = messages.SignatureDefs.FromString(metadata["signature_def"].value).signature_def
        except DecodeError as error:
            raise ValueError(str(error)) from None
        return {
            named.key: Signature(_specs(named.value.inputs), _specs(named.value.outputs))
            for named in definitions
            if not named.key.startswith("__")  # the graph's initialisation
        }

    def predict(self, name: str, signature: Signature, inputs: Arrays) -> Arrays:
        """What a signature gives for inputs that are as it takes them."""
        request = messages.PredictRequest(model_spec={**self._model, "signature_name": name})
        for key, array in inputs.items():
            request.inputs.add(key=key, value=_tensor(signature.inputs[key], array))
        response = self._ask(self._predict, request)
        return {named.key: _array(named.value) for named in response.outputs}

    def close(self) -> None:
        """Closes the connections."""
        self._channel.close()

    def _method(self, name: str, answer):
        return self._channel.unary_unary(
            f"/{SERVICE}/{name}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=answer.FromString,
        )

    def _ask(self, method, request):
        try:
            return method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            code, details = error.code(), error.details()
            if code == grpc.StatusCode.DEADLINE_EXCEEDED:
                raise TimeoutError(late(self._address)) from None
            if code == grpc.StatusCode.UNAVAILABLE:
                message = f"{self._address} cannot be reached, or has no room now: {details}"
                raise ConnectionError(message) from None
            raise ServerError(details, code.name) from None


def _service_config(retries: int) -> dict:
    policy = {
        "maxAttempts": min(retries + 1, MOST_ATTEMPTS),
        "initialBackoff": "0.1s",
        "maxBackoff": "2s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    return {"methodConfig": [{"name": [{"service": SERVICE}], "retryPolicy": policy}]}


def _specs(tensors) -> dict[str, Spec]:
    return {named.key: Spec(BY_NUMBER[named.value.dtype], _shape(named.value.tensor_shape)) for named in tensors}


def _shape(shape) -> tuple[int | None, ...]:
    return tuple(None if dim.size < 0 else dim.size for dim in shape.dim)


def _tensor(spec: Spec, array: np.ndarray):
    tensor = messages.Tensor(dtype=spec.type.number, tensor_shape={"dim": [{"size": size} for size in array.shape]})
    if spec.type == TYPES["DT_STRING"]:
        tensor.string_val.extend(array.tolist())
    else:
        tensor.tensor_content = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
    return tensor


def _array(tensor) -> np.ndarray:
    """The values of a tensor, which are bytes or a list, whose last value stands for all that follow."""
    kind = BY_NUMBER[tensor.dtype]
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, kind.dtype.newbyteorder("<")).reshape(shape).astype(kind.dtype)
    listed = getattr(tensor, kind.field)
    array = np.full(math.prod(shape), listed[-1] if listed else kind.dtype.type(), kind.dtype)
    array[: len(listed)] = listed
    return array.reshape(shape)
