"""What a real TF Serving 2.21 was asked: the server of these tests answers as it did, status and words alike."""

import contextlib
import json
import pathlib
import re
import subprocess
import time

import pytest
import urllib3

CONFIG = 'model_config_list {{ config {{ name: "digits" base_path: "{}" model_platform: "tensorflow" }} }}\n'
BATCHING = """\
max_batch_size { value: 8 }
batch_timeout_micros { value: 1000 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 2 }
"""
# The recorded bundle raised where this project's gives an answer.
BETTER = {"no image in the bytes": 200, "an image of another size": 200}
EXCHANGES = pathlib.Path(__file__).parent / "exchanges"
CASES = [
    (kind, exchange)
    for kind in ("plain", "batching")
    for exchange in json.loads((EXCHANGES / f"{kind}.json").read_text())["exchanges"]
]


@pytest.fixture(scope="module")
def ask(binary, directory, port, tmp_path_factory):
    """(kind of server, exchange) -> its answer to what was asked then."""
    with contextlib.ExitStack() as stack:
        urls: dict[str, str] = {}

        def ask(kind: str, exchange: dict) -> urllib3.BaseHTTPResponse:
            if kind not in urls:
                folder = tmp_path_factory.mktemp(kind)
                urls[kind] = stack.enter_context(running(binary, kind, directory, folder, port))
            body = exchange.get("request_text", json.dumps(exchange["request"]) if "request" in exchange else "")
            method = exchange["method"]
            return urllib3.request(
                method, urls[kind] + exchange["path"], body=body if method == "POST" else None, timeout=30
            )

        yield ask


@contextlib.contextmanager
def running(binary: str, kind: str, directory: pathlib.Path, folder: pathlib.Path, port):
    """A server of one model without labels, as it was then."""
    (folder / "models.config").write_text(CONFIG.format(directory / "digits"))
    (folder / "batching.config").write_text(BATCHING)
    flags = {"rest_api_port": port(), "port": port(), "model_config_file": folder / "models.config"}
    if kind == "batching":
        flags |= {"enable_batching": "true", "batching_parameters_file": folder / "batching.config"}
    process = subprocess.Popen([binary, *(f"--{name}={value}" for name, value in flags.items())])
    url = f"http://localhost:{flags['rest_api_port']}"
    try:
        await_it(url, process)
        yield url
    finally:
        process.terminate()
        process.wait()


def await_it(url: str, process: subprocess.Popen) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            answer = urllib3.request("GET", f"{url}/v1/models/digits", retries=False, timeout=5)
            if answer.status == 200 and answer.json()["model_version_status"][0]["state"] == "AVAILABLE":
                return
        time.sleep(0.2)
    pytest.fail("the server did not come up")


@pytest.mark.parametrize(("kind", "exchange"), CASES, ids=[f"{kind}: {exchange['note']}" for kind, exchange in CASES])
def test_it_answers_as_the_real_one_did(ask, kind, exchange):
    answer = ask(kind, exchange)
    assert answer.status == BETTER.get(exchange["note"], exchange["status"]), answer.data
    assert answer.headers["Content-Type"] == exchange["content_type"]
    if exchange["note"] in BETTER:
        return
    if "error" in exchange["response"]:
        assert without_nodes(answer.json()["error"]) == without_nodes(exchange["response"]["error"])
    elif exchange["path"].endswith("/metadata"):
        assert interfaces(answer.json()).items() >= interfaces(exchange["response"]).items()
        assert answer.json()["model_spec"] == exchange["response"]["model_spec"]
    else:
        assert skeleton(answer.json()) == skeleton(exchange["response"])


def without_nodes(message: str) -> str:
    """A message without the names of nodes, which are those of a graph."""
    message = re.sub(r"Shape of tensor \S+", "Shape of tensor _", message)
    return re.sub(r"\s*\[\[\{\{.*\}\}\]\]", "", message)


def interfaces(metadata: dict) -> dict:
    """Signature -> side -> tensor -> (dtype, sizes)."""
    return {
        signature: {
            side: {
                name: (tensor["dtype"], [dim["size"] for dim in tensor["tensor_shape"]["dim"]])
                for name, tensor in definition[side].items()
            }
            for side in ("inputs", "outputs")
        }
        for signature, definition in metadata["metadata"]["signature_def"]["signature_def"].items()
        if not signature.startswith("__")
    }


def skeleton(value):
    """An answer without its numbers, but for those that are none, and without the contents of files."""
    if isinstance(value, dict):
        return {key: skeleton(item) for key, item in value.items() if key != "b64"} | {"b64" in value: "a file"}
    if isinstance(value, list):
        return [skeleton(item) for item in value]
    return "NaN" if value != value else type(value).__name__  # noqa: PLR0124
