"""Every measure takes examples by the model's one rule of dtypes."""

import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError, priors, training
from vae_tf.training import evaluation

TAKERS = {
    "codes": evaluation.codes,
    "kl_per_dimension": evaluation.kl_per_dimension,
    "aggregated_posterior": lambda vae, x: evaluation.aggregated_posterior(vae, x, seed=0),
    "reconstruction_error": evaluation.reconstruction_error,
    "log_likelihood": lambda vae, x: evaluation.log_likelihood(vae, x, 2, seed=0).log_prob,
    "fit_prior": lambda vae, x: training.fit_prior(
        vae, x, priors.MixtureOfNormals(2, components=2), epochs=1, verbose=0
    ).prior.loc.numpy(),
}


@pytest.mark.parametrize("take", TAKERS.values(), ids=TAKERS)
def test_numbers_of_every_dtype_give_what_float32_gives(make_vae, bits, take):
    vae = make_vae()
    expected = take(vae, bits)
    kinds = [bits.astype(kind) for kind in ("float64", "float16", "uint8", "int64", "bool")]
    for x in [*kinds, tf.constant(bits, tf.float64), bits.tolist()]:
        np.testing.assert_array_equal(take(vae, x), expected)


@pytest.mark.parametrize("take", TAKERS.values(), ids=TAKERS)
@pytest.mark.parametrize("kind", ["uint8", "int64"])
def test_pixels_that_are_not_scaled_are_refused_in_one_sentence(make_vae, bits, take, kind):
    with pytest.raises(InputError, match=r"is 255 in channel .*takes values in \[0, 1\].*uint8 images: x / 255"):
        take(make_vae(), (255 * bits).astype(kind))


@pytest.mark.parametrize(
    "measure", ["kl_per_dimension", "aggregated_posterior", "reconstruction_error", "log_likelihood"]
)
def test_a_measure_of_no_examples_is_refused(make_vae, bits, measure):
    with pytest.raises(InputError, match=r"was asked for of 0 examples: give at least [12]\."):
        TAKERS[measure](make_vae(), bits[:0])
