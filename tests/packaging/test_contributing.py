import pathlib
import re

import keras
import numpy as np
import pytest

import vae_tf
from vae_tf import VAE, networks, posteriors

PAGE = pathlib.Path(__file__).parents[2] / "CONTRIBUTING.md"


@pytest.fixture(scope="module")
def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def logistic(blocks) -> type[posteriors.Posterior]:
    module = {"__name__": "vae_tf.posteriors.logistic"}
    exec(compile(blocks[0], str(PAGE), "exec"), module)
    return module["Logistic"]


def test_the_posterior_of_the_page_trains_and_is_saved(logistic, tmp_path):
    vae = VAE(*networks.mlp((4,), latent_size=2, hidden=(3,)), posterior=logistic(2))
    vae.compile("adam", jit_compile=False)
    x = np.random.default_rng(0).integers(0, 2, (20, 4)).astype(np.float32)
    assert np.isfinite(vae.fit(x, verbose=0).history["elbo"]).all()
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), vae(x))


def test_the_test_of_the_page_passes(logistic, blocks, monkeypatch):
    monkeypatch.setattr(vae_tf.posteriors, "Logistic", logistic, raising=False)
    module: dict = {}
    exec(compile(blocks[3], str(PAGE), "exec"), module)
    module["test_draws_and_density_are_those_of_scipy"](np.random.default_rng(0))


def test_the_line_of_the_page_is_one_of_the_list(blocks):
    assert re.fullmatch(r'    "Logistic": lambda: model\(posterior=posteriors.Logistic\(LATENT_SIZE\)\),\n', blocks[2])
