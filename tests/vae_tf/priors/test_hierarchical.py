"""A prior of linear normals, whose p(z) is known, and what a prior that is itself a model does in another."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from vae_tf import VAE, InputError, importance, latents, likelihoods, networks, objectives, posteriors, priors, random
from vae_tf.family import Given
from vae_tf.priors import Hierarchical
from vae_tf.terms import Terms

D, SIZE = 4, 5  # of z, of x
V = np.linalg.qr(np.random.default_rng(5).normal(size=[SIZE, D]))[0].T  # with orthonormal rows
C = np.random.default_rng(6).normal(size=SIZE)
SCALE = 0.6  # of the noise on x


def normals(*shape: int, seed: int = 7) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).normal(size=shape), tf.float32)


def density(prior: Hierarchical, noise: tf.Tensor):
    return prior.distribution(prior.parameters(Given(noise=noise)))


def over(prior: priors.Prior, objective=None) -> VAE:
    """x = z V + C + noise, z ~ the prior; q(z|x) is wide, and not the exact one."""
    x, z = keras.Input([SIZE]), keras.Input([D])
    linear = keras.layers.Activation("linear")
    vae = VAE(
        keras.Model(x, linear(x)),
        keras.Model(z, linear(z)),
        prior=prior,
        likelihood=likelihoods.Normal([SIZE], scale=SCALE),
        objective=objective,
    )
    vae.likelihood.linear.set_weights([V, C])
    gain = V.T @ np.linalg.inv(V @ V.T + SCALE**2 * np.eye(D))
    vae.posterior.loc.set_weights([gain, -C @ gain])
    vae.posterior.log_variance.set_weights([np.zeros([SIZE, D]), np.full(D, 2 * np.log(0.6))])
    return vae


@pytest.fixture
def exact(linear_gaussian):
    """The inner model with its exact posterior."""
    return linear_gaussian()


@pytest.fixture
def wide(linear_gaussian):
    """The inner model with a wider posterior than the exact one."""
    return linear_gaussian(widen=1.3)


@pytest.fixture
def make(make_vae):
    """Makes a small model whose prior is an inner one with these parts."""

    def make_model(inner=None, **parts) -> VAE:
        given = {"likelihood": likelihoods.Normal((2,), scale="predicted"), **(inner or {})}
        return make_vae(prior=Hierarchical(make_vae((2,), 3, (4,), **given)), **parts)

    return make_model


# ----- The numbers


def test_with_the_exact_inner_posterior_it_is_log_p_whatever_the_noise(exact):
    z = exact.data(50)
    found = density(Hierarchical(exact.vae), normals(3, 50, 2)).log_prob(np.stack([z] * 3))
    np.testing.assert_allclose(found, np.stack([exact.log_prob(z)] * 3), rtol=1e-5, atol=1e-5)


def test_with_the_exact_inner_posterior_its_gradient_is_that_of_log_p(exact):
    z = tf.constant(exact.data(50))
    p = density(Hierarchical(exact.vae), normals(50, 2))
    with tf.GradientTape() as tape:
        tape.watch(z)
        log_prob = p.log_prob(z)
    expected = -(z.numpy() - exact.b) @ np.linalg.inv(exact.covariance)
    np.testing.assert_allclose(tape.gradient(log_prob, z), expected, rtol=1e-4, atol=1e-4)


def test_with_another_inner_posterior_its_mean_weight_is_p(wide):
    count = 20_000
    z = wide.data(6)
    weights = np.exp(density(Hierarchical(wide.vae), normals(count, 6, 2)).log_prob(np.stack([z] * count)))
    error = weights.std(axis=0) / np.sqrt(count)
    p = np.exp(wide.log_prob(z))
    assert (error < 0.02 * p).all()
    assert (np.abs(weights.mean(axis=0) - p) < 4 * error).all()


def test_importance_sampling_meets_the_exact_likelihood_of_both_layers(wide):
    vae = over(Hierarchical(wide.vae))
    x = wide.data(3) @ V + C + np.random.default_rng(8).normal(0, SCALE, [3, SIZE])
    found = list(importance.estimates(vae, x.astype(np.float32), samples=20_000, seed=1))
    log_prob = np.concatenate([estimate.log_prob for estimate in found])
    error = np.concatenate([estimate.standard_error for estimate in found])
    covariance = V.T @ wide.covariance @ V + SCALE**2 * np.eye(SIZE)
    expected = stats.multivariate_normal(wide.b @ V + C, covariance).logpdf(x)
    assert (error < 0.05).all()
    assert (np.abs(log_prob - expected) < 4 * error).all()


def test_draws_have_the_exact_moments(exact):
    prior = Hierarchical(exact.vae)
    z = prior.generate(Given(), normals(20_000, prior.noise_size)).numpy()
    np.testing.assert_allclose(z.mean(axis=0), exact.b, atol=0.05)
    np.testing.assert_allclose(np.cov(z.T), exact.covariance, atol=0.08)


def test_gradients_of_the_weights_are_the_finite_differences(wide):
    prior, z, noise = Hierarchical(wide.vae), wide.data(20), normals(20, 2)
    with tf.GradientTape() as tape:
        log_prob = tf.reduce_sum(density(prior, noise).log_prob(z))
    weights = prior.trainable_weights
    assert len(weights) == 6
    for weight, gradient in zip(weights, tape.gradient(log_prob, weights), strict=True):
        start, direction, step = weight.numpy(), normals(*weight.shape).numpy(), 1e-3
        values = []
        for sign in (1, -1):
            weight.assign(start + sign * step * direction)
            values.append(float(tf.reduce_sum(tf.cast(density(prior, noise).log_prob(z), tf.float64))))
        weight.assign(start)
        expected = (values[0] - values[1]) / (2 * step)
        np.testing.assert_allclose(np.sum(gradient * direction), expected, rtol=0.01, atol=0.2)


def test_the_doubly_reparameterised_gradient_has_the_same_mean(wide):
    vae, count = over(Hierarchical(wide.vae)), 20_000
    x = np.tile([C + 0.5], [count, 1]).astype(np.float32)

    def gradients(objective, seed: int) -> np.ndarray:
        """Of the loss of each example by its features."""
        features = tf.identity(vae.encoder(x))
        with tf.GradientTape() as tape:
            tape.watch(features)
            infer = objective.infer([features], normals(2, count, vae.noise_size, seed=seed), None, None)
            p = vae.decode(vae.latents.walk(infer))
            loss = objective(Terms(tuple(infer.latents), p.log_prob(x)), tf.constant(0))["loss"]
        return tape.gradient(loss, features).numpy()

    one = gradients(objectives.ImportanceWeighted(samples=2), seed=1)
    other = gradients(objectives.ImportanceWeighted(samples=2, gradient="dreg"), seed=2)
    error = np.sqrt((one.var(axis=0) + other.var(axis=0)) / count)
    assert (np.abs(one.mean(axis=0) - other.mean(axis=0)) < 4 * error).all()
    assert (error < 0.1 * np.abs(one.mean(axis=0)).max()).all()
    assert other.var() < one.var()


# ----- In a model


def test_the_noise_of_the_prior_stands_behind_that_of_the_posterior(make, binary):
    vae = make()
    assert (vae.noise_size, vae.prior_noise_size) == (2 + 3, 3 + 2)
    noise = normals(2, 5, 5)
    (latent,) = vae.terms(binary[:5], noise).latents
    np.testing.assert_array_equal(latent.z, vae.posterior.draw(vae.encode(binary[:5]), noise[..., :2]))
    expected = density(vae.prior, noise[..., 2:]).log_prob(latent.z)
    np.testing.assert_allclose(latent.log_prior, expected, rtol=1e-6)


def test_a_row_of_draws_depends_on_its_own_seed_alone(make):
    vae = make()
    seeds = tf.stack([tf.fill([16], 7), tf.range(16)], axis=1)
    together = vae.draw(seeds).numpy()
    assert len(np.unique(together)) == together.size
    np.testing.assert_array_equal(vae.draw(seeds[5:6]), together[5:6])
    noise = tf.concat([random.normal([1, vae.prior_noise_size], tf.cast(seed, tf.int64)) for seed in seeds], 0)
    np.testing.assert_allclose(vae.from_noise(noise), together, rtol=1e-5, atol=1e-6)


def test_a_row_of_scores_depends_on_its_own_seed_alone(make, binary):
    vae = make()
    seeds = tf.stack([tf.fill([8], 7), tf.range(8)], axis=1)
    x = tf.constant(binary[:8])
    together, alone = vae.score_rows(x, seeds), vae.score_rows(x[3:4], seeds[3:4])
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one[0], other[3], rtol=1e-5)


def test_a_file_has_each_weight_once_and_what_is_frozen(make, binary, tmp_path):
    vae = make()
    vae.prior.inner.encoder.trainable = False
    vae.prior.inner.posterior.loc.trainable = False
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert len({id(weight) for weight in vae.weights}) == len(vae.weights)
    names = lambda vae: [(weight.name, weight.shape) for weight in vae.trainable_weights]  # noqa: E731
    assert names(loaded) == names(vae)
    for one, other in zip(loaded.weights, vae.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(loaded.log_prob(binary[:3], samples=5), vae.log_prob(binary[:3], samples=5))
    np.testing.assert_array_equal(loaded.sample(3, seed=1), vae.sample(3, seed=1))


def test_an_inner_layer_that_is_changed_is_refused_before_the_file_is_touched(make, tmp_path):
    vae = make()
    vae.save(tmp_path / "model.keras")
    before = (tmp_path / "model.keras").read_bytes()
    vae.prior.inner.posterior.loc.activation = keras.activations.relu
    with pytest.raises(InputError, match="within the posterior has another activation than when it was built"):
        vae.save(tmp_path / "model.keras")
    assert (tmp_path / "model.keras").read_bytes() == before


def test_it_goes_deeper(make_vae, make, binary):
    middle = make(likelihood=likelihoods.Normal((6,)))
    vae = VAE(*networks.mlp((6,), latent_size=6, hidden=(5,)), prior=Hierarchical(middle))
    assert vae.noise_size == 6 + middle.noise_size == 6 + (2 + 3)
    assert vae.prior_noise_size == 6 + middle.prior_noise_size == 6 + (2 + 3)
    vae.compile("adam", run_eagerly=True)
    before = [weight.numpy() for weight in vae.trainable_weights]
    vae.fit(binary, batch_size=25, verbose=0)
    for weight, old in zip(vae.trainable_weights, before, strict=True):
        assert not np.array_equal(weight, old), weight.path
    again = VAE.from_config(vae.get_config())
    again.set_weights(vae.get_weights())
    np.testing.assert_array_equal(again.log_prob(binary[:3], samples=5), vae.log_prob(binary[:3], samples=5))


def test_the_inner_model_may_be_of_a_grid_a_ladder_or_discrete_codes():
    images = np.random.default_rng(0).random((4, 8, 8, 1)).astype(np.float32)
    encoder, decoder, ladder = networks.ladder((4, 4, 2), levels=[(1, 2, 1), (2, 1, 1)], filters=4)
    of_grid = lambda: likelihoods.Normal((4, 4, 2))  # noqa: E731
    of_ladder = VAE(encoder, decoder, latents=ladder, likelihood=of_grid())
    rounded = {"posterior": posteriors.FiniteScalarQuantized((2, 2), (3, 3)), "prior": priors.UniformCodes((2, 2), 9)}
    of_codes = VAE(*networks.conv((4, 4, 2), filters=(3,), latent_shape=(2, 2, 2)), **rounded, likelihood=of_grid())
    for inner, bound_noise in ((of_ladder, 2 + 4), (of_codes, 0)):
        networks_of_x = networks.conv((8, 8, 1), filters=(3,), latent_shape=(4, 4, 2))
        vae = VAE(*networks_of_x, posterior=posteriors.DiagonalNormal((4, 4, 2)), prior=Hierarchical(inner))
        assert vae.noise_size == 32 + bound_noise
        (latent,) = vae.terms(images, normals(1, 4, vae.noise_size)).latents
        assert np.isfinite(latent.log_prior).all()
        assert vae.from_noise(normals(2, vae.prior_noise_size)).shape == (2, 32)


def test_dropout_within_it_is_of_training_alone(make_vae, binary):
    z = keras.Input([2])
    encoder = keras.Model(z, keras.layers.Dropout(0.5, seed=1)(keras.layers.Dense(8, activation="tanh")(z)))
    decoder = networks.mlp((2,), latent_size=3, hidden=(4,)).decoder
    vae = make_vae(prior=Hierarchical(VAE(encoder, decoder, likelihood=likelihoods.Normal((2,)))))
    log_prior = lambda training: vae.terms(binary, normals(1, 50, 5), training).latents[0].log_prior  # noqa: E731
    np.testing.assert_array_equal(log_prior(False), log_prior(False))
    assert np.abs(log_prior(True) - log_prior(True)).max() > 0


def test_it_goes_with_conditions_of_the_outer_model(make, binary):
    encoder, decoder = networks.mlp((6,), latent_size=2, hidden=(5,), conditions={"label": networks.Label(3)})
    vae = VAE(encoder, decoder, prior=make().prior)
    assert vae.mean(vae.from_noise(normals(4, vae.prior_noise_size)), label=2).shape == (4, 6)
    assert np.isfinite(vae.terms(binary[:4], normals(1, 4, vae.noise_size), label=[0, 1, 2, 0]).log_weights).all()


# ----- What is refused


@pytest.mark.parametrize(
    ("given", "said"),
    [(posteriors.DiagonalNormal(2), "DiagonalNormal"), (VAE, "the class VAE"), (None, "NoneType")],
)
def test_what_is_no_model(given, said):
    with pytest.raises(InputError, match=rf"Hierarchical got {said}: give a VAE of the codes, such as"):
        Hierarchical(given)


def test_a_likelihood_whose_draws_are_not_made_of_normals(make):
    with pytest.raises(InputError, match=r"the likelihood Laplace, of which no draw.*use likelihoods.Normal\(\(2,\)\)"):
        make({"likelihood": likelihoods.Laplace((2,))})


def test_an_inner_model_that_depends_on_a_condition():
    encoder, decoder = networks.mlp((2,), latent_size=3, hidden=(4,), conditions={"label": networks.Label(3)})
    inner = VAE(encoder, decoder, prior=priors.ConditionalNormal(3), likelihood=likelihoods.Normal((2,)))
    with pytest.raises(InputError, match="takes label, and a prior gives it codes alone: leave the conditions out"):
        Hierarchical(inner)


def test_an_inner_posterior_without_a_density(make):
    parts = {"posterior": posteriors.Deterministic(3), "objective": objectives.Reconstruction()}
    with pytest.raises(InputError, match=r"the posterior Deterministic, which has no density.*use posteriors.Diag"):
        make(parts)


def test_an_inner_posterior_that_trains_otherwise():
    x, z = keras.Input([2]), keras.Input([1, 3])
    inner = VAE(
        keras.Model(x, keras.layers.Dense(3)(x)),
        keras.Model(z, keras.layers.Flatten()(z)),
        posterior=posteriors.VectorQuantized(1, codes=5, width=3),
        prior=priors.UniformCodes(1, codes=5),
        likelihood=likelihoods.Normal((2,)),
    )
    with pytest.raises(InputError, match="VectorQuantized, which trains by other means than the gradient of log p"):
        Hierarchical(inner)


def test_codes_of_another_size(make_vae):
    prior = Hierarchical(make_vae((3,), 2, (4,), likelihood=likelihoods.Normal((3,))))
    sentence = "The latent sizes do not meet: the posterior has 2, the prior has 3, the decoder's input has 2; make"
    with pytest.raises(InputError, match=sentence):
        make_vae(prior=prior)


def test_codes_on_the_sphere(make):
    with pytest.raises(InputError, match="PowerSpherical lie on the unit sphere, where Hierarchical has no density"):
        make(posterior=posteriors.PowerSpherical(2))


def test_another_inner_model_once_it_is_built(make):
    vae = make()
    with pytest.raises(InputError, match=r"Hierarchical.inner was set to"):
        vae.prior.inner = make().prior.inner


def test_an_objective_of_draws_does_not_train_it(make):
    with pytest.raises(InputError, match="Hierarchical"):
        make(posterior=posteriors.Deterministic(2), objective=objectives.MaximumMeanDiscrepancy(beta=None))


def test_a_density_without_noise(make):
    with pytest.raises(InputError, match=r"an estimate of one draw z2.*Given\(noise=...\)"):
        density(make().prior, None).log_prob(tf.zeros([1, 2]))


def test_below_the_top_of_a_ladder(make_vae):
    prior = Hierarchical(make_vae((3,), 2, (4,), likelihood=likelihoods.Normal((3,))))
    z, state = keras.Input([2]), keras.Input([3])
    top = latents.Rung(posteriors.DiagonalNormal(2), priors.StandardNormal(2), keras.Model(z, keras.layers.Dense(3)(z)))
    added = keras.Model([state, w := keras.Input([3])], keras.layers.Add()([state, w]))
    x, s = keras.Input([6]), keras.Input([3])
    encoder = keras.Model(x, [keras.layers.Dense(3)(x), keras.layers.Dense(3)(x)])
    below = latents.Rung(posteriors.DiagonalNormal(3), prior, added)
    with pytest.raises(InputError, match="rung 2 of 2 is Hierarchical, which does not depend on what is above it"):
        VAE(encoder, keras.Model(s, keras.layers.Identity()(s)), latents=latents.Ladder([top, below]))
