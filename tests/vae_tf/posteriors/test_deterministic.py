import numpy as np

from vae_tf.family import Given
from vae_tf.posteriors import Deterministic


def test_every_draw_is_the_code(rng):
    posterior = Deterministic(3)
    posterior.build((None, 4))
    features = rng.normal(size=(5, 4)).astype(np.float32)
    q = posterior.distribution(posterior.parameters(Given(features)))
    kernel, bias = posterior.loc.get_weights()
    code = posterior.code(q)
    np.testing.assert_allclose(code, features @ kernel + bias, rtol=1e-5, atol=1e-6)

    z = posterior.draw(q, np.zeros((7, 5, posterior.noise_size), np.float32))
    assert z.shape == (7, 5, 3)
    np.testing.assert_array_equal(z, np.broadcast_to(code, (7, 5, 3)))


def test_it_has_neither_noise_nor_density():
    assert Deterministic(3).noise_size == 0
    assert not Deterministic(3).has_density
