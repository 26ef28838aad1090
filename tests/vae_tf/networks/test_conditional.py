"""Networks that take conditions besides x and z, and those that take none."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from vae_tf import InputError, conditions, networks

MAKERS = {"mlp": networks.mlp, "conv": networks.conv, "resnet": networks.resnet}
BOTH = {"label": networks.Label(10), "angle": networks.Vector(2)}
every = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def types(network: keras.Model) -> list[str]:
    return [type(layer).__name__ for layer in network.layers]


@every
def test_the_conditions_are_inputs_by_name(make):
    encoder, decoder = make((8, 8, 1), latent_size=3, conditions=BOTH)
    for network, first in ((encoder, "x"), (decoder, "z")):
        assert [value.name for value in network.inputs] == [first, "label", "angle"]
        assert [value.dtype for value in network.inputs[1:]] == ["int32", "float32"]
        assert [value.shape for value in network.inputs[1:]] == [(None,), (None, 2)]
    assert conditions.of(encoder, decoder) == {
        "label": conditions.Condition("label", (), "int32", 10),
        "angle": conditions.Condition("angle", (2,), "float32"),
    }
    plain = make((8, 8, 1), latent_size=3)
    assert encoder.output_shape == plain.encoder.output_shape
    assert decoder.output_shape == plain.decoder.output_shape


@every
@pytest.mark.parametrize("none", [None, {}])
def test_without_conditions_the_networks_are_those_of_one_input(make, none, rng):
    keras.utils.set_random_seed(5)
    plain = make((8, 8, 1), latent_size=3)
    keras.utils.set_random_seed(5)
    found = make((8, 8, 1), latent_size=3, conditions=none)
    for before, network, shape in zip(plain, found, ((2, 8, 8, 1), (2, 3)), strict=True):
        assert network.input_shape == (None, *shape[1:])
        assert types(network) == types(before)
        assert not {"Embedding", "Concatenate"} & set(types(network))
        x = rng.normal(size=shape).astype(np.float32)
        np.testing.assert_array_equal(network(x), before(x))


@every
def test_each_condition_reaches_all_that_takes_it(make, rng):
    encoder, decoder = make((8, 8, 1), latent_size=3, conditions=BOTH)
    angle = rng.normal(size=(1, 2)).astype(np.float32)
    for network, shape in ((encoder, (1, 8, 8, 1)), (decoder, (1, 3))):
        first = rng.normal(size=shape).astype(np.float32)
        before = network([first, np.int32([3]), angle])
        assert np.abs(network([first, np.int32([4]), angle]) - before).max() > 1e-4
        assert np.abs(network([first, np.int32([3]), angle + 1]) - before).max() > 1e-4


@every
def test_a_gradient_reaches_every_weight(make, rng):
    encoder, decoder = make((8, 8, 1), latent_size=3, conditions=BOTH)
    labels, angle = np.arange(10, dtype=np.int32), rng.normal(size=(10, 2)).astype(np.float32)
    for network, shape in ((encoder, (10, 8, 8, 1)), (decoder, (10, 3))):
        x = rng.normal(size=shape).astype(np.float32)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network([x, labels, angle]) ** 2)
        gradients = tape.gradient(loss, network.weights)
        for weight, gradient in zip(network.weights, map(tf.convert_to_tensor, gradients), strict=True):
            assert np.abs(gradient).max() > 0, weight.path
        embedding = network.get_layer("label_embedding")
        assert embedding.embeddings.shape == (10, 16)


@every
def test_one_network_alone_may_take_a_condition(make):
    only = {"label": networks.Label(10, encoder=False), "angle": networks.Vector((2, 3), decoder=False)}
    encoder, decoder = make((8, 8, 1), latent_size=3, conditions=only)
    assert [value.name for value in encoder.inputs] == ["x", "angle"]
    assert [value.name for value in decoder.inputs] == ["z", "label"]
    assert conditions.of(encoder, decoder)["angle"].shape == (2, 3)
    assert encoder([np.zeros((4, 8, 8, 1)), np.zeros((4, 2, 3))]).shape[0] == 4
    one = make((8, 8, 1), conditions={"label": networks.Label(10, encoder=False)}).encoder
    assert (one.input_shape, types(one)) == (make((8, 8, 1)).encoder.input_shape, types(make((8, 8, 1)).encoder))


@every
def test_conditional_networks_are_saved(make, tmp_path, rng):
    _, decoder = make((8, 8, 1), latent_size=3, conditions=BOTH)
    decoder.save(tmp_path / "decoder.keras")
    loaded = keras.saving.load_model(tmp_path / "decoder.keras")
    values = [rng.normal(size=(2, 3)).astype(np.float32), np.int32([0, 9]), rng.normal(size=(2, 2)).astype(np.float32)]
    np.testing.assert_array_equal(loaded(values), decoder(values))


def test_the_width_is_that_of_the_vector_of_a_label():
    encoder, _ = networks.mlp((6,), hidden=(5,), conditions={"kind": networks.Label(np.int64(4), width=7)})
    assert encoder.get_layer("kind_embedding").get_config()["input_dim"] == 4
    keras.models.model_from_json(encoder.to_json())  # whole numbers of NumPy are not JSON
    assert encoder.get_layer("kind_embedding").embeddings.shape == (4, 7)
    assert encoder.get_layer("joined").output.shape == (None, 6 + 7)


def test_conditions_pass_with_mixed_precision(set_policy):
    set_policy("mixed_bfloat16")
    _, decoder = networks.mlp((6,), latent_size=3, hidden=(5,), conditions=BOTH)
    assert decoder([np.zeros((4, 3)), np.int32([0, 1, 2, 3]), np.zeros((4, 2))]).dtype == tf.bfloat16
    assert isinstance(decoder.layers[-1], layers.Dense)


@every
@pytest.mark.parametrize(
    ("further", "sentence"),
    [
        ({"x": networks.Label(10)}, "A condition of the network is named 'x', which means something else to the model"),
        ({"z": networks.Label(10)}, "is named 'z', which means something else"),
        ({"seed": networks.Vector(2)}, "is named 'seed', which means something else"),
        ({"my label": networks.Label(10)}, "is named 'my label', which no argument can be"),
        ({3: networks.Label(10)}, "is named 3, which no argument can be"),
        ({"label": 10}, r"The network got conditions={'label': 10}: give a Label or a Vector for each name, such as"),
        ([networks.Label(10)], r"The network got conditions=\[Label.*\]: give a Label or a Vector for each name"),
    ],
)
def test_conditions_that_cannot_be_are_refused(make, further, sentence):
    with pytest.raises(InputError, match=sentence):
        make((8, 8, 1), conditions=further)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: networks.Label(0), "Label got count=0: give a whole number of at least 1"),
        (lambda: networks.Label("ten"), "Label got count='ten': give a whole number of at least 1"),
        (lambda: networks.Label(10, width=0), "Label got width=0: give a whole number of at least 1"),
        (lambda: networks.Vector(0), r"Vector got shape=\(0,\): give whole numbers of at least 1"),
        (lambda: networks.Vector((2, 0)), r"Vector got shape=\(2, 0\): give whole numbers of at least 1"),
        (lambda: networks.Vector(()), r"Vector got shape=\(\): give whole numbers of at least 1"),
        (
            lambda: networks.Label(3, encoder=False, decoder=False),
            "Label got encoder=False and decoder=False: leave it",
        ),
    ],
)
def test_labels_and_vectors_that_cannot_be_are_refused(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()
