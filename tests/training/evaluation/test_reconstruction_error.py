import numpy as np
import pytest

from vae_tf.training import evaluation


def test_it_is_the_mean_squared_difference_of_all_values(make_vae, bits):
    vae = make_vae()
    expected = np.mean((bits - vae.reconstruct(bits).numpy()) ** 2)
    for batch_size in (1, 7, 1_000):
        assert evaluation.reconstruction_error(vae, bits, batch_size) == pytest.approx(expected, rel=1e-5)
