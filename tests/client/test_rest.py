"""REST when things go wrong: what is sent again, what is not, and what is said."""

import contextlib
import gzip
import http.server
import itertools
import json
import socket
import ssl
import sys
import threading
import time

import pytest

from vae_tf_client import Client, ServerError

FLOATS = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}, {"size": "2"}]}}
METADATA = {
    "metadata": {
        "signature_def": {
            "signature_def": {
                "decode": {"inputs": {"z": FLOATS}, "outputs": {"mean": FLOATS}},
                "encode": {"inputs": {"x": FLOATS}, "outputs": {"z": FLOATS, "stddev": FLOATS}},
                "__saved_model_init_op": {"inputs": {}, "outputs": {"op": {}}},
            }
        }
    }
}
GOOD = (200, {"predictions": [[1.0, 2.0]]})
CODES = [[0.0, 0.0]]


@pytest.fixture
def raw():
    """A server that writes these bytes to each request, whatever it is; `rest` parts of an endless row of them."""
    listening = []

    def serve(head, parts, rest=None):
        server = socket.create_server(("localhost", 0))
        listening.append(server)
        parts = parts if rest is None else list(itertools.islice(parts, rest))

        def answer(connection):
            with connection, contextlib.suppress(OSError):
                while connection.recv(2**16):
                    connection.sendall(head)
                    for part in parts:
                        connection.sendall(part)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=answer, args=server.accept()[:1], daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return f"http://localhost:{server.getsockname()[1]}"

    yield serve
    for server in listening:
        server.close()


HEARD = []


@pytest.fixture
def heard():
    """The headers of each request, as they came."""
    HEARD.clear()
    return HEARD


@contextlib.contextmanager
def answering(*answers, tls=None):
    """A server that tells what is served, and gives these answers to predictions, the last again and again."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            HEARD.extend((name.lower(), value) for name, value in self.headers.items())
            self.give(200, METADATA)

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(self.path)
            HEARD.extend((name.lower(), value) for name, value in self.headers.items())
            answer = answers[min(len(asked), len(answers)) - 1]
            if answer == "hang up":
                self.close_connection = True
            elif answer == "be silent":
                time.sleep(3)
                self.close_connection = True
            else:
                self.give(*answer)

        def give(self, status, content, headers=None):
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            pass  # a client that hangs up

    server = Server(("localhost", 0), Handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.file, tls.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http{'' if tls is None else 's'}://localhost:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("trouble", [(503, {"error": "full"}), (429, b"slow down"), (502, b"no upstream"), "hang up"])
def test_what_passes_is_tried_again(trouble):
    with answering(trouble, trouble, GOOD) as (url, asked), Client(url, "digits") as client:
        assert client.decode(CODES).tolist() == [[1.0, 2.0]]
        assert asked == ["/v1/models/digits:predict"] * 3


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        ((503, {"error": "The queue is full"}), r"localhost:\d+ has no room now: The queue is full \(503\)"),
        ("hang up", r"localhost:\d+ cannot be reached: "),
    ],
)
def test_what_does_not_pass_is_said(trouble, message):
    with answering(trouble) as (url, asked), Client(url, "digits", retries=1) as client:
        with pytest.raises(ConnectionError, match=message):
            client.decode(CODES)
        assert len(asked) == 2


def test_what_ran_out_of_time_is_not_sent_again():
    with answering("be silent", GOOD) as (url, asked), Client(url, "digits", timeout=0.3) as client:
        with pytest.raises(TimeoutError, match="did not answer in time: see whether it is there, give it more time"):
            client.decode(CODES)
        assert len(asked) == 1


def test_a_server_that_asks_for_an_hour_is_not_waited_for():
    with (
        answering((503, {"error": "full"}, {"Retry-After": "3600"}), GOOD) as (url, _),
        Client(url, "digits") as client,
    ):
        begun = time.monotonic()
        assert client.decode(CODES).tolist() == [[1.0, 2.0]]
        assert time.monotonic() - begun < 60


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_is_not_followed(status):
    with answering(GOOD) as (other, asked_there):
        elsewhere = (status, b"", {"Location": f"{other}/v1/models/digits:predict"})
        with answering(elsewhere) as (url, asked), Client(url, "digits") as client:
            with pytest.raises(ServerError, match=rf"redirects to {other}/\S+, which is not followed") as refusal:
                client.decode(CODES)
            assert refusal.value.status == status
            assert (len(asked), asked_there) == (1, [])


def test_an_answer_that_unpacks_to_more_is_not_unpacked():
    bomb = gzip.compress(b"[" * 10_000_000)
    with (
        answering((200, bomb, {"Content-Encoding": "gzip"})) as (url, _),
        Client(url, "digits") as client,
        pytest.raises(ServerError, match="answered in the encoding gzip, which was not asked for"),
    ):
        client.decode(CODES)


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (200, ServerError, "answered more than 4,194,304"),
        (503, ConnectionError, r"has no room now: \[\["),
        (400, ServerError, r"\[\["),
    ],
)
def test_an_answer_without_an_end_is_left(raw, status, error, message):
    url = raw(f"HTTP/1.1 {status} OK\r\n\r\n".encode(), itertools.repeat(b"[" * 60_000))
    with Client(url, "digits", retries=1) as client, pytest.raises(error, match=message):
        client.decode(CODES)


def test_a_long_refusal_is_cut_and_keeps_its_status():
    repeated = json.dumps({"error": "no such thing in " + "[1.0, 2.0], " * 20_000}).encode()
    with answering((400, repeated)) as (url, _), Client(url, "digits") as client:
        with pytest.raises(ServerError, match="no such thing in ") as refusal:
            client.decode(CODES)
        assert refusal.value.status == 400


def test_an_answer_that_drips_is_left_in_time(raw):
    def drops():
        while True:
            time.sleep(0.1)
            yield b"["

    url = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", drops())
    begun = time.monotonic()
    with Client(url, "digits", timeout=0.5) as client, pytest.raises(TimeoutError):
        client.decode(CODES)
    assert time.monotonic() - begun < 5


@pytest.mark.skipif(sys.platform != "linux", reason="it is Linux that waits")
def test_an_answer_written_in_parts_is_not_waited_for(raw):
    """Of 16 KiB at a time, as by TF Serving's HTTP server: the last part waits for an acknowledgement."""
    body = json.dumps(METADATA).encode().ljust(40_000)
    answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    url = raw(
        b"", (answer[first : first + 2**14] for first in itertools.count(0, 2**14)), rest=-(-len(answer) // 2**14)
    )
    seconds = []
    with Client(url, "digits") as client:
        for _ in range(10):
            client._signatures = {}
            begun = time.perf_counter()
            assert "decode" in client.signatures
            seconds.append(time.perf_counter() - begun)
    assert sorted(seconds)[2] < 0.02  # 0.044 without


def test_headers_and_a_token_are_sent(heard):
    with answering(GOOD) as (url, _), Client(url, "digits", headers={"X-Team": "a"}, token="secret") as client:
        client.decode(CODES)
    assert [(name, value) for name, value in heard if name in ("x-team", "authorization")] == [
        ("x-team", "a"),
        ("authorization", "Bearer secret"),
    ] * 2


def test_proxies_of_the_environment_are_not_used(monkeypatch, port):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://localhost:{port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    with answering(GOOD) as (url, _), Client(url, "digits") as client:
        assert client.decode(CODES).tolist() == [[1.0, 2.0]]


def test_a_certificate_of_ones_own_is_believed_if_it_is_named(certificate):
    with answering(GOOD, tls=certificate) as (url, asked):
        with Client(url, "digits", retries=0) as client, pytest.raises(ConnectionError, match=r"(?i)certificate"):
            client.decode(CODES)
        with Client(url, "digits", ca_file=certificate.file, token="secret") as client:
            assert client.decode(CODES).tolist() == [[1.0, 2.0]]
        assert len(asked) == 1


def test_nobody_there_is_said(port):
    with (
        Client(f"http://localhost:{port()}", "digits", retries=1) as client,
        pytest.raises(ConnectionError, match=r"localhost:\d+ cannot be reached: .*refused"),
    ):
        client.decode(CODES)


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        ((400, {"error": "Size does not match"}), 400, "Size does not match"),
        ((401, b"<html>Who are you?</html>"), 401, "<html>Who are you?</html>"),
        ((500, b"x" * 1000), 500, "x" * 200),
        ((500, {"error": "y" * 1000}), 500, "y" * 500 + "..."),
        ((500, {"error": "a\x1b[2J\r\nb\x07\u202e"}), 500, "a [2J  b  "),
        ((200, b'{"predictions": [[' + b"9" * 400 + b", 1]]}"), "OK", "the answer of decode cannot be understood: "),
        ((200, b'{"predictions": [[' + b"9" * 5000 + b", 1]]}"), 200, "answered no predictions: "),
        ((200, b"[" * 50_000), 200, "answered more lists than 66, the most there can be"),
        ((200, b'{"predictions": [' + b"[]," * 20_000 + b"[]]}"), 200, "answered more lists than 66"),
        ((200, {"predictions": [["1.0", "2.0"]]}), "OK", "the answer of decode cannot be understood: "),
        ((200, {"predictions": [[True, False]]}), "OK", "the answer of decode cannot be understood: "),
        ((200, b" " * 70_000), 200, "answered more than 65,664 bytes, the most there can be"),
        ((200, b"<html>Welcome</html>"), 200, "answered no predictions: <html>Welcome</html>"),
        ((200, {"outputs": []}), 200, "answered no predictions: {"),
        ((200, {"predictions": []}), "OK", "decode gave 0 rows of mean for 1"),
        ((400, {"error": {"code": 3}}), 400, '{"error": {"code": 3}}'),
        ((200, {"predictions": None}), "OK", "the answer of decode cannot be understood: "),
        ((200, {"predictions": [[1.0], [1.0, 2.0]]}), "OK", "the answer of decode cannot be understood: "),
        ((200, {"predictions": [[1.0, 2.0, 3.0]]}), "OK", "decode gave mean [1, 3], and said float32 [B, 2]"),
        ((200, {"predictions": [[1.0, 2.0]] * 2}), "OK", "decode gave 2 rows of mean for 1"),
    ],
)
def test_a_refusal_is_the_servers_own(answer, status, message):
    with answering(answer) as (url, asked), Client(url, "digits") as client:
        with pytest.raises(ServerError) as refusal:
            client.decode(CODES)
        assert message in refusal.value.message
        assert len(refusal.value.message) <= 503
        assert refusal.value.status == status
        assert len(asked) == 1


@pytest.mark.parametrize(
    ("rows", "given"),
    [([{"z": [1.0, 2.0]}], "z"), ([[1.0, 2.0]], "other rows"), ([{"code": [1.0, 2.0]}], "other rows")],
)
def test_an_answer_of_other_outputs_is_said(rows, given):
    with (
        answering((200, {"predictions": rows})) as (url, _),
        Client(url, "digits") as client,
        pytest.raises(ServerError, match=f"encode gave {given}, and said that it gives z, stddev"),
    ):
        client.encode(CODES)


def test_numbers_beyond_float32_are_infinite():
    with answering((200, b'{"predictions": [[1e39, -1e400]]}')) as (url, _), Client(url, "digits") as client:
        assert client.decode(CODES).tolist() == [[float("inf"), float("-inf")]]


@pytest.mark.parametrize("wrong", [7.5, 2**31, "7"])
def test_whole_numbers_are_whole_and_in_their_range(monkeypatch, wrong):
    whole = {"dtype": "DT_INT32", "tensor_shape": {"dim": [{"size": "-1"}, {"size": "1"}]}}
    served = {"decode": {"inputs": {"z": FLOATS}, "outputs": {"mean": whole}}}
    monkeypatch.setitem(METADATA["metadata"], "signature_def", {"signature_def": served})
    answers = [(200, {"predictions": [[number]]}) for number in (-(2**31), wrong)]
    with answering(*answers) as (url, _), Client(url, "digits") as client:
        assert client.decode(CODES).tolist() == [[-(2**31)]]
        with pytest.raises(ServerError, match="the answer of decode cannot be understood"):
            client.decode(CODES)


def test_outputs_come_by_their_names():
    rows = [{"stddev": [3.0, 4.0], "z": [1.0, 2.0], "more": 7}]
    with answering((200, {"predictions": rows})) as (url, _), Client(url, "digits") as client:
        assert [array.tolist() for array in client.encode(CODES)] == [[[1.0, 2.0]], [[3.0, 4.0]]]


def test_after_a_refusal_it_is_asked_anew_what_is_served():
    with answering((400, {"error": "no"}), GOOD) as (url, _), Client(url, "digits") as client:
        assert client.signatures is client.signatures
        before = client.signatures
        with pytest.raises(ServerError):
            client.decode(CODES)
        assert client.signatures is not before


def test_a_function_that_is_not_served_is_said():
    with (
        answering(GOOD) as (url, _),
        Client(url, "digits") as client,
        pytest.raises(ValueError, match="digits has no score: it serves decode, encode"),
    ):
        client.score(CODES)


def test_a_path_before_the_interface_is_kept():
    with answering(GOOD) as (url, asked), Client(f"{url}/team/models/", "my digits", label="a b") as client:
        client.decode(CODES)
        assert asked == ["/team/models/v1/models/my%20digits/labels/a%20b:predict"]
