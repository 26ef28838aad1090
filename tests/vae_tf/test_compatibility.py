"""Parts that do not fit each other are refused when the model is built, with both sides named."""

import keras
import pytest

from vae_tf import VAE, InputError, likelihoods, networks, objectives, posteriors, priors
from vae_tf.spaces import WholeNumbers


def network(input_shape, *output_layers) -> keras.Model:
    inputs = keras.Input(input_shape)
    outputs = [layer(inputs) for layer in output_layers]
    return keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0])


@pytest.fixture(scope="module")
def pair():
    return networks.mlp((6,), latent_size=2, hidden=(5,))


def refused(sentence: str, *args, **kwargs) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        VAE(*args, **kwargs)
    assert "\n" not in str(caught.value)


def test_a_tf_keras_network(pair):
    import tf_keras

    old = tf_keras.Sequential([tf_keras.layers.Input((6,)), tf_keras.layers.Dense(3)])
    refused(r"The encoder is a tf_keras \(Keras 2\) Sequential: build it with Keras 3", old, pair.decoder)
    refused(r"The decoder is a tf_keras \(Keras 2\) Sequential: build it with Keras 3", pair.encoder, old)


def test_networks_whose_shapes_are_not_known(pair):
    class Subclassed(keras.Model):
        def call(self, x):
            return x

    advice = r"whose shapes are not known: give keras.Model\(inputs, outputs\), or a Sequential that begins"
    refused(f"The encoder is a Subclassed {advice}", Subclassed(), pair.decoder)
    refused(f"The decoder is a Sequential {advice}", pair.encoder, keras.Sequential([keras.layers.Dense(3)]))
    refused(f"The encoder is a Dense {advice}", keras.layers.Dense(3), pair.decoder)
    refused(f"The encoder is a NoneType {advice}", None, pair.decoder)


def test_networks_with_several_inputs_or_outputs(pair):
    dense = keras.layers.Dense
    two_outputs = network((6,), dense(2), dense(2))
    refused("The encoder has 1 inputs and 2 outputs: give a built network with one output", two_outputs, pair.decoder)
    one, other = keras.Input((2,)), keras.Input((2,))
    two_inputs = keras.Model([one, other], keras.layers.add([one, other]))
    refused("Input 2 of the decoder has no name, by which its values could be given", pair.encoder, two_inputs)


def test_an_input_shape_that_is_not_fixed(pair):
    images = network((None, None, 1), keras.layers.GlobalAveragePooling2D())
    refused(r"encoder takes shape \(None, None, 1\).*fixed", images, pair.decoder)
    codes = network((None,), keras.layers.Activation("linear"))
    refused(r"decoder takes shape \(None,\)", pair.encoder, codes)


def test_a_decoder_of_images_takes_a_grid_of_codes(pair):
    assert VAE(pair.encoder, network((4, 4, 2), keras.layers.Flatten())).posterior.space.shape == (4, 4, 2)


@pytest.mark.parametrize(
    ("parts", "sizes"),
    [
        ({"posterior": posteriors.DiagonalNormal(3)}, (3, 2, 2)),
        ({"prior": priors.StandardNormal(4)}, (2, 4, 2)),
        ({"posterior": posteriors.DiagonalNormal(3), "prior": priors.StandardNormal(3)}, (3, 3, 2)),
    ],
)
def test_latent_sizes_that_do_not_meet(pair, parts, sizes):
    sentence = "do not meet: the posterior has {}, the prior has {}, the decoder's input has {}; make them equal"
    refused(sentence.format(*sizes), *pair, **parts)


def test_event_shapes_that_do_not_meet(pair):
    refused(
        r"the encoder takes \(6,\), the likelihood describes \(28, 28, 1\); make them equal",
        *pair,
        likelihood=likelihoods.Bernoulli((28, 28, 1)),
    )


def test_a_decoder_whose_features_do_not_fit_the_event():
    encoder, _ = networks.mlp((6, 5, 1), latent_size=2, hidden=(5,))
    decoder = network((2,), keras.layers.Reshape((2, 1, 1)))
    refused(r"The decoder ends in shape \(2, 1, 1\), but the data has shape \(6, 5, 1\): end it in", encoder, decoder)


def test_a_decoder_that_does_not_end_in_parameters(pair):
    refused(
        r"ends in shape \(5,\), but Bernoulli\(projection=None\) takes parameters of shape \(6,\): change",
        *pair,
        likelihood=likelihoods.Bernoulli((6,), projection=None),
    )


def test_an_objective_that_has_no_meaning_for_the_posterior(pair):
    refused(r"Deterministic has no density.*use objectives\.Reconstruction", *pair, posteriors.Deterministic(2))
    refused("Reconstruction ignores the rate of DiagonalNormal: use", *pair, objective=objectives.Reconstruction())


ON_THE_SPHERE = "The codes of PowerSpherical lie on the unit sphere, where {prior} has no density: use priors.Spherical"
OFF_THE_SPHERE = "SphericalUniform has density on the unit sphere alone, which the codes of {posterior} leave: use post"
NOT_ANY_CODE = "a VampPrior needs the density of every code .* and {posterior} gives that of its draws; use posteriors"
NO_CONDITION = "{prior} depends on a condition, but neither network takes one: give the networks a further input"
NO_DENSITY = "{posterior} has no density, so neither has a mixture of such posteriors; use posteriors.DiagonalNormal"
OVER_CODES = [
    name for axis in (posteriors, priors) for name in axis.__all__ if getattr(axis, name).space_class is WholeNumbers
]
ELSEWHERE = (*OVER_CODES, "RelativeNormal")
POSTERIORS = [name for name in posteriors.__all__ if name not in ("Posterior", *ELSEWHERE)]
PRIORS = [name for name in priors.__all__ if name not in ("Prior", *ELSEWHERE)]
REFUSED = {
    ("PowerSpherical", "StandardNormal"): ON_THE_SPHERE,
    ("PowerSpherical", "MixtureOfNormals"): ON_THE_SPHERE,
    ("PowerSpherical", "AutoregressiveFlow"): ON_THE_SPHERE,
    ("DiagonalNormal", "SphericalUniform"): OFF_THE_SPHERE,
    ("FullCovarianceNormal", "SphericalUniform"): OFF_THE_SPHERE,
    ("InverseAutoregressiveFlow", "SphericalUniform"): OFF_THE_SPHERE,
    ("Deterministic", "SphericalUniform"): OFF_THE_SPHERE,
    ("PowerSpherical", "Hierarchical"): ON_THE_SPHERE,
    ("InverseAutoregressiveFlow", "VampPrior"): NOT_ANY_CODE,
    ("Deterministic", "VampPrior"): NO_DENSITY,
    **{
        (posterior, "ConditionalNormal"): ON_THE_SPHERE if posterior == "PowerSpherical" else NO_CONDITION
        for posterior in POSTERIORS
    },
}
PAIRS = [(posterior, prior) for posterior in POSTERIORS for prior in PRIORS]


def of_codes() -> VAE:
    """A model of codes of two dimensions."""
    return VAE(*networks.mlp((2,), latent_size=1, hidden=(3,)), likelihood=likelihoods.Normal((2,)))


def parts_of(posterior: str, prior: str) -> dict:
    """A posterior, a frozen prior and an objective that fits the posterior."""
    prior = priors.Hierarchical(of_codes()) if prior == "Hierarchical" else getattr(priors, prior)(2)
    prior.trainable = False
    objective = objectives.Reconstruction() if posterior == "Deterministic" else objectives.ELBO()
    return {"posterior": getattr(posteriors, posterior)(2), "prior": prior, "objective": objective}


@pytest.mark.parametrize(("posterior", "prior"), REFUSED)
def test_a_prior_that_has_no_meaning_for_the_posterior(pair, posterior, prior):
    sentence = REFUSED[posterior, prior].format(posterior=posterior, prior=prior)
    refused(sentence, *pair, **parts_of(posterior, prior))


@pytest.mark.parametrize(("posterior", "prior"), [names for names in PAIRS if names not in REFUSED])
def test_any_other_prior_is_accepted(pair, posterior, prior):
    vae = VAE(*pair, **parts_of(posterior, prior))
    assert (type(vae.posterior).__name__, type(vae.prior).__name__) == (posterior, prior)


@pytest.mark.parametrize("prior", [priors.MixtureOfNormals, priors.AutoregressiveFlow])
def test_a_prior_that_reconstruction_would_not_train(pair, prior):
    parts = {"posterior": posteriors.Deterministic(2), "objective": objectives.Reconstruction()}
    sentence = f"Reconstruction does not train the prior, so {prior.__name__} would stay as it starts: use"
    refused(sentence, *pair, prior=prior(2), **parts)


@pytest.mark.parametrize(
    ("axis", "part"),
    [
        ("posterior", posteriors.DiagonalNormal),
        ("prior", priors.StandardNormal),
        ("likelihood", likelihoods.Bernoulli),
        ("objective", objectives.ELBO),
    ],
)
def test_a_class_instead_of_an_object(pair, axis, part):
    sentence = f"{axis} is the class {part.__name__}, not an object: give a vae_tf\\.\\w+ object"
    refused(sentence, *pair, **{axis: part})


def test_something_else_instead_of_a_part(pair):
    refused("objective is 'elbo': give a vae_tf.objectives object", *pair, objective="elbo")
    refused(r"prior is <DiagonalNormal .*>: give a vae_tf\.priors object", *pair, prior=posteriors.DiagonalNormal(2))


# ----- a decoder whose last activation bounds what the likelihood has to be given


LAYERS = keras.layers
BOUNDED = {
    "dense": ([LAYERS.Dense(6, activation="sigmoid")], "sigmoid, which gives values from 0 to 1,"),
    "layer": ([LAYERS.Dense(6), LAYERS.Activation("tanh")], "tanh, which gives values from -1 to 1,"),
    "softmax": ([LAYERS.Dense(6), LAYERS.Softmax()], "Softmax, which gives values from "),
    "softsign": ([LAYERS.Dense(6, activation="softsign")], "softsign, which gives values from -1 to 1,"),
    "relu": ([LAYERS.Dense(6, activation="relu")], "relu, which gives no values below 0,"),
    "relu layer": ([LAYERS.Dense(6), LAYERS.ReLU()], "ReLU, which gives no values below 0,"),
    "elu": ([LAYERS.Dense(6, activation="elu")], "elu, which gives no values below -1,"),
    "log sigmoid": ([LAYERS.Dense(6, activation="log_sigmoid")], "log_sigmoid, which gives no values above"),
    "before a shape": (
        [LAYERS.Dense(6, activation="sigmoid"), LAYERS.Reshape((3, 2)), LAYERS.Dropout(0.1), LAYERS.Flatten()],
        "sigmoid, which",
    ),
    "nested": ([keras.Sequential([keras.Input((2,)), LAYERS.Dense(6, activation="sigmoid")])], "sigmoid, which"),
    "function": ([LAYERS.Dense(6), keras.ops.sigmoid], "Sigmoid, which gives values from 0 to 1"),
}


def decoder_of(layers) -> keras.Model:
    z = features = keras.Input((2,))
    for layer in layers:
        features = layer(features)
    return keras.Model(z, features)


@pytest.mark.parametrize("kind", [likelihoods.Bernoulli, likelihoods.ContinuousBernoulli, likelihoods.NegativeBinomial])
@pytest.mark.parametrize(("layers", "words"), BOUNDED.values(), ids=BOUNDED)
def test_a_last_activation_that_bounds_logits(pair, layers, words, kind):
    words = f"The decoder ends in the activation {words}.*{kind.__name__}.*take that activation away"
    refused(words, pair.encoder, decoder_of(layers), likelihood=kind((6,), projection=None))


@pytest.mark.parametrize(
    "likelihood",
    [
        likelihoods.Categorical((6,), categories=2, projection=None),
        likelihoods.DiscretizedLogisticMixture((6,), components=1, projection=None),
    ],
)
def test_a_last_activation_that_bounds_the_logits_of_a_softmax(pair, likelihood):
    size = 6 * likelihood.parameter_count
    refused("activation tanh", pair.encoder, decoder_of([LAYERS.Dense(size, activation="tanh")]), likelihood=likelihood)


@pytest.mark.parametrize("activation", [None, "linear", "leaky_relu", lambda x: 2 * x])
def test_a_last_activation_that_bounds_nothing_is_taken(pair, activation):
    decoder = decoder_of([LAYERS.Dense(6, activation=activation)])
    VAE(pair.encoder, decoder, likelihood=likelihoods.Bernoulli((6,), projection=None))


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_a_last_activation_is_taken_where_parameters_may_be_bounded(pair, activation):
    decoder = decoder_of([LAYERS.Dense(6, activation=activation)])
    VAE(pair.encoder, decoder, likelihood=likelihoods.Normal((6,), projection=None))
    VAE(pair.encoder, decoder, likelihood=likelihoods.Bernoulli((6,)))
    softmax = decoder_of([LAYERS.Dense(12, activation="relu")])
    VAE(pair.encoder, softmax, likelihood=likelihoods.Categorical((6,), categories=2, projection=None))


def test_a_model_that_was_saved_with_such_an_activation_loads(pair, tmp_path):
    decoder = decoder_of([LAYERS.Dense(6, activation="sigmoid")])
    likelihood = likelihoods.Bernoulli((6,), projection=None)
    likelihood.build((None, 6))  # as if it were an older version's
    vae = VAE(pair.encoder, decoder, likelihood=likelihood)
    vae.save(tmp_path / "model.keras")
    assert (keras.saving.load_model(tmp_path / "model.keras").sample(3).numpy() == vae.sample(3).numpy()).all()
