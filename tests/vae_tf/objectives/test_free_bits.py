import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf import InputError, posteriors, priors
from vae_tf.latents import Flat, Latent
from vae_tf.objectives import FreeBits
from vae_tf.terms import Terms

# The first dimension is free in the mean, but not for the last example; the second one the other way round.
LOC = np.float32([[0.1, 2.0], [-0.1, -1.5], [1.2, 0.2]])
SITE = Flat(posteriors.DiagonalNormal(2), priors.StandardNormal(2))
SCALE = np.float32([[1.0, 0.3], [0.9, 0.5], [1.1, 0.9]])
RATES = 0.5 * (LOC**2 + SCALE**2 - 1 - 2 * np.log(SCALE))


def terms(loc) -> Terms:
    q = tfd.Independent(tfd.Normal(loc, SCALE), 1)
    p = tfd.Independent(tfd.Normal(tf.zeros([2]), tf.ones([2])), 1)
    return Terms((Latent(tf.convert_to_tensor(loc)[None], q, p, SITE),), tf.constant([[-3.0, -4.0, -5.0]]))


def test_values_by_hand():
    values = FreeBits(free=0.5)(terms(LOC), tf.constant(0))
    mean = RATES.mean(axis=0)
    assert mean[0] < 0.5 < RATES[2, 0]
    assert RATES[2, 1] < 0.5 < mean[1]
    np.testing.assert_allclose(values["loss"], np.array([3.5, 4.5, 5.5]) + RATES[:, 1], rtol=1e-5)
    np.testing.assert_allclose(np.mean(values["loss"]), 4 + np.maximum(0.5, mean).sum(), rtol=1e-5)
    np.testing.assert_allclose(values["rate"], RATES.sum(axis=-1), rtol=1e-5)  # what it is, not what is minimised
    assert values.keys() == FreeBits.directions.keys()


def test_the_mean_takes_the_sample_weights():
    weights = np.float32([0.3, 0.2, 5.0])  # now the first dimension is above what is free
    values = FreeBits(free=0.5)(terms(LOC)._replace(weights=tf.constant(weights)), tf.constant(0))
    mean = np.average(RATES, axis=0, weights=weights)
    assert mean[0] > 0.5 > RATES.mean(axis=0)[0]
    expected = np.array([3.0, 4.0, 5.0]) + np.where(mean > 0.5, RATES, 0.5).sum(axis=-1)
    np.testing.assert_allclose(values["loss"], expected, rtol=1e-5)


def test_what_is_free_is_not_pushed():
    loc = tf.constant(LOC)
    with tf.GradientTape() as tape:
        tape.watch(loc)
        loss = tf.reduce_sum(FreeBits(free=0.5)(terms(loc), tf.constant(0))["loss"])
    gradient = tape.gradient(loss, loc)
    np.testing.assert_array_equal(gradient[:, 0], np.zeros(3))
    np.testing.assert_allclose(gradient[:, 1], LOC[:, 1], rtol=1e-5)


@pytest.mark.parametrize(
    "parts",
    [{"posterior": posteriors.FullCovarianceNormal(2)}, {"prior": priors.MixtureOfNormals(2)}],
    ids=["posterior", "prior"],
)
def test_what_does_not_fall_apart_into_dimensions_is_refused(make_vae, parts):
    name = type(next(iter(parts.values()))).__name__
    with pytest.raises(InputError, match=rf"{name}.*does not fall apart into dimensions: use"):
        make_vae(objective=FreeBits(), **parts)


def test_the_config_makes_it_again():
    made = FreeBits(free=0.25, samples=2, group="layer")
    assert FreeBits.from_config(made.get_config()).get_config() == {"free": 0.25, "samples": 2, "group": "layer"}
    assert FreeBits.from_config({"free": 0.25, "samples": 2}).group == "dimension"  # as version 0.1 wrote it


def test_a_layer_has_its_nats_free_together():
    rates = RATES.sum(axis=-1)  # of all dimensions
    distortion = np.array([3.0, 4.0, 5.0])
    values = FreeBits(free=rates.mean() - 0.1, group="layer")(terms(LOC), tf.constant(0))
    np.testing.assert_allclose(values["loss"], distortion + rates, rtol=1e-5)
    values = FreeBits(free=rates.mean() + 0.1, group="layer")(terms(LOC), tf.constant(0))
    np.testing.assert_allclose(values["loss"], distortion + rates.mean() + 0.1, rtol=1e-5)
    with pytest.raises(InputError, match=r"group='rung': give \"dimension\" or \"layer\""):
        FreeBits(group="rung")
