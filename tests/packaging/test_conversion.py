"""The examples of docs/conversion.md, as a reader runs them after an export."""

import re

import keras
import numpy as np
import pytest

from vae_tf import VAE, networks, priors
from vae_tf.export import export


@pytest.fixture(scope="module")
def blocks(root) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (root / "docs/conversion.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def vae(tmp_path, monkeypatch) -> VAE:
    keras.utils.set_random_seed(0)
    vae = VAE(*networks.mlp((4, 4, 1), 3, hidden=(8,)), prior=priors.MixtureOfNormals(3, components=4))
    monkeypatch.chdir(tmp_path)
    export(vae, "serving", "digits")
    return vae


def means(vae, noise):
    return vae.likelihood.mean(vae.decode(vae.from_noise(noise)))


@pytest.mark.filterwarnings(r"ignore:\s*Warning. tf.lite.Interpreter is deprecated:UserWarning")
def test_tflite(blocks, vae):
    names: dict = {}
    exec(blocks[0], names)
    exec(blocks[1], names)
    assert names["noise"].shape == (16, 4)
    np.testing.assert_allclose(names["images"], means(vae, names["noise"]), atol=1e-5)


def test_onnx(blocks, vae):
    pytest.importorskip("tf2onnx")
    names: dict = {}
    exec(blocks[2], names)
    np.testing.assert_allclose(names["samples"], means(vae, names["noise"]), atol=1e-5)
