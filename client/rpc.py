"""TF Serving's gRPC interface."""

import json
import math
import pathlib
import threading
from typing import Any

import grpc
import numpy as np
from google.protobuf.message import DecodeError

from vae_tf_client import messages
from vae_tf_client.address import Address
from vae_tf_client.errors import ServerError, cleaned, late
from vae_tf_client.signature import BY_NUMBER, TYPES, NamedArrays, Signature, Spec

SERVICE = "tensorflow.serving.PredictionService"
BUSY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)  # the latter where its threads are all at work
TOO_LARGE = "larger than max"  # as gRPC itself says of what it does not receive
NUMBER_BYTES = 10  # of an int32 below 0 in a list
MOST_LEFT_OUT = 2**20  # values of a tensor, where TF Serving leaves out none
UNCOMPRESSED = 1  # the first bit; what is compressed would be unpacked whole before it is measured
METADATA_BYTES = 2**22
MOST_ATTEMPTS = 5  # that gRPC makes, whatever it is asked for


class Rpc:
    """A model at a gRPC interface.

    Args:
        where: it is; gRPC tries again at most 4 times.
    """

    def __init__(self, where: Address):
        self._where, self._address = where, where.parts.netloc
        self._model: dict[str, Any] = {"name": where.name}
        self._model |= {} if where.version is None else {"version": {"value": where.version}}
        self._model |= {} if where.label is None else {"version_label": where.label}
        self._lock = threading.Lock()
        self._most = METADATA_BYTES
        self._channels = [self._open()]

    def signatures(self) -> dict[str, Signature]:
        """The signatures that are served, by name."""
        request = messages.MetadataRequest(model_spec=self._model, metadata_field=["signature_def"])
        metadata = {
            named.key: named.value
            for named in self._ask("GetModelMetadata", messages.MetadataResponse, request).metadata
        }
        try:
            definitions = messages.SignatureDefs.FromString(metadata["signature_def"].value).signature_def
        except DecodeError as error:
            raise ValueError(str(error)) from None
        return {
            named.key: Signature(_specs(named.value.inputs), _specs(named.value.outputs))
            for named in definitions
            if not named.key.startswith("__")  # the graph's initialisation
        }

    def predict(self, name: str, signature: Signature, inputs: NamedArrays, file_bytes: int) -> NamedArrays:
        """What a signature gives for inputs that are as it takes them; no file in it is larger than `file_bytes`."""
        rows = len(next(iter(inputs.values())))
        self._take(signature.answer_bytes(rows, NUMBER_BYTES, file_bytes))
        request = messages.PredictRequest(model_spec={**self._model, "signature_name": name})
        for key, array in inputs.items():
            request.inputs.add(key=key, value=_tensor(signature.inputs[key], array))
        response = self._ask("Predict", messages.PredictResponse, request)
        outputs = {named.key: named.value for named in response.outputs}
        return {key: _array(spec, rows, outputs[key]) for key, spec in signature.outputs.items() if key in outputs}

    def close(self) -> None:
        """Closes the connections."""
        for channel in self._channels:
            channel.close()

    def _open(self) -> grpc.Channel:
        where = self._where
        options: list[tuple[str, int | str]] = [
            ("grpc.max_receive_message_length", self._most),
            ("grpc.max_metadata_size", METADATA_BYTES),
            ("grpc.compression_enabled_algorithms_bitset", UNCOMPRESSED),
            ("grpc.enable_http_proxy", 0),  # as over REST
            ("grpc.enable_retries", int(where.retries > 0)),
        ]
        if where.retries > 0:
            options.append(("grpc.service_config", json.dumps(_service_config(where.retries))))
        if where.parts.scheme == "grpc":
            return grpc.insecure_channel(self._address, options)
        roots = None if where.ca_file is None else pathlib.Path(where.ca_file).read_bytes()
        return grpc.secure_channel(self._address, grpc.ssl_channel_credentials(roots), options)

    def _take(self, most: int) -> None:
        """Lets the channel receive messages of so many bytes."""
        with self._lock:
            if most > self._most:
                self._most = 2 ** (most - 1).bit_length()
                self._channels.append(self._open())  # the others may be in use

    def _ask(self, name: str, answer, request):
        method = self._channels[-1].unary_unary(
            f"/{SERVICE}/{name}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        try:
            return method(request, timeout=self._where.timeout, metadata=[*self._where.headers.items()])
        except grpc.RpcError as error:
            code, details = error.code(), cleaned(error.details() or "")
            if code == grpc.StatusCode.DEADLINE_EXCEEDED:
                raise TimeoutError(late(self._address)) from None
            if code in BUSY and TOO_LARGE not in details:
                message = f"{self._address} cannot be reached, or has no room now: {details}"
                raise ConnectionError(message) from None
            raise ServerError(details, code.name) from None


def _service_config(retries: int) -> dict:
    policy = {
        "maxAttempts": min(retries + 1, MOST_ATTEMPTS),
        "initialBackoff": "0.1s",
        "maxBackoff": "2s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": [code.name for code in BUSY],
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


def _array(spec: Spec, rows: int, tensor) -> np.ndarray:
    """The values of a tensor, which are bytes or a list, whose last value stands for all that follow."""
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.dtype != spec.type.number or shape != [rows, *spec.shape[1:]]:
        raise ValueError(f"a tensor of type {tensor.dtype} and shape {shape}, not {spec} of {rows} rows")
    kind = spec.type
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, kind.dtype.newbyteorder("<")).reshape(shape).astype(kind.dtype)
    listed = getattr(tensor, kind.field)
    if math.prod(shape) - len(listed) > MOST_LEFT_OUT:
        raise ValueError(f"a tensor of shape {shape} with {len(listed)} values")
    array = np.full(math.prod(shape), listed[-1] if listed else kind.dtype.type(), kind.dtype)
    array[: len(listed)] = listed
    return array.reshape(shape)
