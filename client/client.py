"""A model behind TF Serving, as functions of arrays."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from vae_tf_client.address import Address, address, whole
from vae_tf_client.errors import ServerError, cleaned
from vae_tf_client.signature import NamedArrays, Signature

BATCH_SIZE = 64  # the max_batch_size of the batching.config that an export writes
FILE_BYTES = 2**24  # of a picture of unknown size
FILE_OVERHEAD = 2**12


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

    def predict(self, name: str, signature: Signature, inputs: NamedArrays, file_bytes: int) -> NamedArrays:
        """What a signature gives for inputs that are as it takes them; no file in it is larger than `file_bytes`."""

    def close(self) -> None:
        """Closes the connections."""


class Client:
    """A model behind TF Serving, as functions of arrays; threads may share it.

        client = Client("http://localhost:8501", "digits")
        client.sample(4, seed=7).mean
        client.sample(4, seed=7, label=3).mean  # of a model with the condition `label`

    What is given is checked against what the server says it takes, because a wrong shape may fail the requests of
    others. An answer that is larger than the signature allows is not read, no redirection is followed, and proxies of
    the environment are not used. A request of many rows is sent in pieces of `batch_size`; while a new version is being
    loaded, two versions may answer them, unless `version` is given. All functions are pure, so a request is sent again
    if the connection fails or the server has no room; not if it runs out of time.

    What a function takes besides is a condition of the model. It is given by its name, one value for each row or one
    for all of them. A label that the model does not know gives NaN, or an empty file, in its own row.

    Args:
        url: of REST, http://host:8501, or of gRPC, grpc://host:8500; through TLS, https:// or grpcs://.
        name: of the model.
        version: a version's number; the newest one loaded, where neither it nor a label is given.
        label: a version's label, such as "stable".
        timeout: seconds that one piece may take, with all retries.
        retries: of one piece; over gRPC at most 4.
        batch_size: the most rows in a piece; the server's `max_batch_size`.
        headers: what is sent along with each request, such as a proxy asks for; over gRPC as metadata.
        token: is sent as `authorization: Bearer TOKEN`; only through TLS, or to this machine.
        ca_file: certificates in PEM form that the server's must be signed by; those of the system if not given.

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
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
    ):
        where = address(url, name, version, label, timeout, retries, headers, token, ca_file)
        self.url, self.name, self.batch_size = where.url, name, whole("batch_size", batch_size, 1)
        self._transport = _transport(where)
        self._signatures: dict[str, Signature] = {}
        self._is_closed = False

    def decode(self, z: npt.ArrayLike, **conditions: npt.ArrayLike) -> np.ndarray:
        """The `mean` of p(x|z), float32 [B, *event], for codes z [B, D]; NaN where a code is not finite."""
        return self._ask("decode", {"z": z}, conditions)["mean"]

    def decode_noise(self, noise: npt.ArrayLike, **conditions: npt.ArrayLike) -> np.ndarray:
        """The `mean` of p(x|z), float32 [B, *event], at draws z ~ p(z) that standard normals [B, N] make.

        N is D, or with a prior that is a mixture D + 1, of which the first chooses the component; the server says it.
        """
        return self._ask("decode_noise", {"noise": noise}, conditions)["mean"]

    def decode_png(self, z: npt.ArrayLike, **conditions: npt.ArrayLike) -> list[bytes]:
        """The `mean` of p(x|z) as B PNG files, for codes z [B, D]; empty where a code is not finite."""
        return self._ask("decode_png", {"z": z}, conditions)["image_bytes"].tolist()

    def sample(self, n: int, seed: int, **conditions: npt.ArrayLike) -> Sample:
        """n draws z ~ p(z) and the `mean` of p(x|z); the i-th is a function of (seed, i), as of `VAE.sample`.

        Raises:
            ValueError: also for n < 1 and a seed outside of int32.
        """
        return Sample(**self._ask("sample", {"seed": _seeds(n, seed)}, conditions))

    def encode(self, x: npt.ArrayLike, **conditions: npt.ArrayLike) -> Encoding:
        """The codes of examples x [B, *event]; NaN where an example is not finite."""
        return _encoding(self._ask("encode", {"x": x}, conditions))

    def encode_png(self, files: Sequence[bytes], **conditions: npt.ArrayLike) -> Encoding:
        """The codes of B images, the contents of PNG or JPEG files; NaN for a file that is neither."""
        return _encoding(self._ask("encode_png", {"image_bytes": files}, conditions))

    def reconstruct(self, x: npt.ArrayLike, **conditions: npt.ArrayLike) -> np.ndarray:
        """The `mean` of p(x|z) at the code of x, float32 [B, *event], for x [B, *event]; NaN where x is not finite."""
        return self._ask("reconstruct", {"x": x}, conditions)["mean"]

    def score(self, x: npt.ArrayLike, seed: int = 0, **conditions: npt.ArrayLike) -> Score:
        """`elbo`, `rate` and `distortion` of examples x [B, *event]; the i-th with one z ~ q(z|x) of (seed, i)."""
        return Score(**self._ask("score", {"x": x, "seed": _seeds(_rows(x), seed)}, conditions))

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

    def _ask(self, name: str, inputs: Mapping[str, Any], conditions: Mapping[str, Any]) -> NamedArrays:
        signature, arrays = self._checked(name, inputs, conditions)
        file_bytes = self._file_bytes()
        rows = len(next(iter(arrays.values())))
        answers = []
        try:
            for start in range(0, rows, self.batch_size):
                piece = {key: array[start : start + self.batch_size] for key, array in arrays.items()}
                with _understanding(f"the answer of {name}"):
                    answer = self._transport.predict(name, signature, piece, file_bytes)
                    _check_answer(name, signature, piece, answer)
                answers.append(answer)
        except ServerError:
            self._signatures = {}  # another model may be there now
            raise
        return {key: np.concatenate([answer[key] for answer in answers]) for key in signature.outputs}

    def _file_bytes(self) -> int:
        """The most bytes of a picture that is decoded: PNG makes of a value at most a little more than a byte."""
        decode = self.signatures.get("decode")
        means = [] if decode is None else list(decode.outputs.values())
        return FILE_BYTES if not means else FILE_OVERHEAD + means[0].bytes(1, 2, 2)

    def _checked(
        self, name: str, inputs: Mapping[str, Any], conditions: Mapping[str, Any]
    ) -> tuple[Signature, NamedArrays]:
        try:
            return self._check(name, inputs, conditions)
        except ValueError:
            self._signatures = {}  # another model may be there now
            return self._check(name, inputs, conditions)

    def _check(
        self, name: str, inputs: Mapping[str, Any], conditions: Mapping[str, Any]
    ) -> tuple[Signature, NamedArrays]:
        signatures = self.signatures
        if name not in signatures:
            raise ValueError(f"{self.name} has no {name}: it serves {cleaned(', '.join(sorted(signatures)))}.")
        return signatures[name], signatures[name].arrays(name, inputs, conditions)


def _transport(where: Address) -> Transport:
    if where.parts.scheme.startswith("http"):
        from vae_tf_client.rest import Rest  # noqa: PLC0415  (who asks one way needs no library of the other)

        return Rest(where)
    from vae_tf_client.rpc import Rpc  # noqa: PLC0415

    return Rpc(where)


@contextlib.contextmanager
def _understanding(what: str) -> Iterator[None]:
    """What is read has the server's form, or it is the server's error."""
    try:
        yield
    except (AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise ServerError(f"{what} cannot be understood: {error!r}", "OK") from None


def _seeds(n: int, seed: int) -> np.ndarray:
    """The pairs (seed, i), int32 [n, 2]."""
    n, seed = whole("n", n, 1), whole("The seed", seed, -(2**31), 2**31 - 1)
    return np.stack([np.full(n, seed), np.arange(n)], axis=1).astype(np.int32)


def _rows(x: Any) -> int:
    """The rows of examples; 1 where there are none, for x to be refused as what it is."""
    try:
        return max(1, len(x))
    except TypeError:
        return 1


def _check_answer(name: str, signature: Signature, inputs: NamedArrays, outputs: NamedArrays) -> None:
    (rows,) = {len(array) for array in inputs.values()}
    if outputs.keys() != signature.outputs.keys():
        given, expected = (", ".join(names) or "other rows" for names in (outputs, signature.outputs))
        raise ServerError(f"{name} gave {given}, and said that it gives {expected}", "OK")
    for key, array in outputs.items():
        if len(array) != rows:
            raise ServerError(f"{name} gave {len(array)} rows of {key} for {rows}", "OK")
        if array.shape[1:] != signature.outputs[key].shape[1:]:
            raise ServerError(f"{name} gave {key} {list(array.shape)}, and said {signature.outputs[key]}", "OK")


def _encoding(outputs: NamedArrays) -> Encoding:
    return Encoding(outputs["z"], outputs.get("stddev"))
