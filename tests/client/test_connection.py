"""Servers that say anything at all, over a socket: each answer ends in time, within a size, as a documented error."""

import contextlib
import json
import re
import resource
import socket
import statistics
import threading
import time

import numpy as np
import pytest

from vae_tf_client import Client, ServerError

FLOATS = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}, {"size": "2"}]}}
METADATA = json.dumps(
    {
        "metadata": {
            "signature_def": {"signature_def": {"decode": {"inputs": {"z": FLOATS}, "outputs": {"mean": FLOATS}}}}
        }
    }
).encode()
CODES = [[0.0, 0.0]]


def http(content: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + content


@contextlib.contextmanager
def speaking(say):
    """A server that tells what is served, and says this to a prediction: bytes, or what a function does."""
    bodies = []

    def serve(connection):
        with connection, contextlib.suppress(OSError):
            while head := connection.recv(65536):
                body = head.partition(b"\r\n\r\n")[2]
                if match := re.search(rb"content-length: (\d+)", head, re.IGNORECASE):
                    while len(body) < int(match[1]):
                        body += connection.recv(65536)
                if head.startswith(b"GET"):
                    connection.sendall(http(METADATA))
                    continue
                bodies.append(body)
                if callable(say):
                    say(connection)
                else:
                    connection.sendall(say)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    with socket.create_server(("localhost", 0)) as listening:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://localhost:{listening.getsockname()[1]}", bodies
        listening.shutdown(socket.SHUT_RDWR)


def endless(before: bytes, again: bytes, seconds: float = 0):
    def say(connection):
        connection.sendall(before)
        while True:
            connection.sendall(again)
            time.sleep(seconds)

    return say


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
MEGABYTE = b" " * 2**20


@pytest.mark.parametrize(
    "say",
    [
        endless(b"HTTP/1.1 200 OK\r\n\r\n", MEGABYTE),
        endless(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n", MEGABYTE),
        endless(CHUNKED, b"100000\r\n" + MEGABYTE + b"\r\n"),
    ],
    ids=["until it closes", "of a length", "chunked"],
)
def test_an_answer_without_end_is_not_read_to_its_end(say):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with speaking(say) as (url, bodies), Client(url, "digits", timeout=30) as client:
        with pytest.raises(ServerError, match="answered more than 65,664 bytes"):
            client.decode(CODES)
        assert len(bodies) == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # kilobytes


@pytest.mark.parametrize("size", [b"-1", b"-5", b"zz", b"f" * 70_000])
def test_a_chunk_of_no_size_is_an_error(size, monkeypatch):
    monkeypatch.setattr("vae_tf_client.connection.MOST", 2**22)
    say = endless(CHUNKED + size + b"\r\n", MEGABYTE)
    refused = pytest.raises((ServerError, ConnectionError))
    with speaking(say) as (url, _), Client(url, "digits", retries=0) as client, refused:
        client.decode(CODES)


@pytest.mark.parametrize(
    "say",
    [
        endless(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b" ", 0.05),
        endless(b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.05),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.05),
        endless(CHUNKED, b"1\r\n \r\n", 0.05),
        endless(CHUNKED + b"0\r\n", b"X: y\r\n", 0.05),
        endless(b"HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\n", b" ", 0.05),
    ],
    ids=["content", "a header", "it goes on", "chunks", "trailers", "a refusal"],
)
def test_drop_by_drop_it_is_late_all_the_same(say):
    with speaking(say) as (url, bodies), Client(url, "digits", timeout=0.5) as client:
        begun = time.monotonic()
        with pytest.raises(TimeoutError, match="did not answer in time"):
            client.decode(CODES)
        assert time.monotonic() - begun < 2
        assert len(bodies) == 1


def test_a_server_that_does_not_read_is_late():
    with socket.create_server(("localhost", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

        def serve():
            connection, _ = listening.accept()
            connection.recv(65536)
            connection.sendall(http(METADATA.replace(b'"2"', b'"1000"')))
            done.wait(30)
            connection.close()

        done = threading.Event()
        threading.Thread(target=serve, daemon=True).start()
        late = pytest.raises(TimeoutError, match="did not answer in time")
        with (
            Client(f"http://localhost:{listening.getsockname()[1]}", "d", timeout=0.5, batch_size=2000) as client,
            late,
        ):
            client.decode(np.zeros((2000, 1000)))  # 8 MB, more than the buffers hold
        done.set()


def test_retries_have_one_time():
    with speaking(http(b"full", status="503 Busy")) as (url, bodies), Client(url, "d", timeout=1, retries=99) as client:
        begun = time.monotonic()
        with pytest.raises(ConnectionError, match="has no room now: full"):
            client.decode(CODES)
        assert time.monotonic() - begun < 2
        assert 2 < len(bodies) < 9


@pytest.mark.parametrize(
    "say",
    [
        endless(b"HTTP/1.1 200 OK\r\n", b"X: " + b"x" * 60_000 + b"\r\n"),
        endless(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 60_000),
        endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000),
        endless(b"", b"x" * 60_000),
        b"HTTP/1.1 \x1b[31m OK\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_a_head_that_is_none_is_no_connection(say):
    with speaking(say) as (url, bodies), Client(url, "digits", retries=1) as client:
        with pytest.raises(ConnectionError, match="cannot be reached: ") as refusal:
            client.decode(CODES)
        assert str(refusal.value).isprintable()
        assert len(str(refusal.value)) < 1_200
        assert len(bodies) == 2


def test_after_an_answer_that_was_too_large_comes_another():
    answers = iter([http(bytes(10**7)), http(b'{"predictions": [[1, 2]]}'), http(b'{"predictions": [[3, 4]]}')])
    with speaking(lambda connection: connection.sendall(next(answers))) as (url, _), Client(url, "digits") as client:
        with pytest.raises(ServerError, match="answered more than"):
            client.decode(CODES)
        assert client.decode(CODES).tolist() == [[1.0, 2.0]]
        assert client.decode(CODES).tolist() == [[3.0, 4.0]]


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="The system has no TCP_QUICKACK.")
@pytest.mark.parametrize("kilobytes", [17, 30, 60])
def test_an_answer_in_several_writes_does_not_wait_for_an_acknowledgement(kilobytes):
    content = b'{"predictions": [[1, 2]]' + b" " * 1000 * kilobytes + b"}"

    def say(connection):  # as libevent does, and with Nagle's algorithm
        message = http(content)
        for start in range(0, len(message), 16_384):
            connection.send(message[start : start + 16_384])

    with speaking(say) as (url, _), Client(url, "digits") as client:
        milliseconds = []
        for _ in range(15):
            begun = time.perf_counter()
            client.decode(CODES)
            milliseconds.append(1000 * (time.perf_counter() - begun))
    assert statistics.median(milliseconds) < 30  # 40 to 48 otherwise, and 1 or 2 as it is
