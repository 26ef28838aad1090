"""The files that deploy a server start it with the flags of `vae-tf serve`, on the files of a folder of models."""

import importlib.resources
import json
import pathlib
import re
import socketserver
import subprocess
import threading

import pytest
import yaml

from vae_tf.export import server
from vae_tf.export.server import configuration

asked: list[dict] = []
FOLDER = pathlib.Path(str(importlib.resources.files("vae_tf.export.server"))) / "deploy"


@pytest.fixture
def flags(tmp_path, monkeypatch) -> dict[str, str]:
    """Those of `vae-tf serve`, for a folder that the server sees at /models."""
    (tmp_path / "digits" / "1").mkdir(parents=True)
    configuration.write(tmp_path, "digits", [1], None)
    monkeypatch.setenv(server.VARIABLE, "/bin/sh")
    words = server.Configured(tmp_path, tmp_path, "0.0.0.0").command(8501, 8500)[3:]
    pairs = dict(word.split("=", 1) for word in words)
    return {flag: value.replace(str(tmp_path), "/models") for flag, value in pairs.items()}


def given(words: list[str]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words)


def agree(words: list[str], flags: dict[str, str], **others: str) -> None:
    poll = "--model_config_file_poll_wait_seconds"
    assert given(words) == {**flags, poll: "30", **{f"--tensorflow_{name}": value for name, value in others.items()}}


def test_compose_starts_the_server_and_prometheus_reads_it(flags):
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    agree(services["serving"]["command"], flags)
    assert services["serving"]["image"] == server.IMAGE
    assert services["serving"]["volumes"][0].endswith(":/models:ro")
    (volume,) = services["prometheus"]["volumes"]
    scraped = yaml.safe_load((FOLDER / volume.split(":")[0]).read_text())["scrape_configs"][0]
    assert scraped["metrics_path"] in configuration.MONITORING_TEXT
    assert scraped["static_configs"] == [{"targets": ["serving:8501"]}]
    for service in services.values():
        assert all(port.startswith("${EXPOSE:-127.0.0.1}:") for port in service["ports"])


def test_kubernetes_starts_the_server_with_probes_resources_and_a_rolling_update(flags):
    deployment, service = yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    cores = container["resources"]["limits"]["cpu"]
    agree(container["args"], flags, intra_op_parallelism=cores, inter_op_parallelism=cores)
    assert container["image"] == server.IMAGE
    assert container["startupProbe"]["tcpSocket"] == {"port": "rest"}
    ready = {"port": "rest", "path": "/v1/models/digits/labels/stable/metadata"}
    assert container["readinessProbe"]["httpGet"] == ready
    assert "/v1/models/%s:predict" in container["livenessProbe"]["exec"]["command"][-1]
    assert deployment["spec"]["strategy"]["type"] == "RollingUpdate"
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]
    names = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} == names


@pytest.fixture
def port():
    """A port at which a server answers to what asks for digits and for the metrics; to all else it is mute."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            head = b"".join(iter(self.rfile.readline, b"\r\n")).decode()
            if length := re.search(r"Content-Length: (\d+)", head):
                body = json.loads(self.rfile.read(int(length[1])))
                self.server.asked.append(body)
            if head.startswith(("GET /monitoring/prometheus/metrics HTTP/", "POST /v1/models/digits:predict HTTP/")):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            else:
                self.rfile.read()

    with socketserver.ThreadingTCPServer(("localhost", 0), Handler) as listening:
        listening.daemon_threads = True
        listening.asked = asked
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield listening.server_address[1]
        listening.shutdown()


def probe(script: str, port: int) -> int:
    """The status of a probe, at another port."""
    assert "/localhost/8501" in script
    words = ["timeout", "2", "bash", "-c", script.replace("/localhost/8501", f"/localhost/{port}")]
    return subprocess.run(words, check=False).returncode


def test_kubernetes_asks_a_prediction_and_takes_silence_for_the_end(port):
    deployment, _ = yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())
    script = deployment["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["exec"]["command"][-1]
    assert probe(script, port) == 0
    assert asked.pop() == {"signature_name": "sample", "instances": [{"seed": [0, 0]}]}
    assert probe(script.replace("digits", "hangs"), port) != 0


def test_compose_reads_the_metrics_and_takes_silence_for_the_end(port):
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    script = services["serving"]["healthcheck"]["test"][-1].replace("$$", "$")
    assert probe(script, port) == 0
    assert probe(script.replace("/metrics", "/hangs"), port) != 0
