import numpy as np

from vae_tf.training import evaluation


def test_codes_are_the_means_of_the_posterior_in_order(make_vae, bits):
    vae = make_vae()
    expected = vae.encode(bits).mean()
    for batch_size in (1, 7, 1_000):
        np.testing.assert_allclose(evaluation.codes(vae, bits, batch_size), expected, atol=1e-6)


def test_no_examples_have_no_codes(make_vae, bits):
    assert evaluation.codes(make_vae(), bits[:0]).shape == (0, 2)
