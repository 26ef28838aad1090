"""TF Serving's REST interface."""

import base64
import http
import json
import time
import urllib.parse
from typing import Any

import numpy as np
import urllib3

from vae_tf_client import connection
from vae_tf_client.address import Address
from vae_tf_client.errors import ServerError, cleaned, late
from vae_tf_client.signature import TYPES, NamedArrays, Signature, Spec

BUSY = (http.HTTPStatus.TOO_MANY_REQUESTS, http.HTTPStatus.BAD_GATEWAY, http.HTTPStatus.SERVICE_UNAVAILABLE)
NUMBER_BYTES = 64  # of a number, as JSON with what stands between two of them
METADATA_BYTES = 2**22
METADATA_LISTS = 2**16
MOST_BYTES = 2**28  # of an answer: in Python, its values take up to ten times as many
LISTS = 64  # around the values of an answer, at most
BACKOFF = 0.1  # seconds; the first retry comes at once, the next after twice this, then four times ...


class Rest:
    """A model at a REST interface.

    Args:
        where: it is.
    """

    def __init__(self, where: Address):
        path = f"/v1/models/{urllib.parse.quote(where.name, safe='')}"
        path += "" if where.version is None else f"/versions/{where.version}"
        path += "" if where.label is None else f"/labels/{urllib.parse.quote(where.label, safe='')}"
        self._url, self._model, self._timeout = where.url, where.url + path, where.timeout
        self._headers, self._retries = where.headers, where.retries
        self._pool = connection.pool(where.ca_file)

    def signatures(self) -> dict[str, Signature]:
        """The signatures that are served, by name."""
        metadata = self._ask("GET", f"{self._model}/metadata", "metadata", METADATA_BYTES, METADATA_LISTS)
        signatures = metadata["signature_def"]["signature_def"]
        return {
            name: Signature(_specs(signature["inputs"]), _specs(signature["outputs"]))
            for name, signature in signatures.items()
            if not name.startswith("__")  # the graph's initialisation
        }

    def predict(self, name: str, signature: Signature, inputs: NamedArrays, file_bytes: int) -> NamedArrays:
        """What a signature gives for inputs that are as it takes them; no file in it is larger than `file_bytes`."""
        count = len(next(iter(inputs.values())))
        most = min(MOST_BYTES, signature.answer_bytes(count, NUMBER_BYTES, 2 * file_bytes))
        lists = LISTS + signature.answer_lists(count)
        # In rows: of these the server writes each on one line, while columns get a line for every number.
        rows = zip(*(_values(array) for array in inputs.values()), strict=True)
        body = {"signature_name": name, "instances": [dict(zip(inputs, row, strict=True)) for row in rows]}
        words = json.dumps(body, separators=(",", ":")).encode()
        rows_of = self._ask("POST", f"{self._model}:predict", "predictions", most, lists, words)
        columns = _columns(rows_of, [*signature.outputs])
        return {key: _array(signature.outputs[key], values) for key, values in columns.items()}

    def close(self) -> None:
        """Closes the connections."""
        self._pool.clear()

    def _ask(self, method: str, url: str, part: str, most: int, lists: int, body: bytes | None = None) -> Any:
        """A part of the answer, which has at most so many bytes, and lists or objects."""
        end, attempt = time.monotonic() + self._timeout, 0
        while True:
            try:
                return self._ask_once(method, url, part, most, lists, body, end - time.monotonic())
            except ConnectionError:
                wait = BACKOFF * 2**attempt if attempt else 0
                if attempt == self._retries or time.monotonic() + wait >= end:
                    raise
            time.sleep(wait)
            attempt += 1

    def _ask_once(
        self, method: str, url: str, part: str, most: int, lists: int, body: bytes | None, seconds: float
    ) -> Any:
        try:
            with self._pool.request(
                method,
                url,
                body=body,
                headers=self._headers,
                timeout=urllib3.Timeout(total=seconds),
                redirect=False,
                preload_content=False,
            ) as answer:
                content = answer.read(most + 1, decode_content=False)
        except urllib3.exceptions.NewConnectionError as error:  # a kind of ConnectTimeoutError there
            raise ConnectionError(f"{self._url} cannot be reached: {cleaned(str(error))}") from None
        except urllib3.exceptions.TimeoutError:
            raise TimeoutError(late(self._url)) from None
        except urllib3.exceptions.HTTPError as error:
            if any(isinstance(cause, TimeoutError) for cause in error.args):  # while the request was being sent
                raise TimeoutError(late(self._url)) from None
            raise ConnectionError(f"{self._url} cannot be reached: {cleaned(str(error))}") from None
        if (coding := answer.headers.get("Content-Encoding", "identity")) != "identity":
            raise ServerError(f"{self._url} answered in the encoding {coding}, which was not asked for", answer.status)
        if answer.status in BUSY:
            raise ConnectionError(f"{self._url} has no room now: {_message(content)} ({answer.status})")
        if location := answer.get_redirect_location():
            raise ServerError(f"{url} redirects to {location}, which is not followed: give that URL", answer.status)
        if answer.status != http.HTTPStatus.OK:
            raise ServerError(_message(content), answer.status)
        if len(content) > most:
            raise ServerError(f"{self._url} answered more than {most:,} bytes, the most there can be", answer.status)
        if content.count(b"[") + content.count(b"{") > lists:
            raise ServerError(f"{self._url} answered more lists than {lists:,}, the most there can be", answer.status)
        try:
            return json.loads(content)[part]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ServerError(f"{url} answered no {part}: {_message(content)}", answer.status) from None


def _message(body: bytes) -> str:
    """The server's own words; those of a proxy before it are cut shorter."""
    try:
        message = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        message = None
    return cleaned(message if isinstance(message, str) else body[:200].decode(errors="replace"))


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
    array, dtype = np.array(values), spec.type.dtype
    if array.dtype.kind not in ("iu" if dtype.kind == "i" else "iuf"):
        raise ValueError(f"values of {array.dtype}, not {spec}")
    with np.errstate(over="ignore"):  # beyond float32 it is infinite
        numbers = array.astype(dtype)
    if dtype.kind == "i" and (numbers != array).any():
        raise ValueError(f"a number beyond {dtype}")
    return numbers
