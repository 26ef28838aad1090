import contextlib
from types import SimpleNamespace

import pytest

from vae_tf.export import server
from vae_tf_cli import request
from vae_tf_cli.main import main


@pytest.fixture
def started(monkeypatch):
    """Stands for a server; returns what it was started with."""
    calls = []
    status = -6

    @contextlib.contextmanager
    def running(directory, rest_port, grpc_port, host):
        calls.append((directory, rest_port, grpc_port, host))
        yield SimpleNamespace(
            names=["digits", "faces"],
            rest=f"http://localhost:{rest_port}",
            grpc=f"localhost:{grpc_port}",
            wait=lambda said, seconds: said({"digits": "LOADING"}),
            stay=lambda said: status,
            exposed="Exposed to nobody.",
            not_loaded=lambda: ["Version 3 of digits could not be loaded: damaged"],
            ending=lambda: "The server was ended by the signal SIGABRT",
        )

    monkeypatch.setattr(server, "running", running)
    return calls


def test_it_says_where_the_models_are_and_how_to_ask_them(started, capsys):
    assert main(["serve", "serving", "--rest-port", "9001", "--grpc-port", "9000", "--host", "0.0.0.0"]) == 134
    assert started == [("serving", 9001, 9000, "0.0.0.0")]
    printed, complaints = capsys.readouterr()
    assert "Exposed to nobody.\n" in printed
    assert "Version 3 of digits could not be loaded: damaged\n" in complaints
    assert "The server was ended by the signal SIGABRT.\n" in complaints
    assert "digits: http://localhost:9001/v1/models/digits, gRPC localhost:9000\n" in printed
    assert "faces: http://localhost:9001/v1/models/faces" in printed
    assert (
        """curl -d '{"signature_name": "sample", "instances": [{"seed": [7, 0]}]}' http://localhost:9001/v1"""
        in printed
    )


def test_the_example_is_that_of_the_newest_version_of_the_first_model(started, monkeypatch, capsys):
    monkeypatch.setattr(request, "lines", lambda rest, name, folder: [f"{rest} {name} {folder}"])
    main(["serve", "serving"])
    assert "\n  http://localhost:8501 digits serving/digits\n" in capsys.readouterr().out


def test_the_ports_are_the_server_s_own_and_the_host_is_loopback(started):
    main(["serve", "serving"])
    assert started == [("serving", 8501, 8500, "127.0.0.1")]


def test_a_folder_without_models_is_refused(refused, tmp_path):
    assert "has no models to serve" in refused("serve", tmp_path)
