"""The files that deploy a server start it with the flags of `vae-tf serve`, on the files of a folder of models."""

import importlib.resources
import pathlib

import pytest
import yaml

from vae_tf.export import server, server_config

FOLDER = pathlib.Path(str(importlib.resources.files("vae_tf.export"))) / "deploy"


@pytest.fixture
def flags(tmp_path, monkeypatch) -> dict[str, str]:
    """Those of `vae-tf serve`, for a folder that the server sees at /models."""
    (tmp_path / "digits" / "1").mkdir(parents=True)
    server_config.write(tmp_path, "digits", [1], None)
    monkeypatch.setenv(server.VARIABLE, "/bin/sh")
    words = server.Configured(tmp_path, tmp_path).command(8501, 8500)[3:]
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
    assert scraped["metrics_path"] in server_config.MONITORING_TEXT
    assert scraped["static_configs"] == [{"targets": ["serving:8501"]}]


def test_kubernetes_starts_the_server_with_probes_resources_and_a_rolling_update(flags):
    deployment, service = yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    cores = container["resources"]["limits"]["cpu"]
    agree(container["args"], flags, intra_op_parallelism=cores, inter_op_parallelism=cores)
    assert container["image"] == server.IMAGE
    assert container["startupProbe"]["tcpSocket"] == {"port": "rest"}
    ready = {"port": "rest", "path": "/v1/models/digits/labels/stable/metadata"}
    assert container["readinessProbe"]["httpGet"] == ready
    assert container["livenessProbe"]["tcpSocket"] == {"port": "grpc"}
    assert deployment["spec"]["strategy"]["type"] == "RollingUpdate"
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]
    names = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} == names
