"""The repository as its tests see it: where it is, and which folder is which package."""

import configparser
import pathlib

import pytest


@pytest.fixture(scope="session")
def root() -> pathlib.Path:
    """The folder of setup.cfg."""
    return pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="session")
def rooms(root) -> dict[str, pathlib.Path]:
    """The folder of each package that setup.cfg gives one: {"vae_tf.training": root / "training", ...}."""
    setup = configparser.ConfigParser()
    setup.read(root / "setup.cfg")
    lines = setup["options"]["package_dir"].strip().splitlines()
    return {package.strip(): root / folder.strip() for package, folder in (line.split("=") for line in lines)}
