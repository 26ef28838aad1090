"""The wheel: what is in it, and that it works from an empty folder where nothing else of the project is seen."""

import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import sysconfig
import time
import venv
import zipfile

import pytest

ROOMS = ("vae_tf", "vae_tf.training", "vae_tf.export", "vae_tf_cli", "vae_tf_client")


def run(*command, **options) -> str:
    """Runs a command; returns what it printed, or fails with all that it said."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, **options)
    assert process.returncode == 0, f"{command}\n{process.stdout}\n{process.stderr}"
    return process.stdout


@pytest.fixture(scope="module")
def wheel(root, rooms, tmp_path_factory) -> pathlib.Path:
    """The wheel, built from a copy of what setup.cfg names, so that no earlier build/ gets into it."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for folder in rooms.values():
        shutil.copytree(folder, source / folder.name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", built)
    run(sys.executable, "-m", "pip", "wheel", *options, source)
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> pathlib.Path:
    """A fresh virtual environment with the wheel, and the libraries of this one.

    A path in a .pth file is searched, but the .pth files there, such as that of the editable install, are not read.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel)
    (packages,) = folder.glob("lib/python*/site-packages")
    theirs = pathlib.Path(sysconfig.get_path("purelib"))
    (packages / "borrowed.pth").write_text(f"{theirs}\n{sysconfig.get_path('platlib')}\n")
    # tensorflow_probability imports distutils, which since Python 3.12 setuptools provides, through this file.
    shutil.copy(theirs / "distutils-precedence.pth", packages)
    return folder


def test_it_holds_every_file_of_the_rooms_and_no_other(wheel, rooms):
    expected = {
        f"{package.replace('.', '/')}/{path.relative_to(folder)}"
        for package, folder in rooms.items()
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "__pycache__" and not path.name.startswith(".")
    }
    assert {"vae_tf/py.typed", "vae_tf/training/recipes/digits.yaml"} <= expected
    names = zipfile.ZipFile(wheel).namelist()
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_each_room_is_imported_from_it_in_an_empty_folder(environment, tmp_path):
    code = f"import importlib\nfor name in {ROOMS}: print(importlib.import_module(name).__file__)"
    files = run(environment / "bin" / "python", "-c", code, cwd=tmp_path).split()
    assert len(files) == len(ROOMS)
    for file in files:
        assert pathlib.Path(file).is_relative_to(environment), file


def test_the_command_goes_from_digits_to_a_served_model(environment, tmp_path):
    for words in (
        "train --recipe digits --run r --epochs 1",
        "evaluate r --samples 5",
        "export r --to serving --name digits",
        "check serving/digits",
    ):
        run(environment / "bin" / "vae-tf", *words.split(), cwd=tmp_path)
    assert (tmp_path / "r" / "results.json").is_file()
    assert (tmp_path / "serving" / "digits" / "1" / "saved_model.pb").is_file()


def test_help_is_instant(environment, tmp_path):
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        assert "train" in run(environment / "bin" / "vae-tf", "--help", cwd=tmp_path)
        seconds.append(time.perf_counter() - start)
    assert statistics.median(seconds) < 0.5
