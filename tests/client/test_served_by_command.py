"""`vae-tf serve` from its start to its end, and what it prints, tried as a person would."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest
import urllib3

from vae_tf.export import server
from vae_tf_client import Client


@pytest.fixture
def printed(binary, directory, port, tmp_path):
    """The lines of a command that serves; it is interrupted afterwards, and ends in good order."""
    words = ["-m", "vae_tf_cli.main", "serve", directory, "--rest-port", str(port()), "--grpc-port", str(port())]
    words += ["--host", "0.0.0.0"]
    environment = {**os.environ, server.VARIABLE: binary}
    command = [sys.executable, *words]
    with subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        lines: list[str] = []
        while not lines or "Client(" not in lines[-1]:
            line = process.stdout.readline()
            assert line, f"it ended with status {process.wait()}"
            lines.append(line)
        yield "".join(lines)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, 130)


def test_its_examples_work(printed):
    assert "Exposed to every network of this machine (0.0.0.0), without a password and unencrypted" in printed
    body, url = re.search(r"curl -d '(.*)' (\S+)", printed).groups()
    answer = urllib3.request("POST", url, body=body.encode(), timeout=30)
    (prediction,) = answer.json()["predictions"]
    sample = eval(re.search(r"Client\(.*", printed)[0], {"Client": Client})
    assert sample.z.tolist() == [pytest.approx(prediction["z"])]
    address = re.search(r"gRPC (\S+)", printed)[1]
    with Client(f"grpc://{address}", "digits", timeout=30) as client:
        assert client.sample(1, seed=7).z.tolist() == sample.z.tolist()
    assert json.loads(body)["signature_name"] == "sample"
