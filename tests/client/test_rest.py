"""REST when things go wrong: what is sent again, what is not, and what is said."""

import contextlib
import http.server
import json
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


@contextlib.contextmanager
def answering(*answers):
    """A server that tells what is served, and gives these answers to predictions, the last again and again."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.give(200, METADATA)

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(self.path)
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

    server = http.server.ThreadingHTTPServer(("localhost", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_address[1]}", asked
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
        assert len(refusal.value.message) < 300
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
