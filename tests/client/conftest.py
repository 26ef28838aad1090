"""A small model behind a server: the program that stands for TF Serving, and the real one where there is one."""

import contextlib
import os
import pathlib
import shutil
import socket
import stat
import subprocess
import sys
from typing import NamedTuple

import keras
import numpy as np
import pytest

from vae_tf import VAE, likelihoods, networks, posteriors
from vae_tf.export import export, server

HERE = pathlib.Path(__file__).parent
REAL = os.environ.get(server.VARIABLE)  # read here, because tests set it


@pytest.fixture(scope="session")
def vae() -> VAE:
    """Two codes, 4 x 4 pixels, as the model of the recorded exchanges; all weights are random."""
    keras.utils.set_random_seed(0)
    vae = VAE(
        *networks.mlp((4, 4, 1), 2, hidden=(8,)),
        posterior=posteriors.DiagonalNormal(2),
        likelihood=likelihoods.Bernoulli((4, 4, 1)),
    )
    rng = np.random.default_rng(0)
    for weight in vae.trainable_weights:  # biases start as zeros
        weight.assign(weight + rng.normal(0, 0.1, weight.shape))
    return vae


@pytest.fixture(scope="session", params=["stand-in", "TF Serving"])
def binary(request, tmp_path_factory) -> str:
    """A server's program."""
    if request.param == "TF Serving":
        if not REAL:
            pytest.skip(f"There is no TF Serving here: ${server.VARIABLE} names none.")
        return REAL
    path = tmp_path_factory.mktemp("bin") / "stand_in"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE.parent / "stand_in" / "main.py"}" "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture(scope="session")
def serve(binary):
    """A folder of models -> a server that serves them, as a context."""

    @contextlib.contextmanager
    def serve(directory: pathlib.Path):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(server.VARIABLE, binary)
            with server.running(directory, free_port(), free_port(), "0.0.0.0") as running:
                running.wait(lambda states: None, 120)
                yield running

    return serve


@pytest.fixture(scope="session")
def directory(vae, tmp_path_factory) -> pathlib.Path:
    directory = tmp_path_factory.mktemp("models")
    export(vae, directory, "digits")
    return directory


@pytest.fixture(scope="session")
def served(directory, serve):
    """A server with batching, as `export` configures it."""
    with serve(directory) as running:
        yield running


class Certificate(NamedTuple):
    """A certificate of localhost that nobody has signed, and its key, as files."""

    file: str
    key: str


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> Certificate:
    if shutil.which("openssl") is None:
        pytest.skip("There is no openssl to make a certificate.")
    folder = tmp_path_factory.mktemp("tls")
    made = Certificate(str(folder / "certificate.pem"), str(folder / "key.pem"))
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    subprocess.run([*words.split(), "-out", made.file, "-keyout", made.key], check=True, capture_output=True)
    return made


@pytest.fixture(scope="session")
def port():
    """A port that nobody listens on, another at each call."""
    return free_port


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("localhost", 0))
        return listening.getsockname()[1]
