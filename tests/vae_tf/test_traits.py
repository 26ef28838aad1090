"""What a model says of its latents."""

import numpy as np
import pytest

from vae_tf import InputError, objectives, posteriors


def test_codes_of_real_numbers_are_not_counted_and_stand_for_themselves(make_vae, rng):
    vae, z = make_vae(), rng.normal(size=(3, 2)).astype(np.float32)
    assert vae.code_count is None
    np.testing.assert_array_equal(vae.vectors(z), z)


def test_a_plain_autoencoder_has_no_rate_of_a_layer(make_vae, binary):
    vae = make_vae(posterior=posteriors.Deterministic(2), objective=objectives.Reconstruction())
    with pytest.raises(InputError, match="is a plain autoencoder and has no elbo"):
        vae.rates_by_layer(binary)
