"""The example of the page, from the posterior to its test; in a process of its own, whose classes nobody else sees."""

import pathlib
import re

import pytest

PAGE = pathlib.Path(__file__).parents[2] / "CONTRIBUTING.md"
RUN = """
    import pathlib

    import keras
    import numpy as np

    import vae_tf
    from vae_tf import VAE, networks

    module = {"__name__": "vae_tf.posteriors.logistic"}
    exec(pathlib.Path("posterior.py").read_text(), module)
    vae_tf.posteriors.Logistic = module["Logistic"]

    vae = VAE(*networks.mlp((4,), latent_size=2, hidden=(3,)), posterior=vae_tf.posteriors.Logistic(2))
    vae.compile("adam", jit_compile=False)
    x = np.random.default_rng(0).integers(0, 2, (20, 4)).astype(np.float32)
    assert np.isfinite(vae.fit(x, verbose=0).history["elbo"]).all()
    vae.save("model.keras")
    np.testing.assert_array_equal(keras.saving.load_model("model.keras")(x), vae(x))
    print("it trains and is saved")

    exec(pathlib.Path("its_test.py").read_text(), module)
    module["test_draws_and_density_are_those_of_scipy"](np.random.default_rng(0))
    print("its test passes")
    """


@pytest.fixture(scope="module")
def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_posterior_of_the_page_works_and_its_test_passes(blocks, tmp_path, fresh_process):
    (tmp_path / "posterior.py").write_text(blocks[0])
    (tmp_path / "its_test.py").write_text(blocks[3])
    process = fresh_process(RUN)
    assert process.stdout.splitlines() == ["it trains and is saved", "its test passes"], process.stderr


def test_the_line_of_the_page_is_one_of_the_list(blocks):
    assert re.fullmatch(r'    "Logistic": lambda: model\(posterior=posteriors.Logistic\(LATENT_SIZE\)\),\n', blocks[2])
