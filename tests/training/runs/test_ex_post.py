import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from vae_tf import VAE, InputError, likelihoods, networks, objectives, posteriors, priors
from vae_tf.family import Given
from vae_tf.training import fit_prior

WEIGHT = np.array([0.3, 0.7])
LOC = np.array([[-5.0, 2.0], [4.0, -3.0]])
SCALE = np.array([[0.5, 1.0], [1.5, 0.7]])
POSTERIOR_SCALE = 0.3


def identity() -> keras.Model:
    values = keras.Input([2])
    return keras.Model(values, keras.layers.Activation("linear")(values))


def make(posterior: str = "Deterministic", objective=None) -> VAE:
    """A model whose code of x is x."""
    vae = VAE(
        identity(),
        identity(),
        posterior=getattr(posteriors, posterior)(2),
        likelihood=likelihoods.Normal([2], scale=0.5),
        objective=objective or (objectives.Reconstruction() if posterior == "Deterministic" else objectives.ELBO()),
    )
    vae.posterior.loc.set_weights([np.eye(2), np.zeros(2)])
    if posterior == "DiagonalNormal":
        vae.posterior.log_variance.set_weights([np.zeros((2, 2)), np.full(2, 2 * np.log(POSTERIOR_SCALE))])
    return vae


def log_density(z, scale) -> np.ndarray:
    """log sum_m WEIGHT_m N(z; LOC_m, diag(scale_m^2))."""
    log_probs = stats.norm.logpdf(z[:, None], LOC, scale).sum(axis=-1)
    return special.logsumexp(log_probs, axis=-1, b=WEIGHT)


@pytest.fixture(scope="module")
def clusters() -> np.ndarray:
    """Draws from two normals that are far apart."""
    rng = np.random.default_rng(3)
    m = (rng.random(3000) > WEIGHT[0]).astype(int)
    return (LOC[m] + SCALE[m] * rng.normal(size=(3000, 2))).astype(np.float32)


def mixture() -> priors.Prior:
    return priors.MixtureOfNormals(2, components=2)


def flow() -> priors.Prior:
    return priors.AutoregressiveFlow(2, hidden=(16,))


def fit(vae, data, prior, epochs: int = 15, **options) -> VAE:
    return fit_prior(vae, data, prior, epochs=epochs, learning_rate=0.03, verbose=0, **options)


@pytest.fixture(scope="module", params=[mixture, flow])
def pair(request, clusters):
    """A plain autoencoder, and the model with the fitted prior."""
    keras.utils.set_random_seed(0)
    vae = make()
    return vae, fit(vae, clusters, request.param())


def mean_log_prob(vae, z) -> float:
    return float(tf.reduce_mean(vae.prior.distribution({}).log_prob(z)))


# ----- the fit


def test_the_codes_are_far_likelier_than_under_the_standard_normal(pair, clusters):
    vae, fitted = pair
    best = log_density(clusters, SCALE).mean()
    assert mean_log_prob(vae, clusters) < best - 5
    assert best - 0.5 < mean_log_prob(fitted, clusters) < best + 0.05


@pytest.mark.parametrize(("posterior", "widened"), [("Deterministic", 0.0), ("DiagonalNormal", POSTERIOR_SCALE)])
def test_a_mixture_finds_the_clusters_of_the_draws(posterior, widened, clusters):
    fitted = fit(make(posterior), clusters, mixture(), epochs=20)
    scale = np.sqrt(SCALE**2 + widened**2)
    order = np.argsort(fitted.prior.loc[:, 0])
    np.testing.assert_allclose(tf.nn.softmax(fitted.prior.logits).numpy()[order], WEIGHT, atol=0.03)
    np.testing.assert_allclose(fitted.prior.loc.numpy()[order], LOC, atol=0.1)
    np.testing.assert_allclose(np.exp(fitted.prior.log_scale)[order], scale, rtol=0.06)
    log_prob = fitted.prior.distribution({}).log_prob(clusters)
    np.testing.assert_allclose(log_prob, log_density(clusters, scale), atol=0.6)
    assert np.abs(log_prob - log_density(clusters, scale)).mean() < 0.06


def test_an_array_and_a_data_set_give_the_same(clusters):
    x = clusters[:1200]
    from_array = fit(make("DiagonalNormal"), x, mixture(), epochs=2)
    data = tf.data.Dataset.from_tensor_slices(x).batch(500)
    keras.utils.set_random_seed(0)
    from_data = fit(make("DiagonalNormal"), data, mixture(), epochs=2)
    for one, other in zip(from_array.prior.get_weights(), from_data.prior.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


def test_the_seed_decides_the_draws(clusters):
    weights = [fit(make("DiagonalNormal"), clusters[:300], mixture(), epochs=1, seed=seed).prior for seed in (1, 1, 2)]
    one, again, other = (prior.loc.numpy() for prior in weights)
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_a_prior_whose_density_is_an_estimate_is_fitted_by_draws_of_the_seed(clusters):
    def prior() -> priors.Hierarchical:
        keras.utils.set_random_seed(0)
        inner = networks.mlp((2,), latent_size=2, hidden=(16,), activation="tanh")
        return priors.Hierarchical(VAE(*inner, likelihood=likelihoods.Normal((2,), scale="predicted")))

    fitted = fit(make(), clusters, prior(), epochs=10)
    noise = tf.random.stateless_normal([3000, fitted.prior.bound_noise_size], [1, 2])
    bound = np.mean(fitted.prior.distribution(fitted.prior.parameters(Given(noise=noise))).log_prob(clusters))
    best = log_density(clusters, SCALE).mean()
    assert best - 0.9 < bound < best
    assert not fitted.prior.trainable_weights
    again = [fit(make("DiagonalNormal"), clusters[:300], prior(), epochs=1).prior.get_weights() for _ in range(2)]
    for one, other in zip(*again, strict=True):
        np.testing.assert_array_equal(one, other)


# ----- the new model, and the old one


def test_the_new_model_shares_all_but_the_prior(pair):
    vae, fitted = pair
    for part in ("encoder", "decoder", "posterior", "likelihood", "objective"):
        assert getattr(fitted, part) is getattr(vae, part)
    assert type(vae.prior) is priors.StandardNormal
    assert not fitted.prior.trainable_weights
    trained = fitted.trainable_weights
    assert len(trained) == len(vae.trainable_weights)
    assert all(one is other for one, other in zip(trained, vae.trainable_weights, strict=True))


def test_the_old_model_is_as_it_was(clusters):
    vae = make()
    weights, codes = vae.get_weights(), vae.sample(5, seed=1)
    fit(vae, clusters[:200], mixture(), epochs=1)
    for one, other in zip(weights, vae.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(vae.sample(5, seed=1), codes)
    assert all(getattr(vae, part).trainable for part in ("encoder", "decoder", "posterior", "prior", "likelihood"))


def test_draws_are_of_the_clusters(pair):
    seeds = np.stack([np.full(1000, 7), np.arange(1000)], axis=1)
    z = pair[1].draw(seeds).numpy()
    left = z[:, 0] < -1.5
    assert abs(left.mean() - WEIGHT[0]) < 0.08
    np.testing.assert_allclose(np.median(z[left], axis=0), LOC[0], atol=1)
    np.testing.assert_allclose(np.median(z[~left], axis=0), LOC[1], atol=1)


def test_the_new_model_saves_and_loads(pair, clusters, tmp_path):
    _, fitted = pair
    fitted.save(tmp_path / "fitted.keras")
    loaded = keras.saving.load_model(tmp_path / "fitted.keras")
    assert not loaded.prior.trainable
    np.testing.assert_array_equal(loaded.sample(20, seed=3), fitted.sample(20, seed=3))
    np.testing.assert_array_equal(loaded(clusters[:20]), fitted(clusters[:20]))


def test_the_new_model_scores(clusters):
    vae = make("DiagonalNormal")
    vae.likelihood.linear.set_weights([np.eye(2), np.zeros(2)])
    fitted = fit(vae, clusters, mixture(), epochs=3)
    vae.posterior.log_variance.set_weights([np.zeros((2, 2)), np.full(2, 2 * np.log(0.6))])  # a good proposal
    # x = z + noise: p(x) is the fitted mixture, each normal wider by the noise.
    weight, loc = tf.nn.softmax(fitted.prior.logits).numpy(), fitted.prior.loc.numpy()
    scale = np.sqrt(np.exp(2 * fitted.prior.log_scale) + 0.5**2)
    log_probs = stats.norm.logpdf(clusters[:30, None], loc, scale).sum(axis=-1)
    expected = special.logsumexp(log_probs, axis=-1, b=weight)
    np.testing.assert_allclose(fitted.log_prob(clusters[:30], samples=5000), expected, atol=0.1)


# ----- what is refused


@pytest.mark.parametrize("prior", [priors.StandardNormal, priors.VampPrior])
def test_a_prior_without_weights_of_its_own(prior, clusters):
    sentence = f"fit_prior got {prior.__name__}, which has no weights of its own to fit to codes: give a Mixture"
    with pytest.raises(InputError, match=sentence):
        fit(make("DiagonalNormal"), clusters, prior(2))


@pytest.mark.parametrize("counts", [{"epochs": 0}, {"batch_size": 0}])
def test_counts_below_1(counts, clusters):
    ((name, value),) = counts.items()
    with pytest.raises(InputError, match=f"fit_prior got {name}={value}: give at least 1"):
        fit(make(), clusters, mixture(), **counts)


def test_a_prior_of_another_space(clusters):
    keras.utils.set_random_seed(0)
    spherical = VAE(
        identity(),
        identity(),
        posterior=posteriors.PowerSpherical(2),
        prior=priors.SphericalUniform(2),
        likelihood=likelihoods.Normal([2]),
    )
    with pytest.raises(InputError, match="The codes of PowerSpherical lie on the unit sphere, where MixtureOfNormals"):
        fit(spherical, clusters, mixture())


def test_data_outside_the_support(make_vae):
    with pytest.raises(InputError, match="data"):
        fit(make_vae(), np.full((10, 4, 4, 1), 7.0, np.float32), mixture())


def test_data_sets_with_labels_and_weights_are_taken(clusters):
    labelled = tf.data.Dataset.from_tensor_slices((clusters, np.zeros(len(clusters)))).batch(500)
    one, other = (fit_prior(make(), data, mixture(), epochs=1, verbose=0) for data in (labelled, clusters))
    np.testing.assert_array_equal(one.prior.loc, other.prior.loc)


def test_no_data():
    with pytest.raises(InputError, match="fit_prior got no data: give the examples that the model was trained on"):
        fit_prior(make(), np.zeros((0, 2), np.float32), mixture())


def test_the_models_own_prior_is_refused(pair, clusters):
    _, fitted = pair
    with pytest.raises(InputError, match="fit_prior got the model's own prior: give a new one"):
        fit_prior(fitted, clusters, fitted.prior)


def test_the_codes_are_float32_under_mixed_precision(clusters):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        fitted = fit_prior(make(), clusters, flow(), epochs=1, verbose=0)
    finally:
        keras.config.set_dtype_policy(before)
    assert fitted.prior.distribution({}).log_prob(clusters[:5]).dtype == tf.float32


def test_a_model_whose_objective_needs_its_first_prior_gets_the_elbo(clusters):
    fitted = fit_prior(make("DiagonalNormal", objectives.FreeBits()), clusters, mixture(), epochs=1, verbose=0)
    assert isinstance(fitted.objective, objectives.ELBO)


# ----- models with conditions

SHIFT = np.array([[0.0, 0.0], [2.0, -6.0]])  # of each label


def shifted(prior: priors.Prior | None = None) -> VAE:
    """A model whose code of x is x less the shift of its label."""
    x, z = keras.Input([2], name="x"), keras.Input([2], name="z")
    label = keras.Input((), dtype="int32", name="label")
    beside = lambda values: keras.Model(  # noqa: E731
        [values, label], keras.layers.Concatenate()([values, keras.ops.one_hot(label, 2)])
    )
    vae = VAE(beside(x), beside(z), prior=prior, likelihood=likelihoods.Normal([2], scale=0.5))
    vae.posterior.loc.set_weights([np.concatenate([np.eye(2), -SHIFT]), np.zeros(2)])
    vae.posterior.log_variance.set_weights([np.zeros((4, 2)), np.full(2, 2 * np.log(POSTERIOR_SCALE))])
    vae.likelihood.linear.set_weights([np.concatenate([np.eye(2), SHIFT]), np.zeros(2)])
    return vae


@pytest.fixture(scope="module")
def labelled(clusters) -> dict[str, np.ndarray]:
    label = np.arange(len(clusters)) % 2
    return {"x": (clusters + SHIFT[label]).astype(np.float32), "label": label}


def test_a_model_with_a_label_gets_a_prior_that_is_the_same_for_all_labels(clusters, labelled):
    fitted = fit(shifted(), labelled, mixture(), epochs=20)
    order = np.argsort(fitted.prior.loc[:, 0])
    np.testing.assert_allclose(tf.nn.softmax(fitted.prior.logits).numpy()[order], WEIGHT, atol=0.03)
    np.testing.assert_allclose(fitted.prior.loc.numpy()[order], LOC, atol=0.1)
    scale = np.sqrt(SCALE**2 + POSTERIOR_SCALE**2)
    np.testing.assert_allclose(np.exp(fitted.prior.log_scale)[order], scale, rtol=0.06)
    one, other = (fitted.sample(50, seed=1, label=label) - SHIFT[label] for label in (0, 1))
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_labelled_arrays_and_data_sets_give_the_same(labelled):
    part = {name: values[:1200] for name, values in labelled.items()}
    lists = {name: values.tolist() for name, values in part.items()}
    data = tf.data.Dataset.from_tensor_slices(part).batch(500)
    one, *others = (fit(shifted(), given, mixture(), epochs=2).prior for given in (part, lists, data))
    for other in others:
        for these, those in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(these, those, rtol=1e-6, atol=1e-7)


def test_the_conditions_of_the_encoder_are_needed_and_no_others(labelled):
    with pytest.raises(InputError, match=r"data is a ndarray; this model takes a dictionary of 'x' .* and 'label'"):
        fit(shifted(), labelled["x"], mixture())
    label = networks.Label(2, encoder=False)
    keras.utils.set_random_seed(0)
    vae = VAE(*networks.mlp([2], 2, (4,), conditions={"label": label}), likelihood=likelihoods.Normal([2]))
    one, other = (fit(vae, data, mixture(), epochs=1).prior for data in (labelled, labelled["x"]))
    np.testing.assert_array_equal(one.loc, other.loc)


def test_a_prior_that_depends_on_a_condition(labelled):
    sentence = "fit_prior got ConditionalNormal, which depends on a condition, but it fits one p.z. to the codes of all"
    for vae in (shifted(), make("DiagonalNormal")):
        with pytest.raises(InputError, match=sentence):
            fit(vae, labelled, priors.ConditionalNormal(2))


def test_a_model_whose_codes_depend_on_the_condition(labelled):
    sentence = "The model's prior is ConditionalNormal, so where codes lie depends on label, and one p.z. for all would"
    with pytest.raises(InputError, match=sentence):
        fit(shifted(priors.ConditionalNormal(2)), labelled, mixture())
