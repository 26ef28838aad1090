"""The examples of the page on ladders, grids and discrete codes, as a reader runs them."""

import pathlib
import re

import numpy as np

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "latents.md"


def test_the_examples_run_one_after_the_other():
    page = {"__name__": "page"}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(block, page)
        vae, images = page["vae"], page["images"]
        assert vae.reconstruct(images).shape == images.shape
        assert vae.represent(images).z.shape == (len(images), vae.latent_size)
        assert np.isfinite(vae.sample(2, seed=1)).all()
    assert sum(rung.posterior.latent_size for rung in page["ladder"].rungs) == 68
    assert (vae.prior.inner.latent_size, vae.latent_size) == (8, 16)
