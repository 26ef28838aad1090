"""What the tests of the command line share: a small recipe on small data, a finished run, and what a refusal is."""

import contextlib
import io
import os
import pathlib
import shutil
import subprocess
import sys
import textwrap
from typing import NamedTuple

import numpy as np
import pytest

from vae_tf_cli.main import main

RECIPE = """
    data: {data}
    epochs: 2
    batch_size: 16
    jit_compile: false
    model:
      networks:
        class_path: MLP
        init_args:
          hidden: [8]
      latent_size: 2
    """


@pytest.fixture(scope="session")
def images(tmp_path_factory) -> pathlib.Path:
    """An .npz file of 48 + 12 grey images of 6 x 6, uint8."""
    rng = np.random.default_rng(1)
    path = tmp_path_factory.mktemp("data") / "images.npz"
    x = rng.integers(0, 256, (60, 6, 6), dtype=np.uint8)
    np.savez(path, x_train=x[:48], x_test=x[48:])
    return path


@pytest.fixture(scope="session")
def recipe(images, tmp_path_factory) -> str:
    """The path of a small recipe, without XLA, whose data are `images`."""
    path = tmp_path_factory.mktemp("recipe") / "small.yaml"
    path.write_text(textwrap.dedent(RECIPE.format(data=images)))
    return str(path)


class Trained(NamedTuple):
    """What `vae-tf train` has made and printed."""

    directory: pathlib.Path
    printed: str


@pytest.fixture(scope="session")
def trained(recipe, tmp_path_factory) -> Trained:
    """A run of two epochs, one of whose settings was given on the command line."""
    directory = tmp_path_factory.mktemp("runs") / "finished"
    words = ["train", "--recipe", recipe, "--run", str(directory), "--binarization", "dynamic"]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main(words) == 0
    return Trained(directory, printed.getvalue())


@pytest.fixture(scope="session")
def finished(trained) -> pathlib.Path:
    """The directory of a run of two epochs that is only read; see `run` for one to change."""
    return trained.directory


@pytest.fixture
def run(finished, tmp_path) -> pathlib.Path:
    """A copy of `finished`, in the test's own folder."""
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def here(tmp_path, monkeypatch) -> pathlib.Path:
    """The test's own folder, in which one stands."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def contents():
    """The files of a folder, hidden ones too: path -> bytes."""

    def read(folder: pathlib.Path) -> dict[str, bytes]:
        paths = [path for path in folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(folder)): path.read_bytes() for path in paths}

    return read


@pytest.fixture
def refused(capsys):
    """Runs the command on what it must refuse; returns the one line that it says."""

    def call(*words) -> str:
        capsys.readouterr()
        assert main([str(word) for word in words]) == 2
        captured = capsys.readouterr()
        (line,) = captured.err.splitlines()
        assert line.startswith("vae-tf: error: ")
        assert "Traceback" not in captured.out
        return line.removeprefix("vae-tf: error: ")

    return call


@pytest.fixture
def process(tmp_path):
    """Runs the command in a process of its own, in the test's own folder; returns the finished process."""

    def call(*words: str, flags=(), **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, *flags, "-m", "vae_tf_cli.main", *words],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return call
