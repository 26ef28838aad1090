"""A model behind TF Serving, as functions of arrays."""

import contextlib
import math
import operator
import urllib.parse
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from vae_tf_client.errors import ServerError
from vae_tf_client.signature import Arrays, Signature

BATCH_SIZE = 64  # the max_batch_size of the batching.config that an export writes


class Encoding(NamedTuple):
    """The `z` of examples, float32 [B, D], and its `stddev` where the posterior has one."""

    z: np.ndarray
    stddev: np.ndarray | None


class Sample(NamedTuple):
    """Draws `z` ~ p(z), float32 [n, D], and the `mean` of p(x|z), float32 [n, *event]."""

    z: np.ndarray
    mean: np.ndarray


class Score(NamedTuple):
    """`elbo` = -(`distortion` + `rate`), float32 [B], nats; NaN for an example outside the likelihood's support."""

    elbo: np.ndarray
    rate: np.ndarray
    distortion: np.ndarray


class Transport(Protocol):
    """A way to a model."""

    def signatures(self) -> dict[str, Signature]:
        """The signatures that are served, by name."""

    def predict(self, name: str, signature: Signature, inputs: Arrays) -> Arrays:
        """What a signature gives for inputs that are as it takes them."""

    def close(self) -> None:
        """Closes the connections."""


class Client:
    """A model behind TF Serving, as functions of arrays; threads may share it.

        client = Client("http://localhost:8501", "digits")
        client.sample(4, seed=7).mean

    What is given is checked against what the server says it takes, because a wrong shape may fail the requests of
    others. A request of many rows is sent in pieces of `batch_size`; while a new version is being loaded, two versions
    may answer them, unless `version` is given. All functions are pure, so a request is sent again where the connection
    fails or the server has no room; not where it runs out of time.

    Args:
        url: of REST, http://host:8501, or of gRPC, grpc://host:8500; through TLS, https:// or grpcs://.
        name: of the model.
        version: a version's number; the newest one loaded, where neither it nor a label is given.
        label: a version's label, such as "stable".
        timeout: seconds to wait for one piece: over gRPC with all retries, over REST for a connection, and for the
            server's next byte.
        retries: of one piece; over gRPC at most 4.
        batch_size: the most rows in a piece; the server's `max_batch_size`.

    Raises:
        ValueError: for arguments without meaning; of its functions, for inputs that are not what the server takes.
        ServerError: of its functions, where the server refuses; with the server's message.
        ConnectionError: of its functions, where the server cannot be reached or has no room, after all retries.
        TimeoutError: of its functions, where nobody answers within `timeout`.
    """

    def __init__(
        self,
        url: str,
        name: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float = 10.0,
        retries: int = 3,
        batch_size: int = BATCH_SIZE,
    ):
        if version is not None and label is not None:
            raise ValueError(f"version is {version} and label is {label!r}: give one of them.")
        if not name or label == "":
            raise ValueError(f"The name is {name!r} and the label {label!r}: give words, or no label.")
        if not 0 < timeout < math.inf:
            raise ValueError(f"timeout is {timeout}: give seconds over 0.")
        self.url, self.name, self.batch_size = url.rstrip("/"), name, _whole("batch_size", batch_size, 1)
        version = None if version is None else _whole("version", version, 0)
        self._transport = _transport(self.url, name, version, label, timeout, _whole("retries", retries, 0))
        self._signatures: dict[str, Signature] = {}
        self._is_closed = False

    def decode(self, z: npt.ArrayLike) -> np.ndarray:
        """The `mean` of p(x|z), float32 [B, *event], for codes z [B, D]; NaN where a code is not finite."""
        return self._ask("decode", z=z)["mean"]

    def decode_png(self, z: npt.ArrayLike) -> list[bytes]:
        """The `mean` of p(x|z) as B PNG files, for codes z [B, D]; empty where a code is not finite."""
        return self._ask("decode_png", z=z)["image_bytes"].tolist()

    def sample(self, n: int, seed: int) -> Sample:
        """n draws z ~ p(z) and the `mean` of p(x|z); the i-th is a function of (seed, i), as of `VAE.sample`.

        Raises:
            ValueError: also for n < 1 and a seed outside of int32.
        """
        return Sample(**self._ask("sample", seed=_seeds(n, seed)))

    def encode(self, x: npt.ArrayLike) -> Encoding:
        """The codes of examples x [B, *event]; NaN where an example is not finite."""
        return _encoding(self._ask("encode", x=x))

    def encode_png(self, files: Sequence[bytes]) -> Encoding:
        """The codes of B images, the contents of PNG or JPEG files; NaN for a file that is neither."""
        return _encoding(self._ask("encode_png", image_bytes=files))

    def reconstruct(self, x: npt.ArrayLike) -> np.ndarray:
        """The `mean` of p(x|z) at the code of x, float32 [B, *event], for x [B, *event]; NaN where x is not finite."""
        return self._ask("reconstruct", x=x)["mean"]

    def score(self, x: npt.ArrayLike, seed: int = 0) -> Score:
        """`elbo`, `rate` and `distortion` of examples x [B, *event]; the i-th with one z ~ q(z|x) of (seed, i)."""
        return Score(**self._ask("score", x=x, seed=_seeds(_rows(x), seed)))

    @property
    def signatures(self) -> dict[str, Signature]:
        """What the server says that the model takes and gives, by the names of the signatures."""
        if self._is_closed:
            raise ValueError("The client is closed: make another.")
        signatures = self._signatures
        if not signatures:
            with _understanding(f"the metadata of {self.name}"):
                self._signatures = signatures = self._transport.signatures()
        return signatures

    def close(self) -> None:
        """Closes the connections, for good."""
        self._is_closed = True
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, name: str, **inputs: Any) -> Arrays:
        signature, arrays = self._checked(name, inputs)
        rows = len(next(iter(arrays.values())))
        answers = []
        try:
            for start in range(0, rows, self.batch_size):
                piece = {key: array[start : start + self.batch_size] for key, array in arrays.items()}
                with _understanding(f"the answer of {name}"):
                    answer = self._transport.predict(name, signature, piece)
                    _check_answer(name, signature, piece, answer)
                answers.append(answer)
        except ServerError:
            self._signatures = {}  # another model may be there now
            raise
        return {key: np.concatenate([answer[key] for answer in answers]) for key in signature.outputs}

    def _checked(self, name: str, inputs: dict[str, Any]) -> tuple[Signature, Arrays]:
        try:
            return self._check(name, inputs)
        except ValueError:
            self._signatures = {}  # another model may be there now
            return self._check(name, inputs)

    def _check(self, name: str, inputs: dict[str, Any]) -> tuple[Signature, Arrays]:
        signatures = self.signatures
        if name not in signatures:
            raise ValueError(f"{self.name} has no {name}: it serves {', '.join(sorted(signatures))}.")
        return signatures[name], signatures[name].arrays(name, inputs)


def _transport(url: str, name: str, version: int | None, label: str | None, timeout: float, retries: int) -> Transport:
    parts = urllib.parse.urlsplit(url)
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(
            "The URL has a user, a query or a fragment, which are not sent: give scheme, host, port and path."
        )
    if "/v1/" in f"{parts.path}/":
        raise ValueError(f"The URL is {url}: give that of the server, without /v1/ and what follows.")
    if parts.scheme in ("http", "https") and parts.netloc:
        from vae_tf_client.rest import Rest  # noqa: PLC0415  (who asks one way needs no library of the other)

        path = f"/v1/models/{urllib.parse.quote(name, safe='')}"
        path += "" if version is None else f"/versions/{version}"
        path += "" if label is None else f"/labels/{urllib.parse.quote(label, safe='')}"
        return Rest(url, path, timeout, retries)
    if parts.scheme in ("grpc", "grpcs") and parts.netloc and not parts.path:
        from vae_tf_client.rpc import Rpc  # noqa: PLC0415

        model: dict[str, Any] = {"name": name}
        model |= {} if version is None else {"version": {"value": version}}
        model |= {} if label is None else {"version_label": label}
        return Rpc(parts.netloc, parts.scheme == "grpcs", model, timeout, retries)
    raise ValueError(f"The URL is {url}: give one as http://host:8501 for REST, or grpc://host:8500 for gRPC.")


@contextlib.contextmanager
def _understanding(what: str) -> Iterator[None]:
    """What is read has the server's form, or it is the server's error."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ServerError(f"{what} cannot be understood: {error!r}", "OK") from None


def _seeds(n: int, seed: int) -> np.ndarray:
    """The pairs (seed, i), int32 [n, 2]."""
    n, seed = _whole("n", n, 1), _whole("The seed", seed, -(2**31), 2**31 - 1)
    return np.stack([np.full(n, seed), np.arange(n)], axis=1).astype(np.int32)


def _whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} is {value!r}: give a whole number.") from None
    if number < least or (most is not None and number > most):
        allowed = f"at least {least}" if most is None else f"one from {least:,} to {most:,}"
        raise ValueError(f"{name} is {number}: give {allowed}.")
    return number


def _rows(x: Any) -> int:
    """The rows of examples; 1 where there are none, for x to be refused as what it is."""
    try:
        return max(1, len(x))
    except TypeError:
        return 1


def _check_answer(name: str, signature: Signature, inputs: Arrays, outputs: Arrays) -> None:
    (rows,) = {len(array) for array in inputs.values()}
    if outputs.keys() != signature.outputs.keys():
        given, expected = (", ".join(names) or "other rows" for names in (outputs, signature.outputs))
        raise ServerError(f"{name} gave {given}, and said that it gives {expected}", "OK")
    for key, array in outputs.items():
        if len(array) != rows:
            raise ServerError(f"{name} gave {len(array)} rows of {key} for {rows}", "OK")
        if array.shape[1:] != signature.outputs[key].shape[1:]:
            raise ServerError(f"{name} gave {key} {list(array.shape)}, and said {signature.outputs[key]}", "OK")


def _encoding(outputs: Arrays) -> Encoding:
    return Encoding(outputs["z"], outputs.get("stddev"))
