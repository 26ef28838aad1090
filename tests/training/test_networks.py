import keras

from vae_tf.training import networks


def widths(model: keras.Model) -> list[int]:
    return [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]


def test_fully_connected_networks_have_the_widths_and_the_activation():
    encoder, decoder = networks.MLP(hidden=(9, 6), activation="tanh")((4, 4, 1), 2)
    assert (encoder.input_shape, decoder.input_shape) == ((None, 4, 4, 1), (None, 2))
    assert (widths(encoder), widths(decoder)) == ([9, 6], [6, 9])
    assert encoder.layers[-1].activation is keras.activations.tanh


def test_convolutions_have_the_filters_and_the_width():
    encoder, decoder = networks.Conv(filters=(3, 5), hidden=7, activation="elu")((9, 8, 1), 2)
    filters = [layer.filters for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D)]
    assert (filters, widths(encoder)) == ([3, 5], [7])
    assert (decoder.input_shape, decoder.output_shape[1:3]) == ((None, 2), (9, 8))
    assert encoder.layers[1].activation is keras.activations.elu


def test_the_defaults_are_those_of_the_library():
    encoder, _ = networks.MLP()((4,), 2)
    assert widths(encoder) == [512, 256]
    encoder, _ = networks.Conv()((8, 8, 3), 2)
    assert [layer.filters for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D)] == [32, 64]
    encoder, _ = networks.ResNet()((8, 8, 3), 2)
    assert [layer.filters for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D)] == [32] * 3 + [64] * 3


def test_residual_networks_have_the_filters_the_blocks_and_the_width():
    encoder, decoder = networks.ResNet(filters=(3, 5), blocks=2, hidden=7, activation="elu")((9, 8, 1), 2)
    filters = [layer.filters for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D)]
    assert (filters, widths(encoder)) == ([3] * 5 + [5] * 5, [7])
    activations = {layer.activation for layer in encoder.layers if isinstance(layer, keras.layers.Activation)}
    assert activations == {encoder.layers[-1].activation} == {keras.activations.elu}
    assert (decoder.input_shape, decoder.output_shape[1:3]) == ((None, 2), (9, 8))
