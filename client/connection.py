"""HTTP connections whose answers end in time and within a size, whatever a server sends."""

import http.client
import io
import socket
import time

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from vae_tf_client.errors import ServerError
from vae_tf_client.signature import MOST

CONNECTIONS = 64  # that are kept open, for as many threads
HEAD = 2**23  # bytes of an answer's head
QUICK: int | None = getattr(socket, "TCP_QUICKACK", None)  # of Linux


def pool(ca_file: str | None) -> urllib3.PoolManager:
    """Connections that threads share, and that ask no proxy.

    Args:
        ca_file: certificates that the servers' must be signed by, or None for those of the system.
    """
    connections = urllib3.PoolManager(maxsize=CONNECTIONS, ca_certs=ca_file, retries=False)
    connections.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return connections


class _Incoming(io.RawIOBase):
    """What a socket receives, until the time-out that it has at the beginning is over for all of it.

    A server that writes an answer in parts waits, before one that fills no segment, for the acknowledgement of those
    before (Nagle's algorithm); on one host a segment has 64 kB, and Linux holds acknowledgements back for 40 ms.
    TCP_QUICKACK sends them at once, and has to be set anew for each read.
    """

    def __init__(self, source: socket.socket):
        self._socket, self._raw = source, source.makefile("rb", buffering=0)
        self._end = time.monotonic() + (source.gettimeout() or 0)
        self._bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int | None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time of the whole answer is over")
        if self._bytes > HEAD + MOST:
            raise ServerError(f"the answer has more than {MOST:,} bytes", "OK")
        self._socket.settimeout(left)
        if QUICK is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, QUICK, 1)
        count = self._raw.readinto(buffer)
        self._bytes += count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None):
        super().__init__(sock, debuglevel, method, url)
        self.fp.close()
        self.fp = io.BufferedReader(_Incoming(sock))


class _Connection(HTTPConnection):
    response_class = _Answer


class _SecureConnection(HTTPSConnection):
    response_class = _Answer


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
