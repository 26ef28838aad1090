import functools

import keras
import pytest

from vae_tf import InputError, likelihoods
from vae_tf.training import networks


def widths(model: keras.Model) -> list[int]:
    return [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]


def test_fully_connected_networks_have_the_widths_and_the_activation():
    encoder, decoder = networks.MLP(hidden=(9, 6), activation="tanh")(likelihoods.Bernoulli((4, 4, 1)), 2)
    assert (encoder.input_shape, decoder.input_shape) == ((None, 4, 4, 1), (None, 2))
    assert (widths(encoder), widths(decoder)) == ([9, 6], [6, 9])
    assert encoder.layers[-1].activation is keras.activations.tanh


def test_convolutions_have_the_filters_and_the_width():
    encoder, decoder = networks.Conv(filters=(3, 5), hidden=7, activation="elu")(likelihoods.Bernoulli((9, 8, 1)), 2)
    filters = [layer.filters for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D)]
    assert (filters, widths(encoder)) == ([3, 5], [7])
    assert (decoder.input_shape, decoder.output_shape[1:3]) == ((None, 2), (9, 8))
    assert encoder.layers[1].activation is keras.activations.elu


def test_the_defaults_are_those_of_the_library():
    encoder, _ = networks.MLP()(likelihoods.Bernoulli((4,)), 2)
    assert widths(encoder) == [512, 256]
    encoder, _ = networks.Conv()(likelihoods.Bernoulli((8, 8, 3)), 2)
    assert [layer.filters for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D)] == [32, 64]
    encoder, _ = networks.ResNet()(likelihoods.Bernoulli((8, 8, 3)), 2)
    assert [layer.filters for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D)] == [32] * 3 + [64] * 3


def test_residual_networks_have_the_filters_the_blocks_and_the_width():
    encoder, decoder = networks.ResNet(filters=(3, 5), blocks=2, hidden=7, activation="elu")(
        likelihoods.Bernoulli((9, 8, 1)), 2
    )
    filters = [layer.filters for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D)]
    assert (filters, widths(encoder)) == ([3] * 5 + [5] * 5, [7])
    activations = {layer.activation for layer in encoder.layers if isinstance(layer, keras.layers.Activation)}
    assert activations == {encoder.layers[-1].activation} == {keras.activations.elu}
    assert (decoder.input_shape, decoder.output_shape[1:3]) == ((None, 2), (9, 8))


def test_a_ladder_has_the_levels_the_filters_and_the_activation():
    make = networks.Ladder(levels=((1, 2, 1), (4, 3, 2)), filters=6, activation="relu")
    encoder, decoder, ladder = make(likelihoods.Bernoulli((8, 8, 1)))
    assert [rung.posterior.space.shape for rung in ladder.rungs] == [(1, 1, 2), (4, 4, 3), (4, 4, 3)]
    assert (len(encoder.outputs), decoder.input_shape) == (3, (None, 4, 4, 6))
    assert decoder.layers[-1].activation is keras.activations.relu
    with pytest.raises(InputError, match="Ladder got latent_size=2, and its levels say the sizes: give None"):
        make(likelihoods.Bernoulli((8, 8, 1)), 2)


SUITS = {
    likelihoods.Bernoulli: None,
    likelihoods.ContinuousBernoulli: None,
    likelihoods.DiscretizedLogisticMixture: None,
    likelihoods.Laplace: "standardize",
    likelihoods.NegativeBinomial: "log1p",
    likelihoods.Normal: "standardize",
}


LADDER = functools.partial(networks.Ladder, levels=((1, 2, 1),), filters=2)


@pytest.mark.parametrize("make", [networks.MLP, networks.Conv, networks.ResNet, LADDER])
@pytest.mark.parametrize("likelihood", SUITS, ids=lambda likelihood: likelihood.__name__)
def test_what_the_encoder_does_first_is_what_suits_the_likelihood(make, likelihood):
    size = None if make is LADDER else 2
    first = make()(likelihood((8, 8, 1)), size).encoder.layers[1].name
    assert (first if first in ("log1p", "standardize") else None) == SUITS[likelihood]
    assert make(inputs="log1p")(likelihood((8, 8, 1)), size).encoder.layers[1].name == "log1p"
    assert make(inputs=None)(likelihood((8, 8, 1)), size).encoder.layers[1].name not in ("log1p", "standardize")


def test_another_transformation_is_refused():
    with pytest.raises(InputError, match=r"Conv got inputs='log': give \"auto\", \"log1p\", \"standardize\" or None"):
        networks.Conv(inputs="log")
