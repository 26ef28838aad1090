"""A ladder of linear-normal rungs, whose log p(x) is known, and what a ladder does as a model."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy import stats

from vae_tf import VAE, InputError, importance, likelihoods, networks, objectives, posteriors, priors
from vae_tf.family import Given
from vae_tf.latents import Joint, Ladder, Rung

SIZE, TOP, BELOW = 4, 2, 3
SCALE = 0.8  # of the noise on x


def linear(units: int) -> layers.Dense:
    return layers.Dense(units, kernel_initializer=keras.initializers.RandomNormal(stddev=0.7))


def rungs(posterior=posteriors.DiagonalNormal) -> list[Rung]:
    z = keras.Input([TOP])
    top = keras.Model(z, linear(BELOW)(z))
    state, z = keras.Input([BELOW]), keras.Input([BELOW])
    below = keras.Model([state, z], layers.Add()([linear(SIZE)(state), linear(SIZE)(z)]))
    return [
        Rung(posterior(TOP), priors.StandardNormal(TOP), top),
        Rung(posterior(BELOW), priors.ConditionalNormal(BELOW), below),
    ]


def ladder_of_normals(posterior=posteriors.DiagonalNormal, objective=None) -> VAE:
    x = keras.Input([SIZE])
    encoder = keras.Model(x, [linear(3)(x), linear(5)(x)])
    state = keras.Input([SIZE])
    decoder = keras.Model(state, layers.Identity()(state))
    likelihood = likelihoods.Normal([SIZE], scale=SCALE)
    return VAE(encoder, decoder, likelihood=likelihood, objective=objective, latents=Ladder(rungs(posterior)))


def exact(vae: VAE) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the covariance of p(x): z_1 ~ N(0, I), z_2 ~ N(m(state_1), s(state_1)^2), all linear."""
    top, below = vae.latents.rungs
    a, a0 = (value.numpy() for value in top.down.layers[-1].weights)  # state_1 = z_1 a + a0
    m, m0 = (value.numpy() for value in below.prior.loc.weights)
    s = np.exp(below.prior.log_scale.bias.numpy())  # its kernel is 0
    (b, b0), (c, c0) = ([value.numpy() for value in layer.weights] for layer in below.down.layers if layer.weights)
    w, w0 = (value.numpy() for value in vae.likelihood.linear.weights)
    mean_z = a0 @ m + m0
    mean = (a0 @ b + b0 + mean_z @ c + c0) @ w + w0
    through = (a @ b + a @ m @ c) @ w  # of z_1
    noise = (s[:, None] * c) @ w  # of the noise of z_2
    return mean, through.T @ through + noise.T @ noise + SCALE**2 * np.eye(SIZE)


@pytest.fixture(params=[posteriors.DiagonalNormal, posteriors.RelativeNormal])
def vae(request) -> VAE:
    vae = ladder_of_normals(request.param)
    rng = np.random.default_rng(3)
    below = vae.latents.rungs[1].prior
    below.loc.set_weights([rng.normal(0, 0.5, value.shape) for value in below.loc.weights])
    below.log_scale.bias.assign(rng.normal(0, 0.3, below.log_scale.bias.shape))
    for rung in vae.latents.rungs:
        if request.param is posteriors.DiagonalNormal:  # wide, as a proposal should be
            rung.posterior.loc.kernel.assign(0.2 * rung.posterior.loc.kernel)
            rung.posterior.log_variance.set_weights([0 * w + 0.5 for w in rung.posterior.log_variance.get_weights()])
            rung.posterior.log_variance.kernel.assign(0 * rung.posterior.log_variance.kernel)
    return vae


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(4).normal(0, 0.7, [5, SIZE]).astype(np.float32)


def test_importance_sampling_meets_the_exact_likelihood(vae, x):
    mean, covariance = exact(vae)
    expected = stats.multivariate_normal(mean, covariance).logpdf(x)
    found = list(importance.estimates(vae, x, samples=50_000, seed=1))
    log_prob = np.concatenate([part.log_prob for part in found])
    standard_error = np.concatenate([part.standard_error for part in found])
    assert np.all(standard_error < 0.05)
    assert np.all(abs(log_prob - expected) < 5 * standard_error + 1e-3)


def test_draws_have_the_exact_moments(vae):
    mean, covariance = exact(vae)
    drawn = vae.sample(20_000, seed=2).numpy()  # means of p(x|z)
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), covariance - SCALE**2 * np.eye(SIZE), atol=0.1)


def test_recalling_what_was_inferred_gives_the_same_pass(vae, x):
    noise = np.random.default_rng(5).normal(size=[3, 5, vae.noise_size]).astype(np.float32)
    terms = vae.terms(x, noise)
    z = tf.concat([latent.z for latent in terms.latents], axis=-1)
    np.testing.assert_allclose(vae.likelihood.log_prob(vae.decode(z), x), terms.log_likelihood, rtol=1e-5)
    log_q = sum(latent.posterior.log_prob(latent.z) for latent in terms.latents)
    np.testing.assert_allclose(vae.log_posterior(z, x), log_q, rtol=1e-5, atol=1e-5)
    q = vae.encode(x)
    assert isinstance(q, Joint)
    np.testing.assert_allclose(q.log_prob(z), log_q, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(tf.concat(q.codes, axis=-1), vae.represent(x).z, rtol=1e-6)


def test_the_rate_is_the_sum_over_the_rungs(vae, x):
    noise = np.random.default_rng(6).normal(size=[20_000, 1, vae.noise_size]).astype(np.float32)
    terms = vae.terms(x[:1], noise)
    closed = vae.objective.measures(terms)["rate"]
    drawn = sum(latent.posterior.log_prob(latent.z) - latent.prior.log_prob(latent.z) for latent in terms.latents)
    standard_error = np.std(drawn) / np.sqrt(20_000)
    np.testing.assert_allclose(closed[0], np.mean(drawn), atol=5 * standard_error)
    assert vae.rates(x).shape == (5, TOP + BELOW)


def test_a_relative_posterior_starts_as_the_prior(x):
    vae = ladder_of_normals(posteriors.RelativeNormal)
    np.testing.assert_allclose(vae.score(x).rate, np.zeros(5), atol=1e-6)


def test_the_rate_of_each_rung_is_its_own_divergence(vae, x):
    rates = vae.rates_by_layer(x)
    assert rates.shape == (5, 2)
    np.testing.assert_allclose(tf.reduce_sum(rates, axis=1), tf.reduce_sum(vae.rates(x), axis=1), rtol=1e-5)
    top = vae.latents.rungs[0].posterior
    if isinstance(top, posteriors.DiagonalNormal):
        loc, log_variance = (layer(vae.encoder(x)[0]).numpy() for layer in (top.loc, top.log_variance))
        expected = (loc**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1) / 2  # KL[ N(m, v) || N(0, 1) ]
        np.testing.assert_allclose(rates[:, 0], expected, rtol=1e-4)


def test_below_what_is_held_codes_are_drawn_given_what_is_above(vae, rng):
    count, normals = 4_000, lambda *shape: tf.constant(rng.normal(size=shape), tf.float32)
    z = tf.tile(vae.from_noise(normals(1, vae.prior_noise_size)), [count, 1])
    found = vae.draw_below(z, normals(count, vae.prior_noise_size), held=1)
    np.testing.assert_array_equal(found[:, :TOP], z[:, :TOP])
    top, below = vae.latents.rungs
    p = below.prior.distribution(below.prior.parameters(Given(top.down(z[:1, :TOP]))))
    np.testing.assert_allclose(tf.reduce_mean(found[:, TOP:], axis=0), p.mean()[0], atol=0.1)
    np.testing.assert_allclose(tf.math.reduce_std(found[:, TOP:], axis=0), p.stddev()[0], rtol=0.1)


def test_what_is_drawn_below_is_a_draw_by_the_same_noise(vae, rng):
    noise = rng.normal(size=[6, vae.prior_noise_size]).astype(np.float32)
    z, other = vae.from_noise(noise), vae.from_noise(-noise)
    np.testing.assert_array_equal(vae.draw_below(z, noise, held=[0, 1, 2, 0, 1, 2]), z)
    found = vae.draw_below(other, noise, held=np.array([0, 0, 1, 1, 2, 2]))
    np.testing.assert_array_equal(found[:2], z[:2])
    np.testing.assert_array_equal(found[2:4, :TOP], other[2:4, :TOP])
    np.testing.assert_array_equal(found[4:], other[4:])
    assert np.abs(found[2:4, TOP:] - z[2:4, TOP:]).max() > 1e-3


def test_what_cannot_be_held_is_refused(vae):
    z, noise = np.zeros([3, vae.latent_size]), np.zeros([3, vae.prior_noise_size])
    for held in (3, -1, 0.5, [], True):
        with pytest.raises(InputError, match="give whole numbers from 0 to 2, the model's layers"):
            vae.draw_below(z, noise, held)
    for rows in ((z[:2], noise, 1), (z, noise[:2], 1), (z, noise, [1, 1])):
        with pytest.raises(InputError, match="give as many of each"):
            vae.draw_below(*rows)
    with pytest.raises(InputError, match=r"z has shape \(3, 4\); this model takes codes \(N, 5\)"):
        vae.draw_below(z[:, :4], noise, 1)


@pytest.mark.parametrize(
    "objective",
    [
        objectives.ELBO(samples=2),
        objectives.ImportanceWeighted(samples=3),
        objectives.FreeBits(0.1),
        objectives.FreeBits(0.1, group="layer"),
        objectives.Capacity(),
    ],
    ids=lambda objective: type(objective).__name__,
)
def test_it_trains_and_comes_back_from_a_file(objective, x, tmp_path):
    vae = ladder_of_normals(objective=objective)
    before = [weight.numpy() for weight in vae.trainable_weights]
    vae.compile("adam", jit_compile=True, steps_per_execution=2)
    history = vae.fit(np.repeat(x, 8, axis=0), epochs=2, batch_size=10, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    changed = [np.any(weight.numpy() != old) for weight, old in zip(vae.trainable_weights, before, strict=True)]
    assert all(changed)
    vae.save(tmp_path / "ladder.keras")
    loaded = keras.saving.load_model(tmp_path / "ladder.keras")
    np.testing.assert_array_equal(loaded.sample(4, seed=1), vae.sample(4, seed=1))
    np.testing.assert_array_equal(loaded.represent(x).z, vae.represent(x).z)
    loaded.fit(np.repeat(x, 8, axis=0), epochs=1, batch_size=10, verbose=0)


def test_every_signature_answers_row_by_row(vae, x, tmp_path):
    vae.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served").signatures
    seed = tf.constant([[7, row] for row in range(5)], tf.int32)
    drawn = served["sample"](seed=seed)
    np.testing.assert_array_equal(served["sample"](seed=seed[3:4])["z"][0], drawn["z"][3])
    np.testing.assert_allclose(served["decode"](z=drawn["z"])["mean"], drawn["mean"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        served["score"](x=tf.constant(x), seed=seed)["elbo"], vae.score_rows(tf.constant(x), seed).elbo, rtol=1e-4
    )
    bad = tf.tensor_scatter_nd_update(drawn["z"], [[1, 0]], [np.nan])
    is_bad = np.isnan(served["decode"](z=bad)["mean"]).any(axis=-1)
    np.testing.assert_array_equal(is_bad, [False, True, False, False, False])


@pytest.mark.parametrize(
    "objective",
    [
        objectives.DIP(),
        objectives.TotalCorrelation(examples=10),
        objectives.MaximumMeanDiscrepancy(),
        objectives.ImportanceWeighted(gradient="dreg"),
    ],
    ids=lambda objective: type(objective).__name__,
)
def test_objectives_of_one_layer_refuse_several(objective):
    with pytest.raises(InputError, match="is of one stochastic layer, and the ladder has 2"):
        ladder_of_normals(objective=objective)


def test_shapes_that_do_not_meet_are_named():
    (top, below), state = rungs(), keras.Input([SIZE])
    decoder = keras.Model(state, layers.Identity()(state))
    x = keras.Input([SIZE])
    two, three = (keras.Model(x, [linear(3)(x) for _ in range(count)]) for count in (2, 3))
    with pytest.raises(InputError, match="3 outputs: give a built network with 2 outputs, one for each rung"):
        VAE(three, decoder, latents=Ladder([top, below]))
    wide = keras.Input([7])
    with pytest.raises(InputError, match=r"the ladder ends in a state \(4,\), and the decoder takes \(7,\)"):
        VAE(two, keras.Model(wide, layers.Identity()(wide)), latents=Ladder([top, below]))
    with pytest.raises(InputError, match=r"The `down` of rung 2 of 2 has 1 inputs"):
        Ladder([top, top])
    with pytest.raises(InputError, match=r"the posterior has \(2,\), the prior has \(3,\)"):
        Rung(posteriors.DiagonalNormal(2), priors.StandardNormal(3), top.down)
    alone = Rung(posteriors.DiagonalNormal(BELOW), priors.StandardNormal(BELOW), below.down)
    with pytest.raises(InputError, match="StandardNormal, which does not depend on what is above it"):
        VAE(two, decoder, likelihood=likelihoods.Normal([SIZE]), latents=Ladder([top, alone]))
    with pytest.raises(InputError, match="give at least one"):
        Ladder([])
    with pytest.raises(InputError, match="latents besides a posterior or a prior"):
        VAE(two, decoder, prior=priors.StandardNormal(2), latents=Ladder([top, below]))


def test_a_relative_posterior_is_refused_where_there_is_no_normal_prior_to_correct():
    (top, _), z = rungs(), keras.Input([TOP])
    with pytest.raises(InputError, match="corrects a normal prior, and MixtureOfNormals is none"):
        Rung(posteriors.RelativeNormal(TOP), priors.MixtureOfNormals(TOP), top.down)
    x = keras.Input([SIZE])
    with pytest.raises(InputError, match="corrects the prior of a ladder's rung: use posteriors"):
        VAE(keras.Model(x, linear(3)(x)), keras.Model(z, linear(3)(z)), posterior=posteriors.RelativeNormal(TOP))


def test_networks_of_a_ladder_train_and_are_named_by_what_does_not_meet():
    encoder, decoder, latents = networks.ladder((8, 8, 1), levels=[(1, 3, 1), (4, 2, 2)], filters=6)
    vae = VAE(encoder, decoder, latents=latents)
    assert vae.latent_size == 3 + 2 * 4 * 4 * 2
    x = (np.random.default_rng(7).random([12, 8, 8, 1]) < 0.4).astype(np.float32)
    vae.compile("adam")
    assert np.isfinite(vae.fit(x, epochs=1, verbose=0).history["loss"]).all()
    assert vae.reconstruct(x).shape == x.shape
    with pytest.raises(InputError, match="8 is no multiple of 3, which is above it"):
        networks.ladder((8, 8, 1), levels=[(3, 3, 1)])
    with pytest.raises(InputError, match="give square images"):
        networks.ladder((8, 6, 1))
    with pytest.raises(InputError, match=r"the level \(4, 2\)"):
        networks.ladder((8, 8, 1), levels=[(4, 2)])
