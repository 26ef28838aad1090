"""TensorFlow Serving on a folder of models: found, configured, started, and awaited."""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator

from vae_tf.errors import InputError
from vae_tf.export import server_config

VARIABLE = "TENSORFLOW_MODEL_SERVER"  # of the environment: the binary
BINARY = "tensorflow_model_server"
IMAGE = "tensorflow/serving:2.21.0"
PATIENCE = 20  # seconds that a server has to end
POLL = 2  # seconds between two looks at models.config, here and in the server


class Server:
    """A server that runs.

    Attributes:
        process: that of the server, or of Docker.
        names: the models that it serves.
        rest: the URL of its REST interface.
        grpc: the address of its gRPC interface.
    """

    def __init__(self, process: subprocess.Popen, configured: "Configured", rest_port: int, grpc_port: int):
        self.process, self.configured = process, configured
        self.names = server_config.names(configured.directory)
        self.rest, self.grpc = f"http://localhost:{rest_port}", f"localhost:{grpc_port}"

    def states(self) -> dict[str, str]:
        """What each model is, as the server says: AVAILABLE, LOADING, ..., or UNREACHABLE."""
        return {name: self._state(name) for name in self.names}

    def _state(self, name: str) -> str:
        try:
            with urllib.request.urlopen(f"{self.rest}/v1/models/{urllib.parse.quote(name)}", timeout=POLL) as answer:
                versions = json.load(answer)["model_version_status"]
        except (OSError, ValueError, KeyError, http.client.HTTPException):  # urllib's errors among them
            return "UNREACHABLE"
        states = [version["state"] for version in versions]
        return "AVAILABLE" if states and set(states) == {"AVAILABLE"} else next(iter(states), "UNKNOWN")

    def wait(self, said: Callable[[dict[str, str]], None], seconds: float) -> None:
        """Waits until all models are available.

        Args:
            said: is told the states, once a look.
            seconds: to wait at most.

        Raises:
            InputError: where the server ends, or the time is over.
        """
        end = time.monotonic() + seconds
        while (states := self.states()) and set(states.values()) != {"AVAILABLE"}:
            if self.process.poll() is not None:
                raise InputError(f"The server ended with status {self.process.returncode}: see what it printed above.")
            if time.monotonic() > end:
                late = ", ".join(f"{name} is {state}" for name, state in states.items() if state != "AVAILABLE")
                raise InputError(f"After {seconds:g} seconds, {late}: see what the server printed above.")
            said(states)
            time.sleep(0.2)

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
def running(directory: str | os.PathLike[str], rest_port: int, grpc_port: int) -> Iterator[Server]:
    """Starts a server on a folder of models, and stops it afterwards.

    Args:
        directory: as `export` has made it.
        rest_port: of its REST interface.
        grpc_port: of its gRPC interface.

    Raises:
        InputError: where the folder has no models, a port cannot be used, or there is neither a server nor Docker.
    """
    with tempfile.TemporaryDirectory(prefix="vae-tf-serve-") as folder:
        configured = Configured(pathlib.Path(directory).resolve(), pathlib.Path(folder))
        if rest_port == grpc_port:
            raise InputError(f"The ports of REST and gRPC are both {rest_port}: give two.")
        for port in (rest_port, grpc_port):
            _check_free(port)
        process = subprocess.Popen(configured.command(rest_port, grpc_port))
        try:
            yield Server(process, configured, rest_port, grpc_port)
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _check_free(port: int) -> None:
    """Whoever listens there already would be taken for the server."""
    if not 0 < port < 2**16:
        raise InputError(f"The port is {port}: give one from 1 to 65535.")
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("", port))
        except OSError as error:
            raise InputError(f"The port {port} cannot be used ({error.strerror}): give another.") from None


class Configured:
    """The configurations of a folder of models, copied for a server that sees them at other paths.

    Args:
        directory: of the models.
        folder: where the copies are.
    """

    def __init__(self, directory: pathlib.Path, folder: pathlib.Path):
        self.directory, self.folder = directory, folder
        self.binary = os.environ.get(VARIABLE) or shutil.which(BINARY)
        if self.binary and not shutil.which(self.binary):
            raise InputError(f"${VARIABLE} is {self.binary}, which is no program: give the path of {BINARY}.")
        if not self.binary and not shutil.which("docker"):
            raise InputError(
                f"There is no {BINARY} and no Docker: install one of them, or name the server in ${VARIABLE}."
            )
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
        ]
        if self.binary:
            return [self.binary, f"--rest_api_port={rest_port}", f"--port={grpc_port}", *flags]
        image = ["--platform", "linux/amd64", IMAGE]  # there is no other
        ports = ["-p", f"{rest_port}:8501", "-p", f"{grpc_port}:8500"]
        volumes = ["-v", f"{self.directory}:{self.mount}:ro", "-v", f"{self.folder}:/config:ro"]
        return ["docker", "run", "--rm", "--init", *ports, *volumes, *image, *flags]
