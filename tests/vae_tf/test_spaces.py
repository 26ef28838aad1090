import numpy as np

from vae_tf.spaces import Real, Sphere


def test_the_size_is_the_number_of_a_codes_values():
    assert Real((2, 3, 4)).size == 24


def test_the_nearest_real_code_is_the_code_itself(rng):
    z = rng.normal(size=(3, 2)).astype(np.float32)
    np.testing.assert_array_equal(Real((2,)).nearest(z), z)


def test_the_nearest_code_on_the_sphere_has_length_1(rng):
    z = rng.normal(size=(3, 4)).astype(np.float32)
    expected = z / np.linalg.norm(z, axis=-1, keepdims=True)
    np.testing.assert_allclose(Sphere((4,)).nearest(z), expected, rtol=1e-6)
