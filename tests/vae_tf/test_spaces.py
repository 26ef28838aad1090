import numpy as np
import tensorflow as tf

from vae_tf.spaces import Real, Sphere


def test_codes_of_any_shape_are_served_flat(rng):
    space = Real((2, 3, 4))
    z = tf.constant(rng.normal(size=(5, 7, 2, 3, 4)), tf.float32)
    assert space.size == 24
    flat = space.flat(z)
    np.testing.assert_array_equal(flat, z.numpy().reshape(5, 7, 24))
    np.testing.assert_array_equal(space.unflat(flat), z)


def test_the_nearest_real_code_is_the_code_itself(rng):
    z = rng.normal(size=(3, 2)).astype(np.float32)
    np.testing.assert_array_equal(Real((2,)).nearest(z), z)


def test_the_nearest_code_on_the_sphere_has_length_1(rng):
    z = rng.normal(size=(3, 4)).astype(np.float32)
    expected = z / np.linalg.norm(z, axis=-1, keepdims=True)
    np.testing.assert_allclose(Sphere((4,)).nearest(z), expected, rtol=1e-6)
