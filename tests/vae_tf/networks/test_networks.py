import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError, likelihoods, networks
from vae_tf.networks.residual import residual_block


@pytest.mark.parametrize("event_shape", [(17,), (28, 28, 1), (2, 3, 4, 5)])
def test_mlp_mirrors_its_widths(event_shape):
    encoder, decoder = networks.mlp(event_shape, latent_size=3, hidden=(9, 8), activation="tanh")
    widths = lambda network: [layer.units for layer in network.layers if isinstance(layer, keras.layers.Dense)]  # noqa: E731
    assert (encoder.input_shape, encoder.output_shape) == ((None, *event_shape), (None, 8))
    assert (decoder.input_shape, decoder.output_shape) == ((None, 3), (None, 9))
    assert (widths(encoder), widths(decoder)) == ([9, 8], [8, 9])
    assert {layer.activation for layer in (encoder.layers[-1], decoder.layers[-1])} == {keras.activations.tanh}


@pytest.mark.parametrize(
    ("height", "width", "channels", "filters"),
    [(8, 8, 1, (4, 3)), (7, 9, 3, (4, 3)), (1, 13, 2, (4, 3, 2)), (5, 1, 1, (4,)), (17, 20, 1, (4, 3, 2))],
)
def test_conv_gives_back_an_image_of_any_size(height, width, channels, filters):
    encoder, decoder = networks.conv((height, width, channels), 3, filters, hidden=5)
    assert (encoder.input_shape, encoder.output_shape) == ((None, height, width, channels), (None, 5))
    assert (decoder.input_shape, decoder.output_shape) == ((None, 3), (None, height, width, 4))
    likelihoods.Bernoulli((height, width, channels)).build(decoder.output_shape)  # its features fit


def test_every_pixel_reaches_the_features_and_every_code_every_pixel():
    encoder, decoder = networks.conv((9, 7, 1), 3, filters=(4, 4), hidden=16, activation="linear")
    pixels = np.eye(63, dtype=np.float32).reshape(63, 9, 7, 1)
    assert (np.ptp(encoder(pixels), axis=1) > 0).all()
    codes = decoder(np.eye(3, dtype=np.float32)).numpy()
    assert (np.abs(codes).max(axis=-1) > 0).all()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: networks.mlp(()), r"event_shape=\(\)"),
        (lambda: networks.mlp((28, 0, 1)), r"event_shape=\(28, 0, 1\)"),
        (lambda: networks.mlp((5,), latent_size=0), r"latent_size=0"),
        (lambda: networks.mlp((5,), hidden=()), r"hidden=\(\)"),
        (lambda: networks.mlp((5,), hidden=(4, -1)), r"hidden=\(4, -1\)"),
        (lambda: networks.conv((28, 28, 0)), r"event_shape=\(28, 28, 0\)"),
        (lambda: networks.conv((28, 28, 1), latent_size=0), r"latent_size=0"),
        (lambda: networks.conv((28, 28, 1), filters=()), r"filters=\(\)"),
        (lambda: networks.conv((28, 28, 1), filters=(0,)), r"filters=\(0,\)"),
        (lambda: networks.conv((28, 28, 1), hidden=0), r"hidden=0"),
    ],
)
def test_sizes_below_1_are_refused(make, sentence):
    with pytest.raises(
        InputError, match=rf"The network got {sentence}: give (a whole number|whole numbers) of at least 1"
    ):
        make()


@pytest.mark.parametrize("event_shape", [(784,), (28, 28), (2, 28, 28, 1)])
def test_conv_refuses_what_is_no_image(event_shape):
    with pytest.raises(InputError, match=r"conv got event_shape=\(.*\): give \(height, width, channels\), "):
        networks.conv(event_shape)


@pytest.mark.parametrize("event_shape", [(28, 28, 1), (7, 5, 3), (1, 1, 1), (33, 17, 3)])
def test_residual_networks_take_images_of_any_size(event_shape):
    encoder, decoder = networks.resnet(event_shape, latent_size=3, filters=(4, 5), blocks=2, hidden=6)
    assert (encoder.input_shape, encoder.output_shape) == ((None, *event_shape), (None, 6))
    assert (decoder.input_shape, decoder.output_shape) == ((None, 3), (None, *event_shape[:2], 4))
    convolutions = [layer for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convolutions) == 2 * (1 + 2 * 2)  # stages of one convolution and two blocks of two


def test_a_residual_block_adds_to_its_input():
    features = keras.Input((6, 5, 4))
    block = keras.Model(features, residual_block(features, "relu"))
    x = np.random.default_rng(0).normal(size=(2, 6, 5, 4)).astype(np.float32)
    first, last = [layer for layer in block.layers if isinstance(layer, keras.layers.Conv2D)]
    residual = tf.nn.conv2d(tf.nn.relu(x), first.kernel, 1, "SAME")
    residual = tf.nn.conv2d(tf.nn.relu(residual), last.kernel, 1, "SAME")  # biases start at 0
    assert np.abs(residual).max() > 0.1
    np.testing.assert_allclose(block(x), x + residual, rtol=1e-4, atol=1e-5)
    last.set_weights([np.zeros_like(weight) for weight in last.get_weights()])
    np.testing.assert_allclose(block(x), x, rtol=1e-6)


def test_a_gradient_reaches_every_weight_of_a_residual_network():
    inputs = [np.random.default_rng(0).normal(size=shape).astype(np.float32) for shape in ((4, 7, 5, 3), (4, 3))]
    for network, x in zip(networks.resnet((7, 5, 3), 3, filters=(4, 5), blocks=2, hidden=6), inputs, strict=True):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network(x) ** 2)
        for weight, gradient in zip(network.weights, tape.gradient(loss, network.weights), strict=True):
            assert np.abs(gradient).max() > 0, weight.path


def test_an_example_does_not_depend_on_its_neighbours_in_a_residual_network():
    encoder, _ = networks.resnet((7, 5, 3), 3, filters=(4, 5))
    x = np.random.default_rng(0).normal(size=(4, 7, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(encoder(x, training=True)[:1], encoder(x[:1], training=True), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"event_shape": (17,)}, r"resnet got event_shape=\(17,\): give \(height, width, channels\), or use mlp"),
        ({"blocks": 0}, r"got blocks=0: give a whole number of at least 1"),
        ({"filters": ()}, r"got filters=\(\): give whole numbers of at least 1"),
        ({"activation": "rleu"}, r"got activation='rleu': give the name"),
    ],
)
def test_a_residual_network_that_cannot_be_is_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        networks.resnet(**{"event_shape": (8, 8, 1), **options})


def test_one_size_is_not_a_shape():
    with pytest.raises(InputError, match=r"The network got event_shape=784: give a tuple of sizes, such as \(784,\)"):
        networks.mlp(784)


@pytest.mark.parametrize("make", [networks.mlp, networks.conv, networks.resnet])
@pytest.mark.parametrize("inputs", ["log1p", "standardize"])
def test_the_encoder_begins_with_what_was_asked_for(make, inputs, rng):
    x = rng.normal(size=(3, 8, 8, 2)).astype(np.float32)
    plain, transformed = make((8, 8, 2)).encoder, make((8, 8, 2), inputs=inputs).encoder
    layer = transformed.get_layer(inputs)
    assert transformed.layers[1] is layer
    if inputs == "standardize":
        layer.adapt(3 * x + 1)
    plain.set_weights([weight.numpy() for weight in transformed.trainable_weights])
    np.testing.assert_allclose(transformed(x), plain(layer(x)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [networks.mlp, networks.conv, networks.resnet])
def test_another_transformation_is_refused(make):
    with pytest.raises(InputError, match=r'The network got inputs=\'log\': give "log1p", "standardize" or None'):
        make((8, 8, 2), inputs="log")
