"""A server that is found, configured, started and awaited: a program that answers as TF Serving does to status."""

import json
import os
import pathlib
import stat
import sys
import textwrap
import threading
import time
import types

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from vae_tf import InputError
from vae_tf.export import server
from vae_tf.export.server import command, configuration, process

EVERYWHERE = "0.0.0.0"
PROGRAM = '''\
    #!{python}
    """Stands for tensorflow_model_server: writes down its words, and says of every model that it is available."""
    import http.server, json, os, pathlib, signal, sys, time

    here = pathlib.Path(__file__).parent
    (here / "words.json").write_text(json.dumps(sys.argv[1:]))
    (here / "environment.json").write_text(json.dumps(dict(os.environ)))
    if (here / "killed").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    flags = dict(word[2:].split("=", 1) for word in sys.argv[1:])
    if (here / "fails").exists():
        sys.exit(3)
    begun = time.monotonic()

    class Status(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            state = "AVAILABLE" if time.monotonic() - begun > 1 and not (here / "slow").exists() else "LOADING"
            self.send_response(200)
            self.end_headers()
            versions = [{{"version": "1", "state": state}}]
            if (here / "broken").exists():
                why = {{"error_message": "a field\\n is damaged"}}
                versions.insert(0, {{"version": "2", "state": "END", "status": why}})
            self.wfile.write(json.dumps({{"model_version_status": versions}}).encode())

        def log_message(self, *_):
            pass

    http.server.HTTPServer(("localhost", int(flags["rest_api_port"])), Status).serve_forever()
    '''


def program(path: pathlib.Path) -> pathlib.Path:
    path.write_text(textwrap.dedent(PROGRAM).format(python=sys.executable))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def models(tmp_path) -> pathlib.Path:
    """A folder of two models, and the entry of a third from elsewhere."""
    directory = tmp_path / 'my "models"'
    for name in ("digits", "faces"):
        (directory / name / "1").mkdir(parents=True)
        configuration.write(directory, name, [1], None)
    config = directory / "models.config"
    other = 'config { name: "other" base_path: "/elsewhere/other" }\n}'
    config.write_text(config.read_text().rstrip().removesuffix("}") + other)
    return directory


@pytest.fixture
def binary(tmp_path, monkeypatch) -> pathlib.Path:
    (tmp_path / "bin").mkdir()
    path = program(tmp_path / "bin" / "server")
    monkeypatch.setenv(server.VARIABLE, str(path))
    return path


@pytest.fixture
def port() -> int:
    import socket

    with socket.socket() as listening:
        listening.bind(("localhost", 0))
        return listening.getsockname()[1]


def entries(folder: pathlib.Path) -> dict[str, str]:
    """The base paths that the server was told of."""
    message = text_format.Parse((folder / "models.config").read_text(), model_server_config_pb2.ModelServerConfig())
    return {config.name: config.base_path for config in message.model_config_list.config}


def test_it_is_started_on_real_paths_and_awaited_and_stopped(models, binary, port):
    said = []
    with server.running(models, port, 8500, EVERYWHERE) as running:
        running.wait(said.append, 60)
        assert running.names == ["digits", "faces", "other"]
        assert running.states() == dict.fromkeys(running.names, "AVAILABLE")
        assert (running.rest, running.grpc) == (f"http://localhost:{port}", "localhost:8500")
        folder = running.configured.folder
        assert entries(folder) == {
            "digits": f"{models}/digits",
            "faces": f"{models}/faces",
            "other": "/elsewhere/other",
        }
        assert (folder / "batching.config").read_bytes() == (models / "batching.config").read_bytes()
        assert (folder / "monitoring.config").is_file()
    words = (binary.parent / "words.json").read_text()
    for word in ("--port=8500", "--enable_batching=true", "--model_config_file_poll_wait_seconds=2"):
        assert word in words
    for word in ("--num_load_threads=4", "--load_retry_interval_micros=5000000"):  # a bad version holds up no other
        assert word in words
    for word in ("--rest_api_num_threads=64", "--grpc_max_threads=256"):  # many callers are not refused
        assert word in words
    assert running.process.returncode is not None
    assert {state for states in said for state in states.values()} <= {"UNREACHABLE", "LOADING", "AVAILABLE"}
    assert not folder.exists()
    assert entries(models)["digits"] == "/models/digits"  # the folder's own is not touched


def test_what_is_exported_meanwhile_is_handed_on(models, binary, port, monkeypatch):
    monkeypatch.setattr(command, "POLL", 0.1)
    with server.running(models, port, 8500, EVERYWHERE) as running:
        staying = threading.Thread(target=running.stay, args=(pytest.fail,))
        staying.start()
        (models / "new" / "1").mkdir(parents=True)
        configuration.write(models, "new", [1], None)
        end = time.monotonic() + 30
        while "new" not in entries(running.configured.folder):
            assert time.monotonic() < end
            time.sleep(0.1)
        running.process.terminate()
        staying.join(30)
        assert not staying.is_alive()


def replace(path: pathlib.Path, content: bytes) -> None:
    path.with_suffix(".new").write_bytes(content)
    path.with_suffix(".new").replace(path)


def test_a_file_that_cannot_be_read_stops_no_server(models, binary, port, monkeypatch):
    monkeypatch.setattr(command, "POLL", 0.1)
    said = []
    with server.running(models, port, 8500, EVERYWHERE) as running:
        staying = threading.Thread(target=running.stay, args=(said.append,))
        staying.start()
        good = (models / "models.config").read_text()
        replace(models / "models.config", b"# \xff\n" + good.encode())  # in another encoding
        end = time.monotonic() + 30
        while not said:
            assert time.monotonic() < end
            time.sleep(0.1)
        time.sleep(0.5)
        assert entries(running.configured.folder).keys() == {"digits", "faces", "other"}
        (models / "new" / "1").mkdir(parents=True)
        replace(models / "models.config", good.encode())
        configuration.write(models, "new", [1], None)
        while "new" not in entries(running.configured.folder):
            assert time.monotonic() < end
            time.sleep(0.1)
        running.process.terminate()
        staying.join(30)
    (complaint,) = said
    assert "models.config cannot be read" in complaint
    assert complaint.endswith("The server goes on with what it had.")


def test_a_server_that_ends_is_said(models, binary, port):
    (binary.parent / "fails").touch()
    with (
        server.running(models, port, 8500, EVERYWHERE) as running,
        pytest.raises(InputError, match="The server ended with status 3: see what it printed"),
    ):
        running.wait(lambda states: None, 60)


def test_a_server_that_a_signal_ends_is_said(models, binary, port):
    (binary.parent / "killed").touch()
    with (
        server.running(models, port, 8500, EVERYWHERE) as running,
        pytest.raises(InputError, match="The server was ended by the signal SIGKILL: see what it printed above"),
    ):
        running.wait(lambda states: None, 60)


@pytest.mark.parametrize(
    ("status", "by_docker", "ending"),
    [
        (-6, False, "was ended by the signal SIGABRT"),
        (-99, False, "was ended by the signal 99"),
        (139, True, r"was ended by the signal SIGSEGV (status 139)"),
        (139, False, "ended with status 139"),
        (1, True, "ended with status 1"),
    ],
)
def test_an_ending_is_said(status, by_docker, ending):
    configured = types.SimpleNamespace(binary=None if by_docker else "server")
    ended = types.SimpleNamespace(process=types.SimpleNamespace(returncode=status), configured=configured)
    assert server.Server.ending(ended) == f"The server {ending}"


def test_the_server_has_its_own_level_of_logs(models, binary, port, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    with server.running(models, port, 8500, EVERYWHERE) as running:
        running.wait(lambda states: None, 60)
    environment = json.loads((binary.parent / "environment.json").read_text())
    assert "TF_CPP_MIN_LOG_LEVEL" not in environment
    assert environment["TF_ENABLE_ONEDNN_OPTS"] == "0"


def test_a_version_that_cannot_be_loaded_is_said_and_not_waited_for(models, binary, port):
    (binary.parent / "broken").touch()
    with server.running(models, port, 8500, EVERYWHERE) as running:
        running.wait(lambda states: None, 60)
        assert next(running.not_loaded()) == "Version 2 of digits could not be loaded: a field is damaged"


def test_a_binary_is_not_held_to_an_address(models, binary):
    refusal = "listens on all addresses of this machine .* cannot be held to 127.0.0.1: give --host 0.0.0.0 if"
    with pytest.raises(InputError, match=refusal), server.running(models, 1, 2):
        pass


def test_what_is_exposed_is_said(models, binary, port):
    with server.running(models, port, 8500, EVERYWHERE) as running:
        assert running.exposed == (
            f"Exposed to every network of this machine (0.0.0.0), without a password and unencrypted: REST with the "
            f"metrics at port {port}, gRPC at port 8500."
        )


@pytest.mark.parametrize(
    ("host", "published", "url", "exposed"),
    [
        ("127.0.0.1", "127.0.0.1:{}:8501", "http://127.0.0.1:{}", "Exposed to this machine only (127.0.0.1): "),
        ("::1", "[::1]:{}:8501", "http://[::1]:{}", "Exposed to this machine only (::1): "),
        ("0.0.0.0", "0.0.0.0:{}:8501", "http://localhost:{}", "Exposed to every network of this machine (0.0.0.0), "),
    ],
)
def test_docker_publishes_at_the_host_alone(models, tmp_path, monkeypatch, port, host, published, url, exposed):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    (tmp_path / "bin" / "docker").chmod(0o755)
    monkeypatch.delenv(server.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(process, "check_free", lambda host, port: None)  # not every machine has IPv6
    with server.running(models, port, 8500, host) as running:
        assert published.format(port) in running.process.args
        assert running.rest == url.format(port)
        assert running.exposed.startswith(exposed)


@pytest.mark.parametrize("host", ["localhost", "", "1.2.3", "http://0.0.0.0"])
def test_a_host_that_is_no_address_is_refused(models, binary, host):
    with pytest.raises(InputError, match=f"The host is '{host}': give an address of this machine, such as 127.0.0.1"):
        server.Configured(models, models, host)


def test_a_server_that_takes_too_long_is_said(models, binary, port):
    (binary.parent / "slow").touch()
    with (
        server.running(models, port, 8500, EVERYWHERE) as running,
        pytest.raises(InputError, match=r"After 2 seconds, digits is (LOADING|UNREACHABLE), faces is"),
    ):
        running.wait(lambda states: None, 2)


def test_a_binary_on_the_path_is_found(models, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    path = program(tmp_path / "bin" / server.BINARY)
    monkeypatch.delenv(server.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(path.parent), prepend=os.pathsep)
    words = server.Configured(models, tmp_path, EVERYWHERE).command(1, 2)
    assert words[:3] == [str(path), "--rest_api_port=1", "--port=2"]


def test_without_a_binary_it_is_docker(models, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin" / "docker")
    monkeypatch.delenv(server.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    words = server.Configured(models, tmp_path).command(1, 2)
    assert words[:9] == ["docker", "run", "--rm", "--init", "-p", "127.0.0.1:1:8501", "-p", "127.0.0.1:2:8500", "-v"]
    assert words[9:12] == [f"{models}:/models:ro", "-v", f"{tmp_path}:/config:ro"]
    assert words[12:15] == ["--platform", "linux/amd64", server.IMAGE]
    assert "--model_config_file=/config/models.config" in words
    assert entries(tmp_path)["digits"] == "/models/digits"


def test_without_either_it_is_refused(models, tmp_path, monkeypatch):
    monkeypatch.delenv(server.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    refusal = pytest.raises(InputError, match="There is no tensorflow_model_server and no Docker: install one of them")
    with refusal, server.running(models, 1, 2, EVERYWHERE):
        pass


def test_a_binary_that_is_none_is_refused(models, monkeypatch):
    monkeypatch.setenv(server.VARIABLE, "/nowhere/server")
    with (
        pytest.raises(InputError, match="is /nowhere/server, which is no program"),
        server.running(models, 1, 2, EVERYWHERE),
    ):
        pass


def test_a_port_that_somebody_has_is_refused(models, binary, port):
    import socket

    with socket.socket() as listening:
        listening.bind(("", port))
        listening.listen()
        refusal = pytest.raises(InputError, match=f"The port {port} cannot be used .*: give another")
        with refusal, server.running(models, port, 8500, EVERYWHERE):
            pass


@pytest.mark.parametrize(
    ("ports", "refusal"),
    [
        ((99_999, 8500), "The port is 99999: give one from 1 to 65535"),
        ((8501, -1), "The port is -1: give one from 1 to 65535"),
        ((8501, 8501), "The ports of REST and gRPC are both 8501: give two"),
    ],
)
def test_ports_that_are_none_are_refused(models, binary, ports, refusal):
    with pytest.raises(InputError, match=refusal), server.running(models, *ports, EVERYWHERE):
        pass


@pytest.mark.parametrize("name", ["empty", "nowhere"])
def test_a_folder_without_models_is_refused(tmp_path, binary, name):
    (tmp_path / "empty").mkdir()
    with (
        pytest.raises(InputError, match="has no models to serve: give a folder"),
        server.running(tmp_path / name, 1, 2, EVERYWHERE),
    ):
        pass


def test_allowed_batch_sizes_are_warned_of(models, binary, tmp_path):
    (models / "batching.config").write_text("max_batch_size { value: 8 } allowed_batch_sizes: 8\n")
    with pytest.warns(UserWarning, match=r"has allowed_batch_sizes, with which a request without rows ends the server"):
        server.Configured(models, tmp_path, EVERYWHERE)
