"""The words that start TF Serving on a folder of models, as a binary or by Docker, and the files that it reads."""

import os
import pathlib
import shutil

from vae_tf.errors import InputError
from vae_tf.export.server import configuration
from vae_tf.export.server.addresses import LOOPBACK, address, in_url

VARIABLE = "TENSORFLOW_MODEL_SERVER"  # of the environment: the binary
BINARY = "tensorflow_model_server"
IMAGE = "tensorflow/serving:2.21.0"
POLL = 2  # seconds between two looks at models.config, here and in the server


class Configured:
    """The configurations of a folder of models, copied for a server that sees them at other paths.

    Args:
        directory: of the models.
        folder: where the copies are.
        host: the address that the server is to listen on.
    """

    def __init__(self, directory: pathlib.Path, folder: pathlib.Path, host: str = LOOPBACK):
        self.directory, self.folder, self.host = directory, folder, address(host)
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
        configuration.warn_of_sizes(directory)
        self.mount = str(directory) if self.binary else configuration.MOUNT
        self.refresh()

    def refresh(self) -> None:
        """Writes the copies anew; the server looks at models.config now and then."""
        configuration.copy(self.directory, self.folder, self.mount)

    def command(self, rest_port: int, grpc_port: int) -> list[str]:
        """The words that start the server."""
        folder = str(self.folder) if self.binary else "/config"
        flags = [
            f"--model_config_file={folder}/{configuration.MODELS}",
            f"--model_config_file_poll_wait_seconds={POLL}",
            "--allow_version_labels_for_unavailable_models=true",
            "--enable_batching=true",
            f"--batching_parameters_file={folder}/{configuration.BATCHING}",
            f"--monitoring_config_file={folder}/{configuration.MONITORING}",
            "--num_load_threads=4",  # a version that cannot be loaded holds up no other
            "--load_retry_interval_micros=5000000",
            "--rest_api_num_threads=64",
            "--grpc_max_threads=256",  # above so many callers it refuses
        ]
        if self.binary:
            return [self.binary, f"--rest_api_port={rest_port}", f"--port={grpc_port}", *flags]
        image = ["--platform", "linux/amd64", IMAGE]  # there is no other
        host = in_url(self.host)
        ports = ["-p", f"{host}:{rest_port}:8501", "-p", f"{host}:{grpc_port}:8500"]
        volumes = ["-v", f"{self.directory}:{self.mount}:ro", "-v", f"{self.folder}:/config:ro"]
        return ["docker", "run", "--rm", "--init", *ports, *volumes, *image, *flags]
