"""TF Serving on a folder of models: started, awaited, and stopped."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

from vae_tf.errors import InputError
from vae_tf.export.server import command, configuration
from vae_tf.export.server.addresses import LOOPBACK, check_free, exposed, in_url
from vae_tf.export.server.command import Configured

PATIENCE = 20  # seconds that a server has to end
LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"  # of the environment; set for this process, it would silence the server
UNREACHABLE = (OSError, ValueError, KeyError, http.client.HTTPException)  # urllib's errors among them


class Server:
    """A server that runs.

    Attributes:
        process: that of the server, or of Docker.
        names: the models that it serves.
        rest: the URL of its REST interface.
        grpc: the address of its gRPC interface.
        exposed: who reaches it, as a sentence.
    """

    def __init__(self, process: subprocess.Popen, configured: Configured, rest_port: int, grpc_port: int):
        self.process, self.configured = process, configured
        self.names = configuration.names(configured.directory)
        host = "localhost" if configured.host.is_unspecified else in_url(configured.host)
        self.rest, self.grpc = f"http://{host}:{rest_port}", f"{host}:{grpc_port}"
        self.exposed = exposed(configured.host, rest_port, grpc_port)

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
        url = f"{self.rest}/v1/models/{urllib.parse.quote(name)}"
        with urllib.request.urlopen(url, timeout=command.POLL) as answer:
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
            time.sleep(command.POLL)
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
            check_free(configured.host, port)
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


def _signal(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return str(number)
