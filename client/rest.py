"""TF Serving's REST interface."""

import base64
import http
import json
from typing import Any

import numpy as np
import urllib3

from vae_tf_client.errors import ServerError, late
from vae_tf_client.signature import TYPES, Arrays, Signature, Spec

BUSY = (http.HTTPStatus.TOO_MANY_REQUESTS, http.HTTPStatus.BAD_GATEWAY, http.HTTPStatus.SERVICE_UNAVAILABLE)
THREADS = 64  # that may have a connection each, kept open
BACKOFF = 0.1  # seconds; the first retry comes at once, and waits double from 0.2 on


class Rest:
    """A model at a REST interface.

    Args:
        url: of the server, such as http://localhost:8501.
        path: of the model there, such as /v1/models/digits/labels/stable.
        timeout: seconds to wait for a connection, and for the server's next byte.
        retries: of what is safe to send again: a connection that fails, a server that has no room.
    """

    def __init__(self, url: str, path: str, timeout: float, retries: int):
        self._url, self._model = url, url + path
        self._pool = urllib3.PoolManager(
            maxsize=THREADS,
            timeout=timeout,
            retries=_Retry(
                retries,
                status_forcelist=BUSY,
                allowed_methods=None,
                raise_on_status=False,
                backoff_factor=BACKOFF,
                respect_retry_after_header=False,  # which may ask for hours
            ),
        )

    def signatures(self) -> dict[str, Signature]:
        """The signatures that are served, by name."""
        metadata = self._ask("GET", f"{self._model}/metadata", "metadata")
        signatures = metadata["signature_def"]["signature_def"]
        return {
            name: Signature(_specs(signature["inputs"]), _specs(signature["outputs"]))
            for name, signature in signatures.items()
            if not name.startswith("__")  # the graph's initialisation
        }

    def predict(self, name: str, signature: Signature, inputs: Arrays) -> Arrays:
        """What a signature gives for inputs that are as it takes them."""
        # In rows: of these the server writes each on one line, while columns get a line for every number.
        rows = zip(*(_values(array) for array in inputs.values()), strict=True)
        body = {"signature_name": name, "instances": [dict(zip(inputs, row, strict=True)) for row in rows]}
        words = json.dumps(body, separators=(",", ":")).encode()
        columns = _columns(self._ask("POST", f"{self._model}:predict", "predictions", words), [*signature.outputs])
        return {key: _array(signature.outputs[key], values) for key, values in columns.items()}

    def close(self) -> None:
        """Closes the connections."""
        self._pool.clear()

    def _ask(self, method: str, url: str, part: str, body: bytes | None = None) -> Any:
        """A part of the answer."""
        try:
            answer = self._pool.request(method, url, body=body)
        except urllib3.exceptions.TimeoutError:
            raise TimeoutError(late(self._url)) from None
        except urllib3.exceptions.HTTPError as error:
            reason = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
            raise ConnectionError(f"{self._url} cannot be reached: {reason}") from None
        if answer.status in BUSY:
            raise ConnectionError(f"{self._url} has no room now: {_message(answer.data)} ({answer.status})")
        if answer.status != http.HTTPStatus.OK:
            raise ServerError(_message(answer.data), answer.status)
        try:
            return json.loads(answer.data)[part]
        except (ValueError, KeyError, TypeError):
            raise ServerError(f"{url} answered no {part}: {_message(answer.data)}", answer.status) from None


class _Retry(urllib3.Retry):
    """Tries again what failed at once, but not what ran out of time, which would take as long again."""

    def increment(self, method=None, url=None, response=None, error=None, _pool=None, _stacktrace=None):
        was_refused = isinstance(error, urllib3.exceptions.NewConnectionError)  # a kind of ConnectTimeoutError there
        if isinstance(error, urllib3.exceptions.TimeoutError) and not was_refused:
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)


def _message(body: bytes) -> str:
    """The server's own words; those of a proxy before it are cut short."""
    try:
        message = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        message = None
    return message if isinstance(message, str) else body[:200].decode(errors="replace")


def _specs(tensors: dict[str, Any]) -> dict[str, Spec]:
    return {name: Spec(TYPES[tensor["dtype"]], _shape(tensor["tensor_shape"])) for name, tensor in tensors.items()}


def _shape(shape: dict[str, Any]) -> tuple[int | None, ...]:
    sizes = [int(dim["size"]) for dim in shape["dim"]]
    return tuple(None if size < 0 else size for size in sizes)


def _values(array: np.ndarray) -> list:
    if array.dtype == object:
        return [{"b64": base64.b64encode(file).decode()} for file in array]
    return array.tolist()


def _columns(rows: list, names: list[str]) -> dict[str, list]:
    """The values of each output that all rows have; a single output comes without its name."""
    if len(names) == 1:
        return {names[0]: rows}
    return {name: [row[name] for row in rows] for name in names if all(name in row for row in rows)}


def _array(spec: Spec, values: list) -> np.ndarray:
    if spec.type.dtype == object:
        array = np.empty(len(values), object)
        array[:] = [base64.b64decode(value["b64"]) for value in values]
        return array
    return np.array(values, spec.type.dtype)
