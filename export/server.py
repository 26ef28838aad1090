"""TensorFlow Serving on a folder of models: found, configured, started, and awaited."""

import contextlib
import http.client
import ipaddress
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

from vae_tf.errors import InputError
from vae_tf.export import server_config

VARIABLE = "TENSORFLOW_MODEL_SERVER"  # of the environment: the binary
BINARY = "tensorflow_model_server"
IMAGE = "tensorflow/serving:2.21.0"
PATIENCE = 20  # seconds that a server has to end
POLL = 2  # seconds between two looks at models.config, here and in the server
LOOPBACK = "127.0.0.1"
LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"  # of the environment; set for this process, it would silence the server
UNREACHABLE = (OSError, ValueError, KeyError, http.client.HTTPException)  # urllib's errors among them
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Server:
    """A server that runs.

    Attributes:
        process: that of the server, or of Docker.
        names: the models that it serves.
        rest: the URL of its REST interface.
        grpc: the address of its gRPC interface.
        exposed: who reaches it, as a sentence.
    """

    def __init__(self, process: subprocess.Popen, configured: "Configured", rest_port: int, grpc_port: int):
        self.process, self.configured = process, configured
        self.names = server_config.names(configured.directory)
        host = "localhost" if configured.host.is_unspecified else _in_url(configured.host)
        self.rest, self.grpc = f"http://{host}:{rest_port}", f"{host}:{grpc_port}"
        self.exposed = _exposed(configured.host, rest_port, grpc_port)

    def states(self) -> dict[str, str]:
        """What each model is, as the server says: AVAILABLE, LOADING, ..., or UNREACHABLE."""
        return {name: self._state(name) for name in self.names}

    def _state(self, name: str) -> str:
        try:
            states = [version["state"] for version in self._versions(name)]
        except UNREACHABLE:
            return "UNREACHABLE"
        under_way = [state for state in states if state not in ("AVAILABLE", "END")]
        if under_way:
            return under_way[0]
        return "AVAILABLE" if "AVAILABLE" in states else next(iter(states), "UNKNOWN")

    def _versions(self, name: str) -> list[dict[str, Any]]:
        """What the server says of each version of a model."""
        with urllib.request.urlopen(f"{self.rest}/v1/models/{urllib.parse.quote(name)}", timeout=POLL) as answer:
            return json.load(answer)["model_version_status"]

    def not_loaded(self) -> Iterator[str]:
        """A sentence on each version that the server could not load."""
        for name in self.names:
            with contextlib.suppress(*UNREACHABLE):
                for version in self._versions(name):
                    why = version.get("status", {}).get("error_message")
                    if version["state"] == "END" and why:
                        yield f"Version {version['version']} of {name} could not be loaded: {' '.join(why.split())}"

    def wait(self, said: Callable[[dict[str, str]], None], seconds: float) -> None:
        """Waits until all models are available; beside a version that is, others may be such as cannot be loaded.

        Args:
            said: is told the states, once a look.
            seconds: to wait at most.

        Raises:
            InputError: where the server ends, or the time is over.
        """
        end = time.monotonic() + seconds
        while (states := self.states()) and set(states.values()) != {"AVAILABLE"}:
            if self.process.poll() is not None:
                raise InputError(f"{self.ending()}: see what it printed above.")
            if time.monotonic() > end:
                late = ", ".join(f"{name} is {state}" for name, state in states.items() if state != "AVAILABLE")
                raise InputError(f"After {seconds:g} seconds, {late}: see what the server printed above.")
            said(states)
            time.sleep(0.2)

    def ending(self) -> str:
        """How the server has ended, as the beginning of a sentence."""
        status = self.process.returncode
        if status < 0:
            return f"The server was ended by the signal {_signal(-status)}"
        if status > 128 and not self.configured.binary:  # Docker's word for a signal in the container
            return f"The server was ended by the signal {_signal(status - 128)} (status {status})"
        return f"The server ended with status {status}"

    def stay(self, said: Callable[[str], None]) -> int:
        """Hands on what changes in models.config, until the server ends.

        Args:
            said: is told, once, what is wrong with a file that cannot be read; the server goes on with what it had.

        Returns:
            Its status.
        """
        complaint = ""
        while self.process.poll() is None:
            before = complaint
            try:
                self.configured.refresh()
                complaint = ""
            except (InputError, OSError) as error:
                complaint = f"{error} The server goes on with what it had."
            if complaint and complaint != before:
                said(complaint)
            time.sleep(POLL)
        return self.process.returncode


@contextlib.contextmanager
def running(
    directory: str | os.PathLike[str], rest_port: int, grpc_port: int, host: str = LOOPBACK
) -> Iterator[Server]:
    """Starts a server on a folder of models, and stops it afterwards.

    Args:
        directory: as `export` has made it.
        rest_port: of its REST interface.
        grpc_port: of its gRPC interface.
        host: the address that it listens on; only 0.0.0.0 (all of them) for a binary, which heeds no other.

    Raises:
        InputError: if the folder has no models, a port cannot be used, the host is no address or one that the server
            cannot be held to, or there is neither a server nor Docker.
    """
    with tempfile.TemporaryDirectory(prefix="vae-tf-serve-") as folder:
        configured = Configured(pathlib.Path(directory).resolve(), pathlib.Path(folder), host)
        if rest_port == grpc_port:
            raise InputError(f"The ports of REST and gRPC are both {rest_port}: give two.")
        for port in (rest_port, grpc_port):
            _check_free(configured.host, port)
        environment = {name: value for name, value in os.environ.items() if name != LOG_LEVEL}
        process = subprocess.Popen(configured.command(rest_port, grpc_port), env=environment)
        try:
            yield Server(process, configured, rest_port, grpc_port)
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _check_free(host: Address, port: int) -> None:
    """Whoever listens there already would be taken for the server."""
    if not 0 < port < 2**16:
        raise InputError(f"The port is {port}: give one from 1 to 65535.")
    with socket.socket(socket.AF_INET if host.version == 4 else socket.AF_INET6) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((str(host), port))
        except OSError as error:
            raise InputError(f"The port {port} cannot be used ({error.strerror}): give another.") from None


def _address(host: str) -> Address:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        raise InputError(
            f"The host is {host!r}: give an address of this machine, such as {LOOPBACK}, or 0.0.0.0 for all of them."
        ) from None


def _in_url(host: Address) -> str:
    return str(host) if host.version == 4 else f"[{host}]"


def _exposed(host: Address, rest_port: int, grpc_port: int) -> str:
    """Who reaches the server."""
    ports = f"REST with the metrics at port {rest_port}, gRPC at port {grpc_port}"
    if host.is_loopback:
        return f"Exposed to this machine only ({host}): {ports}."
    network = "to every network of this machine" if host.is_unspecified else "to whoever reaches this address"
    return f"Exposed {network} ({host}), without a password and unencrypted: {ports}."


def _signal(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return str(number)


class Configured:
    """The configurations of a folder of models, copied for a server that sees them at other paths.

    Args:
        directory: of the models.
        folder: where the copies are.
        host: the address that the server is to listen on.
    """

    def __init__(self, directory: pathlib.Path, folder: pathlib.Path, host: str = LOOPBACK):
        self.directory, self.folder, self.host = directory, folder, _address(host)
        self.binary = os.environ.get(VARIABLE) or shutil.which(BINARY)
        if self.binary and not shutil.which(self.binary):
            raise InputError(f"${VARIABLE} is {self.binary}, which is no program: give the path of {BINARY}.")
        if not self.binary and not shutil.which("docker"):
            raise InputError(
                f"There is no {BINARY} and no Docker: install one of them, or name the server in ${VARIABLE}."
            )
        if self.binary and not self.host.is_unspecified:  # it binds to :: and 0.0.0.0, whatever its flags are
            raise InputError(
                f"{self.binary} listens on all addresses of this machine and has no flag against it, so it cannot be "
                f"held to {self.host}: give --host 0.0.0.0 if all networks of this machine may ask it, or serve by "
                f"Docker, without a {BINARY} on the path and in ${VARIABLE}."
            )
        server_config.warn_of_sizes(directory)
        self.mount = str(directory) if self.binary else server_config.MOUNT
        self.refresh()

    def refresh(self) -> None:
        """Writes the copies anew; the server looks at models.config now and then."""
        server_config.copy(self.directory, self.folder, self.mount)

    def command(self, rest_port: int, grpc_port: int) -> list[str]:
        """The words that start the server."""
        folder = str(self.folder) if self.binary else "/config"
        flags = [
            f"--model_config_file={folder}/{server_config.MODELS}",
            f"--model_config_file_poll_wait_seconds={POLL}",
            "--allow_version_labels_for_unavailable_models=true",
            "--enable_batching=true",
            f"--batching_parameters_file={folder}/{server_config.BATCHING}",
            f"--monitoring_config_file={folder}/{server_config.MONITORING}",
            "--num_load_threads=4",  # a version that cannot be loaded holds up no other
            "--load_retry_interval_micros=5000000",
            "--rest_api_num_threads=64",
            "--grpc_max_threads=256",  # above so many callers it refuses
        ]
        if self.binary:
            return [self.binary, f"--rest_api_port={rest_port}", f"--port={grpc_port}", *flags]
        image = ["--platform", "linux/amd64", IMAGE]  # there is no other
        host = _in_url(self.host)
        ports = ["-p", f"{host}:{rest_port}:8501", "-p", f"{host}:{grpc_port}:8500"]
        volumes = ["-v", f"{self.directory}:{self.mount}:ro", "-v", f"{self.folder}:/config:ro"]
        return ["docker", "run", "--rm", "--init", *ports, *volumes, *image, *flags]
