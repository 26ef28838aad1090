"""What the networks take besides x and z: found in them, looked at on the host, and told apart in the graph."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from vae_tf import VAE, InputError, conditions
from vae_tf.conditions import Condition
from vae_tf.serving import contract, signatures
from vae_tf.training.watching import grids
from vae_tf_client import Client

LABEL = Condition("label", (), "int32", 10)
ANY_LABEL = Condition("label", (), "int32", None)
ANGLE = Condition("angle", (2,), "float32")
WHOLE = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32", "float64"]
COMPILED = {
    "eager": lambda function: function,
    "graph": tf.function,
    "XLA": lambda function: tf.function(function, jit_compile=True),
}


def network(first: str, *further: keras.KerasTensor, of=lambda value: value) -> keras.Model:
    """A network of `first` and further inputs, of which `of` takes the first."""
    x = keras.Input((4,), name=first)
    parts = [layers.Flatten()(layers.Reshape((-1,))(of(value))) for value in further]
    return keras.Model([x, *further], layers.Concatenate()([x, *parts]))


def label(shape=(), dtype="int32", name="label") -> keras.KerasTensor:
    return keras.Input(shape, name=name, dtype=dtype)


def embedded(count: int) -> layers.Layer:
    return layers.Embedding(count, 3)


# ----- What the networks take


def test_networks_of_one_input_have_no_condition():
    assert conditions.of(network("x"), network("z")) == {}
    assert conditions.of(keras.Sequential([keras.Input((4,)), layers.Dense(2)]), network("z")) == {}


def test_conditions_are_the_further_inputs_of_both_networks_by_name():
    angle = keras.Input((2,), name="angle")
    found = conditions.of(network("x", angle), network("z", label(), of=embedded(10)))
    assert found == {"angle": ANGLE, "label": LABEL}
    assert list(found) == ["angle", "label"]
    assert [found[name].is_label for name in found] == [False, True]
    assert [found[name].width for name in found] == [2, 10]


@pytest.mark.parametrize(
    "make",
    [
        lambda: embedded(10),
        lambda: layers.CategoryEncoding(num_tokens=10, output_mode="one_hot"),
        lambda: lambda value: keras.ops.one_hot(value, 10),
        lambda: keras.Sequential([keras.Input((), dtype="int32"), embedded(10)]),
        lambda: keras.Model(twin := label(name="twin"), keras.Sequential([embedded(10)])(twin)),
    ],
    ids=["Embedding", "CategoryEncoding", "one_hot", "Sequential", "nested"],
)
def test_the_count_of_labels_is_found_in_the_network(make):
    decoder = network("z", label(), of=make())
    assert conditions.of(network("x"), decoder) == {"label": LABEL}
    assert conditions.of(network("x", label(), of=layers.Reshape((1,))), decoder) == {"label": LABEL}  # says none


def test_a_saved_network_has_the_same_conditions(tmp_path):
    decoder = network("z", label(), of=embedded(10))
    decoder.save(tmp_path / "decoder.keras")
    loaded = keras.saving.load_model(tmp_path / "decoder.keras")
    assert conditions.of(network("x"), loaded) == {"label": LABEL}


@pytest.mark.parametrize(("shape", "dtype"), [((), "int32"), ((1,), "int32"), ((), "int64"), ((1,), "float32")])
def test_an_embedding_takes_labels_whatever_the_shape_and_dtype_of_its_input(shape, dtype):
    decoder = network("z", label(shape, dtype), of=embedded(10))
    condition = conditions.of(network("x"), decoder)["label"]
    assert condition == LABEL
    features = decoder([tf.zeros([3, 4]), condition.as_tensor([9, 0, 5])])  # Keras fills the shape (1,)
    assert features.shape == (3, 7)


def test_numbers_that_nothing_counts_are_conditions_too():
    found = conditions.of(network("x", label((), "float32")), network("z", label((3,), "int32", "sizes")))
    assert found["label"] == Condition("label", (), "float32", None)
    assert found["sizes"] == Condition("sizes", (3,), "int32", None)
    assert not found["label"].is_label
    assert not found["sizes"].is_label


@pytest.mark.parametrize(
    ("further", "sentence"),
    [
        (lambda: keras.Input((3,)), "Input 2 of the decoder has no name, by which its values could be given"),
        (lambda: label(name="x"), "Input 2 of the decoder is named 'x', which means something else to the model"),
        (lambda: label(name="seed"), "Input 2 of the decoder is named 'seed', which means something else"),
        (lambda: label(name="training"), "Input 2 of the decoder is named 'training', which means something else"),
        (lambda: label(name="noise"), "Input 2 of the decoder is named 'noise', which means something else"),
        (lambda: label(name="the-label"), "is named 'the-label', which no argument can be: name it in letters"),
        (lambda: label(name="class"), "is named 'class', which no argument can be"),
        (lambda: label((None,)), r"The input 'label' of the decoder has shape \(None,\): give it fixed sizes"),
        (lambda: label(dtype="bool"), "The input 'label' of the decoder has dtype bool: a condition is int32 for"),
        (lambda: label(dtype="uint8"), "The input 'label' of the decoder has dtype uint8"),
        (lambda: label(dtype="string"), "The input 'label' of the decoder has dtype string"),
    ],
)
def test_an_input_that_cannot_be_a_condition_is_refused(further, sentence):
    value, z = further(), keras.Input((4,), name="z")
    decoder = keras.Model([z, value], layers.Dense(2)(z))
    with pytest.raises(InputError, match=sentence):
        conditions.of(network("x"), decoder)


def test_inputs_of_one_name_must_be_alike():
    encoder, decoder = network("x", label((10,), "float32")), network("z", label(), of=embedded(10))
    with pytest.raises(InputError) as caught:
        conditions.of(encoder, decoder)
    assert str(caught.value) == (
        "'label' is float32 of shape (10,) in the encoder and int32 of shape () in the decoder: make the inputs alike, "
        "or give them two names."
    )


def test_counts_of_labels_must_be_equal():
    with pytest.raises(InputError, match="take 'label' for labels from 0 to 9 and 0 to 11: make the numbers of labels"):
        conditions.of(network("x", label(), of=embedded(12)), network("z", label(), of=embedded(10)))
    value, z = label(), keras.Input((4,), name="z")
    parts = [z, layers.Embedding(10, 2)(value), keras.ops.one_hot(value, 9)]
    with pytest.raises(InputError, match="labels from 0 to 8 and 0 to 9"):
        conditions.of(network("x"), keras.Model([z, value], layers.Concatenate()(parts)))


# ----- The look at values, on the host


@pytest.mark.parametrize("make", [np.asarray, tf.constant, list], ids=["array", "tensor", "list"])
@pytest.mark.parametrize("kind", [*WHOLE, *FLOATS])
def test_labels_of_every_dtype_are_taken(kind, make):
    values = make(np.array([0, 9, 5], kind))
    checked = LABEL.check(values, 3, "label")
    found = LABEL.as_tensor(checked)
    assert found.dtype == tf.int32
    np.testing.assert_array_equal(found, [0, 9, 5])


def test_booleans_are_the_labels_0_and_1():
    for values in ([True, False], np.array([True, False]), tf.constant([True, False])):
        np.testing.assert_array_equal(LABEL.as_tensor(LABEL.check(values, None, "label")), [1, 0])


@pytest.mark.parametrize("kind", [*WHOLE, *FLOATS, "bool"])
def test_vectors_of_every_dtype_are_taken(kind):
    values = np.array([[0, 1], [1, 1], [1, 0]], kind)
    found = ANGLE.as_tensor(ANGLE.check(values, 3, "angle"))
    assert found.dtype == tf.float32
    np.testing.assert_array_equal(found, values.astype(np.float32))


def test_no_rows_are_rows_too():
    assert LABEL.check([], 0, "label").shape == (0,)
    assert LABEL.check(np.zeros([0], np.int64), None, "label").shape == (0,)
    assert ANGLE.check(np.zeros([0, 2]), 0, "angle").shape == (0, 2)
    assert LABEL.accepts(tf.zeros([0], tf.int32)).shape == (0,)
    assert LABEL.context(tf.zeros([0], tf.int32)).shape == (0, 10)


RANGE = "give whole numbers from 0 to 9."
REFUSED = {
    "below": (LABEL, [3, -1], f"label is -1 in row 1: {RANGE}"),
    "above": (LABEL, [10, 3], f"label is 10 in row 0: {RANGE}"),
    "unsigned": (LABEL, np.array([3, 2**64 - 1], np.uint64), f"label is 18446744073709551615 in row 1: {RANGE}"),
    "wide": (LABEL, [3, 2**32 + 3], f"label is 4294967299 in row 1: {RANGE}"),
    "fraction": (LABEL, [0.0, 2.5], f"label is 2.5 in row 1: {RANGE}"),
    "no number": (LABEL, [0.0, np.nan], f"label is nan in row 1: {RANGE}"),
    "infinite": (LABEL, [0.0, np.inf], f"label is inf in row 1: {RANGE}"),
    "tensor": (LABEL, tf.constant([3, -1]), f"label is -1 in row 1: {RANGE}"),
    "count unknown": (ANY_LABEL, [7, -1], "label is -1 in row 1: give whole numbers of at least 0."),
    "beyond int32": (ANY_LABEL, [0, 2**31], "label is 2147483648 in row 1: give whole numbers of at least 0"),
    "text": (
        LABEL,
        "seven",
        "label is of dtype <U5; this model takes an array of numbers of shape (2,): convert it",
    ),
    "texts": (LABEL, ["3", "5"], "label is of dtype <U1; this model takes an array of numbers of shape (2,)"),
    "objects": (LABEL, [None, 3], "label is of dtype object; this model takes an array of numbers of shape (2,)"),
    "complex": (ANGLE, np.zeros((2, 2), np.complex64), "label is of dtype complex64; this model takes an array of"),
    "ragged": (ANGLE, [[1.0, 2.0], [1.0]], "label is no array; this model takes one of shape (2, 2): make it one."),
    "column": (LABEL, [[3], [5]], "label has shape (2, 1); this model takes (2,): reshape it."),
    "one-hot": (
        LABEL,
        np.eye(10)[:2],
        "label has shape (2, 10); this model takes (2,): give the number of each label, np.argmax(..., axis=-1).",
    ),
    "one": (LABEL, 3, "label has shape (); this model takes (2,): reshape it."),
    "length": (LABEL, [1, 2, 3], "label has 3 rows, and there are 2 examples: give one value for each example."),
    "size": (ANGLE, np.zeros((2, 3)), "label has shape (2, 3); this model takes (2, 2): reshape it."),
    "vector NaN": (ANGLE, [[0.0, 1.0], [np.nan, 0.0]], "label is nan in row 1: give finite numbers, in the range of"),
    "vector inf": (ANGLE, [[0.0, -np.inf], [0.0, 0.0]], "label is -inf in row 0: give finite numbers"),
    "float64": (ANGLE, [[0.0, 1e300], [0.0, 0.0]], "label is 1e+300 in row 0: give finite numbers"),
}


@pytest.mark.parametrize(("condition", "values", "sentence"), REFUSED.values(), ids=REFUSED)
def test_values_that_cannot_be_are_refused_in_one_sentence(condition, values, sentence):
    with pytest.raises(InputError) as caught:
        condition.check(values, 2, "label")
    assert str(caught.value).startswith(sentence)


def test_the_number_of_rows_may_be_any():
    assert len(LABEL.check([1, 2, 3], None, "label")) == 3
    with pytest.raises(InputError, match=r"labels of fit has shape \(1, 1\); this model takes \('N',\)"):
        LABEL.check([[1]], None, "labels of fit")


def test_within_a_graph_the_dtype_and_the_shape_are_looked_at():
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])
    def take(values):
        with pytest.raises(InputError, match="shape"):
            ANGLE.check(values, None, "angle")
        return LABEL.as_tensor(LABEL.check(values, 4, "label"))

    np.testing.assert_array_equal(take([3, 77]), [3, 77])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def text(values):
        with pytest.raises(InputError, match="label is of dtype <dtype: 'string'>"):
            LABEL.check(values, None, "label")
        return values

    text(["a"])


# ----- In the graph


@pytest.mark.parametrize("compiled", COMPILED.values(), ids=COMPILED)
@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        (LABEL, np.int32([0, 9, 10, -1, 2**31 - 1, -(2**31)]), [True, True, False, False, False, False]),
        (LABEL, np.int64([2**32 + 3, -(2**32) + 3, 3]), [False, False, True]),
        (LABEL, np.float32([3, 2.5, np.nan, np.inf, -np.inf, -1, 1e30]), [True] + 6 * [False]),
        (ANY_LABEL, np.int32([0, 2**31 - 1, -1]), [True, True, False]),
        (ANGLE, np.float32([[0, 1], [np.nan, 1], [0, -np.inf]]), [True, False, False]),
        (ANGLE, np.float64([[0, 1], [0, 1e300]]), [True, False]),
        (Condition("sizes", (2,), "int32", 4), np.int32([[0, 3], [0, 4], [-1, 0]]), [True, False, False]),
    ],
)
def test_rows_that_are_accepted_are_told_apart(compiled, condition, values, expected):
    np.testing.assert_array_equal(compiled(condition.accepts)(tf.constant(values)), expected)


@pytest.mark.parametrize("kind", [*WHOLE, *FLOATS])
def test_what_is_accepted_is_what_the_host_takes(kind):
    info = (np.finfo if kind in FLOATS else np.iinfo)(kind)
    values = np.array([0, 1, 9, 10, 100, info.min, info.max], kind)

    def is_taken(value) -> bool:
        try:
            return len(LABEL.check(value[None], 1, "label")) == 1
        except InputError:
            return False

    np.testing.assert_array_equal(LABEL.accepts(values), [is_taken(value) for value in values])


@pytest.mark.parametrize("compiled", COMPILED.values(), ids=COMPILED)
def test_the_context_is_one_hot_for_labels_and_the_values_of_a_vector(compiled, rng):
    found = compiled(LABEL.context)(tf.constant([3, 0]))
    assert found.dtype == tf.float32
    np.testing.assert_array_equal(found, np.eye(10)[[3, 0]])
    values = rng.normal(size=(4, 2, 3)).astype(np.float32)
    found = compiled(Condition("pose", (2, 3), "float32").context)(tf.constant(values))
    np.testing.assert_array_equal(found, values.reshape(4, 6))
    sizes = Condition("sizes", (2,), "int32", 4)
    assert sizes.width == 8
    np.testing.assert_array_equal(compiled(sizes.context)(tf.constant([[0, 3]])), [[1, 0, 0, 0, 0, 0, 0, 1]])


@pytest.mark.parametrize("compiled", COMPILED.values(), ids=COMPILED)
def test_contexts_stand_beside_each_other(compiled):
    both = {"label": LABEL, "angle": ANGLE}
    found = compiled(lambda values: conditions.context(both, values))(
        {"angle": tf.constant([[0.5, -1.0]]), "label": tf.constant([2])}
    )
    np.testing.assert_array_equal(found, [[0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0.5, -1.0]])
    assert conditions.context({}, {}) is None


def test_a_context_of_an_unknown_batch_has_a_known_width():
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, 2])])
    def shape(label, angle):
        context = conditions.context({"label": LABEL, "angle": ANGLE}, {"label": label, "angle": angle})
        assert context.shape.as_list() == [None, 12]
        return context

    shape([1], [[0.0, 1.0]])


def test_a_context_of_labels_that_nothing_counts_is_refused():
    with pytest.raises(InputError, match="How many values 'label' can have is not known, and the context needs it"):
        ANY_LABEL.context([1])


def test_no_condition_has_the_name_of_an_argument_or_of_a_served_input():
    functions = [
        inspect.signature(function).parameters
        for owner in (VAE, signatures, grids, Client)
        for name, function in inspect.getmembers(owner, inspect.isfunction)
        if not name.startswith("_")
    ]
    by_name = [given for given in functions if any(each.kind is each.VAR_KEYWORD for each in given.values())]
    taking = [given for given in by_name if {"condition", "conditions"} & given.keys()]
    arguments = {name for given in taking for name in given} - {"condition", "conditions"}
    served = {name for interface in contract.interfaces(2, (4,), 2).values() for name in interface.inputs}
    assert {"x", "z", "seed", "noise", "training", "count", "samples", "vae", "files", "class_names"} <= arguments
    assert arguments | served <= conditions.RESERVED


def test_what_users_give_in_place_of_labels_is_met_with_how_to_make_them():
    label = Condition("label", (), "int32", 3)
    with pytest.raises(InputError, match=r"an array of numbers .*: convert it, such as by .* np\.unique"):
        label.check(["cat", "dog"], 2, "label")
    with pytest.raises(InputError, match=r"label has shape \(2, 3\); .*give the number of each label, np\.argmax"):
        label.check(np.eye(3)[:2], 2, "label")
