"""What a user asks of a model: encode, decode, call, predict, reconstruct, sample."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from vae_tf import VAE, InputError, likelihoods, networks, objectives, posteriors, priors


@pytest.fixture(scope="module")
def vae(make_vae):
    return make_vae()


def dense(layer: keras.layers.Dense, x: np.ndarray) -> np.ndarray:
    kernel, bias = layer.get_weights()
    return x @ kernel + bias


def test_two_networks_are_enough():
    vae = VAE(*networks.mlp((4, 3, 1), latent_size=5, hidden=(6,)))
    assert type(vae.posterior) is posteriors.DiagonalNormal
    assert type(vae.prior) is priors.StandardNormal
    assert type(vae.likelihood) is likelihoods.Bernoulli
    assert type(vae.objective) is objectives.ELBO
    assert (vae.posterior.latent_size, vae.prior.latent_size, vae.likelihood.event_shape) == (5, 5, (4, 3, 1))
    assert vae.built


def test_encode_is_the_posterior_of_the_encoders_features(vae, binary):
    q = vae.encode(binary)
    assert (q.batch_shape, q.event_shape, q.dtype) == ((50,), (2,), tf.float32)
    features = np.maximum(dense(vae.encoder.layers[-1], binary), 0)
    np.testing.assert_allclose(q.mean(), dense(vae.posterior.loc, features), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(q.stddev(), np.exp(dense(vae.posterior.log_variance, features) / 2), rtol=1e-4)


def decoded_by_hand(vae, z):
    return special.expit(dense(vae.likelihood.linear, np.maximum(dense(vae.decoder.layers[-1], z), 0)))


def test_decode_is_the_likelihood_of_the_decoders_features(vae, rng):
    z = rng.normal(size=(50, 2)).astype(np.float32)
    p = vae.decode(z)
    assert (p.batch_shape, p.event_shape, p.dtype) == ((50,), (6,), tf.float32)
    np.testing.assert_allclose(p.mean(), decoded_by_hand(vae, z), rtol=1e-4)


@pytest.mark.parametrize("batch", [(), (3,), (4, 3), (0,)])
def test_decode_keeps_the_leading_axes(vae, rng, batch):
    z = rng.normal(size=(*batch, 2)).astype(np.float32)
    mean = vae.decode(z).mean()
    assert mean.shape == (*batch, 6)
    np.testing.assert_allclose(mean, decoded_by_hand(vae, z.reshape(-1, 2)).reshape(*batch, 6), rtol=1e-4)


def test_call_predict_and_reconstruct_are_the_mean_at_the_posteriors_mean(vae, binary):
    expected = decoded_by_hand(vae, vae.encode(binary).mean().numpy())
    np.testing.assert_allclose(vae(binary), expected, rtol=1e-4)
    np.testing.assert_array_equal(vae.reconstruct(binary), vae(binary))
    np.testing.assert_allclose(vae.predict(binary, batch_size=20, verbose=0), expected, rtol=1e-4)


def test_a_pass_draws_from_the_posterior_and_scores_each_draw(vae, binary, rng):
    noise = rng.normal(size=(3, 50, 2)).astype(np.float32)
    terms = vae.terms(binary, noise)
    (latent,) = terms.latents
    q = vae.encode(binary)
    np.testing.assert_allclose(latent.z, q.mean() + q.stddev() * noise, rtol=1e-5)
    for draw in range(3):
        np.testing.assert_allclose(terms.log_likelihood[draw], vae.decode(latent.z[draw]).log_prob(binary), rtol=1e-4)


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float64, np.bool_])
def test_data_of_any_type_is_read_as_float32(vae, binary, kind):
    np.testing.assert_array_equal(vae(binary.astype(kind)), vae(binary))


def test_the_summary_gives_the_shape_of_every_part(make_vae):
    lines = []
    make_vae(name="m", prior=priors.MixtureOfNormals(2)).summary(print_fn=lambda line, **_: lines.append(line))
    (text,) = lines
    assert "?" not in text
    assert text.count("(None, 2)") == 2
    assert "(None, 6)" in text


def test_the_summary_names_the_parts(vae):
    lines = []
    vae.summary(print_fn=lambda line, **_: lines.append(line))
    text = "\n".join(lines)
    for part in ("encoder", "decoder", "DiagonalNormal", "StandardNormal", "Bernoulli"):
        assert part in text


# ----- sample


def test_samples_are_means_at_draws_from_the_prior(vae):
    z = vae.draw(tf.stack([tf.fill([5], 7), tf.range(5)], axis=1))
    samples = vae.sample(5, seed=7)
    assert (samples.shape, samples.dtype) == ((5, 6), tf.float32)
    np.testing.assert_allclose(samples, decoded_by_hand(vae, z.numpy()), rtol=1e-4)


def test_samples_have_a_seed_by_default(vae):
    np.testing.assert_array_equal(vae.sample(5), vae.sample(5, seed=0))


def test_a_row_of_a_sample_is_a_function_of_the_seed_and_its_number(vae):
    samples = vae.sample(64, seed=7)
    tf.random.set_seed(3)
    np.testing.assert_array_equal(vae.sample(64, seed=7), samples)
    np.testing.assert_allclose(vae.sample(1, seed=7), samples[:1], atol=1e-6)
    np.testing.assert_allclose(vae.sample(10, seed=7), samples[:10], atol=1e-6)
    assert np.abs(vae.sample(64, seed=8) - samples).min(axis=1).max() > 1e-3


def test_its_codes_are_bit_equal_alone_in_a_batch_and_compiled(vae):
    seeds = tf.stack([tf.fill([64], 7), tf.range(64)], axis=1)
    codes = vae.draw(seeds).numpy()
    for row in (0, 11, 63):
        np.testing.assert_array_equal(vae.draw(seeds[row : row + 1])[0], codes[row])
    np.testing.assert_array_equal(tf.function(vae.draw)(seeds), codes)


def test_an_empty_sample_is_empty(vae):
    assert vae.sample(0, seed=1).shape == (0, 6)


def test_a_negative_count_is_refused(vae):
    with pytest.raises(InputError, match=r"sample\(\) got count=-1: give a whole number of at least 0"):
        vae.sample(-1, seed=1)


# ----- refusals


@pytest.mark.parametrize("method", ["encode", "reconstruct", "__call__"])
@pytest.mark.parametrize("shape", [(4, 5), (6,), (4, 6, 1), (4, 2, 3)])
def test_data_of_another_shape_is_refused(vae, method, shape):
    with pytest.raises(InputError) as caught:
        getattr(vae, method)(np.zeros(shape, np.float32))
    assert f"x has shape {shape}; this model takes ('N', 6): reshape the data or build" in str(caught.value)


@pytest.mark.parametrize("shape", [(4, 3), (2, 4, 6), (1,), ()])
def test_codes_of_another_size_are_refused(vae, shape):
    with pytest.raises(InputError, match=r"z has shape \(.*\); this model takes codes of shape \(N, 2\)"):
        vae.decode(np.zeros(shape, np.float32))


@pytest.mark.parametrize("method", ["fit", "evaluate"])
@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (255.0, r"x.* is 255.0 in channel 2 \(index \(3, 2\)\); Bernoulli takes values in \[0, 1\]: scale the data"),
        (np.nan, r"x.* is nan in channel 2 \(index \(3, 2\)\); Bernoulli takes"),
        (np.inf, r"x.* is inf in channel 2 \(index \(3, 2\)\); Bernoulli takes"),
    ],
)
def test_values_without_a_density_are_refused_before_training(make_vae, binary, method, value, sentence):
    vae, x = make_vae(), binary.copy()
    x[3, 2] = value
    vae.compile("sgd")
    before = vae.get_weights()
    for data in (x, tf.constant(x), tf.data.Dataset.from_tensor_slices(x).batch(20)):
        with pytest.raises(InputError, match=sentence):
            getattr(vae, method)(data, verbose=0, **({"shuffle": False} if method == "fit" else {}))
    for one, other in zip(before, vae.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_validation_data_is_looked_at_before_training(make_vae, binary):
    vae = make_vae()
    vae.compile("sgd")
    for validation in ((binary * 255,), (binary * 255, None), tf.data.Dataset.from_tensors(binary * 255)):
        with pytest.raises(InputError, match=r"(validation_data|x of evaluation batch 1) is 255.0 in channel \d"):
            vae.fit(binary, validation_data=validation, verbose=0)


def test_data_of_another_shape_is_refused_before_training(make_vae, binary):
    vae = make_vae()
    vae.compile("sgd")
    with pytest.raises(InputError, match=r"x has shape \(50, 2, 3\); this model takes \('N', 6\): reshape"):
        vae.fit(binary.reshape(50, 2, 3), verbose=0)
    with pytest.raises(InputError, match=r"x gives one example at a time, of shape \(6,\); .*: batch it"):
        vae.fit(tf.data.Dataset.from_tensor_slices(binary), verbose=0)  # not batched


@pytest.mark.parametrize("given", [{"loss": "mse"}, {"metrics": ["mse"]}, {"weighted_metrics": ["mse"]}])
def test_a_loss_or_metrics_of_kerass_own_are_refused(make_vae, binary, given):
    vae = make_vae()

    def train():
        vae.compile("sgd", **given)
        vae.fit(binary, verbose=0)

    (name,) = given
    with pytest.raises(InputError, match=rf"compile\(\) was given .*{name.rpartition('_')[2]}.*leave"):
        train()


# ----- data sets


@pytest.mark.parametrize(
    "posterior",
    [
        posteriors.DiagonalNormal(2),
        posteriors.FullCovarianceNormal(2),
        posteriors.InverseAutoregressiveFlow(2, hidden=(4,)),
        posteriors.PowerSpherical(2),
        posteriors.Deterministic(2),
    ],
    ids=lambda posterior: type(posterior).__name__,
)
def test_a_data_set_is_encoded_and_reconstructed_as_its_array_is(make_vae, binary, posterior):
    prior = priors.SphericalUniform(2) if isinstance(posterior, posteriors.PowerSpherical) else None
    objective = None if posterior.has_density else objectives.Reconstruction()
    vae = make_vae(posterior=posterior, prior=prior, objective=objective)
    dataset = tf.data.Dataset.from_tensor_slices((binary, np.arange(50))).batch(15)
    q, expected = vae.encode(dataset), vae.encode(binary)
    assert (q.batch_shape, q.event_shape) == ((50,), (2,))
    np.testing.assert_allclose(posterior.code(q), posterior.code(expected), rtol=1e-5, atol=1e-6)
    if posterior.has_density:
        z = posterior.draw(expected, tf.ones([1, 50, posterior.noise_size]))
        np.testing.assert_allclose(q.log_prob(z), expected.log_prob(z), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(vae.reconstruct(dataset), vae.reconstruct(binary), rtol=1e-5)


def test_log_prob_of_a_data_set_is_that_of_its_array(vae, binary):
    dataset = tf.data.Dataset.from_tensor_slices(binary).batch(15)
    expected = vae.log_prob(binary, samples=300, seed=4)
    np.testing.assert_allclose(vae.log_prob(dataset, samples=300, seed=4), expected, rtol=1e-5)


def test_an_empty_data_set_has_empty_answers(vae, binary):
    empty = tf.data.Dataset.from_tensor_slices(binary).batch(10).take(0)
    assert vae.encode(empty).batch_shape == (0,)
    assert vae.reconstruct(empty).shape == (0, 6)
    assert vae.log_prob(empty).shape == (0,)
