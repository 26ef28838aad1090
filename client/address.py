"""Where a model is, and how it is reached."""

import math
import operator
import os
import pathlib
import re
import ssl
import urllib.parse
from collections.abc import Mapping
from typing import Any, NamedTuple

SCHEMES = {"http": False, "https": True, "grpc": False, "grpcs": True}  # whether through TLS
HERE = ("localhost", "127.0.0.1", "::1")
# Names that the client, HTTP or gRPC writes itself.
RESERVED = re.compile(
    r"host|connection|content-.*|transfer-encoding|accept-encoding|expect|te|trailer|upgrade|grpc-.*|.*-bin"
)
HEADER = re.compile(r"[a-z0-9_.-]+")  # what HTTP and gRPC both allow


class Address(NamedTuple):
    """Where a model is, and how it is reached.

    Attributes:
        url: of the server, without a slash at its end.
        name: of the model.
        version: a version's number, or None.
        label: a version's label, or None.
        timeout: seconds that one request may take, with its retries.
        retries: of one request.
        headers: what is sent along with each request.
        ca_file: certificates in PEM form that the server's must be signed by, or None for those of the system.
    """

    url: str
    name: str
    version: int | None
    label: str | None
    timeout: float
    retries: int
    headers: dict[str, str]
    ca_file: str | None

    @property
    def parts(self) -> urllib.parse.SplitResult:
        """Those of the URL."""
        return urllib.parse.urlsplit(self.url)


def address(
    url: str,
    name: str,
    version: int | None,
    label: str | None,
    timeout: float,
    retries: int,
    headers: Mapping[str, str] | None,
    token: str | None,
    ca_file: str | os.PathLike[str] | None,
) -> Address:
    """An address of arguments that were looked at.

    Raises:
        ValueError: for arguments without meaning, or a token that would go over the network in the clear.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(
            "The URL has a user, a query or a fragment, which are not sent: give scheme, host, port and path."
        )
    if "/v1/" in f"{parts.path}/":
        raise ValueError(f"The URL is {url}: give that of the server, without /v1/ and what follows.")
    has_path = parts.scheme.startswith("grpc") and parts.path not in ("", "/")
    if parts.scheme not in SCHEMES or not parts.netloc or has_path:
        raise ValueError(f"The URL is {url}: give one as http://host:8501 for REST, or grpc://host:8500 for gRPC.")
    if version is not None and label is not None:
        raise ValueError(f"version is {version} and label is {label!r}: give one of them.")
    if not name or label == "":
        raise ValueError(f"The name is {name!r} and the label {label!r}: give words, or no label.")
    if not 0 < timeout < math.inf:
        raise ValueError(f"timeout is {timeout}: give seconds over 0.")
    version = None if version is None else whole("version", version, 0)
    return Address(
        url.rstrip("/"),
        name,
        version,
        label,
        timeout,
        whole("retries", retries, 0),
        _headers(headers or {}, token, parts),
        _certificates(ca_file, parts),
    )


def whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    """A whole number within its bounds.

    Raises:
        ValueError: naming the bounds.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} is {value!r}: give a whole number.") from None
    if number < least or (most is not None and number > most):
        allowed = f"at least {least}" if most is None else f"one from {least:,} to {most:,}"
        raise ValueError(f"{name} is {number}: give {allowed}.")
    return number


def _headers(headers: Mapping[str, str], token: str | None, parts: urllib.parse.SplitResult) -> dict[str, str]:
    """The headers, by their names in small letters, as gRPC wants them."""
    given = {name.lower(): value for name, value in headers.items()}
    if token is not None:
        if "authorization" in given:
            raise ValueError("There is a token and a header authorization: give one of them.")
        if not SCHEMES[parts.scheme] and parts.hostname not in HERE:
            raise ValueError(
                f"The token would go to {parts.netloc} in the clear: give a URL of https:// or grpcs://, or send it as "
                f"a header authorization if the way there is safe."
            )
        given["authorization"] = f"Bearer {token}"
    for name, value in given.items():
        if RESERVED.fullmatch(name):
            raise ValueError(f"The header {name!r} is not yours to give: HTTP or gRPC sets it.")
        if not HEADER.fullmatch(name) or not (value.isascii() and value.isprintable()):  # its value may be a secret
            raise ValueError(
                f"The header {name!r} has a name or a value that HTTP or gRPC does not allow: give ASCII text."
            )
    return given


def _certificates(ca_file: str | os.PathLike[str] | None, parts: urllib.parse.SplitResult) -> str | None:
    if ca_file is None:
        return None
    if not SCHEMES[parts.scheme]:
        raise ValueError(f"There is a ca_file, but the URL begins with {parts.scheme}://: give https:// or grpcs://.")
    try:
        ssl.create_default_context(cafile=str(ca_file))
    except (OSError, ValueError) as error:  # an ssl.SSLError is an OSError
        raise ValueError(f"ca_file {ca_file} cannot be read ({error}): give certificates in PEM form.") from None
    return str(pathlib.Path(ca_file))
