"""What the tests of every room share: TensorFlow on the CPU, repeatable draws, a fresh Python process."""

import contextlib
import gc
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator

import hypothesis
import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # bit-equality and tolerances are stated for the CPU

hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, database=None, max_examples=50)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def fresh_process(tmp_path):
    """Runs code in a new Python process in the test's own folder; returns the finished process."""

    def run(code: str, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture(scope="module", autouse=True)
def forgotten_graphs() -> Iterator[None]:
    """Forgets the graphs that TensorFlow would keep for ever, so that a worker's memory does not grow with the tests.

    Each custom gradient, such as that of a Keras optimizer, stays in a registry, with the model that it came from.
    Those of TensorFlow Probability stay, because functions that it traces once for a whole process use them.
    """
    yield
    if "tensorflow" in sys.modules:
        from tensorflow.python.framework import ops

        registered = ops.gradient_registry._registry  # name -> {"type": function, ...}
        for name in [name for name in registered if name.startswith("CustomGradient-")]:
            if not any(module.startswith("tensorflow_probability") for module in _modules(registered[name]["type"])):
                del registered[name]
        gc.collect()


def _modules(function: Callable, depth: int = 4) -> Iterator[str]:
    """The modules of a function, and of those that it closes over."""
    yield function.__module__
    for cell in (function.__closure__ or ()) if depth else ():
        with contextlib.suppress(ValueError):  # an empty cell
            if hasattr(cell.cell_contents, "__closure__"):
                yield from _modules(cell.cell_contents, depth - 1)
