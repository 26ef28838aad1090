"""One rule of dtypes, whoever takes the examples."""

import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError, importance, likelihoods
from vae_tf.conditions import Condition
from vae_tf.data import Schema

NOISE = tf.zeros([1, 8, 2])
TAKERS = {
    "call": lambda vae, x: vae(x),
    "encode": lambda vae, x: vae.encode(x).mean(),
    "reconstruct": lambda vae, x: vae.reconstruct(x),
    "predict": lambda vae, x: vae.predict(x, verbose=0),
    "evaluate": lambda vae, x: vae.evaluate(x, verbose=0),
    "log_prob": lambda vae, x: vae.log_prob(x, samples=2),
    "estimates": lambda vae, x: next(importance.estimates(vae, x, samples=2, seed=0)).log_prob,
    "terms": lambda vae, x: vae.terms(x, NOISE).log_likelihood,
    "values": lambda vae, x: vae.values(x, tf.constant([0, 0], tf.int64))["loss"],
}


@pytest.fixture(scope="module")
def vae(make_vae):
    vae = make_vae()
    vae.compile("sgd", run_eagerly=True)
    return vae


@pytest.mark.parametrize("take", TAKERS.values(), ids=TAKERS)
@pytest.mark.parametrize("kind", ["float64", "float16", "uint8", "int64", "bool"])
@pytest.mark.parametrize("make", [np.asarray, tf.constant], ids=["array", "tensor"])
def test_numbers_of_every_dtype_give_what_float32_gives(vae, binary, take, kind, make):
    expected = take(vae, binary[:8])
    np.testing.assert_array_equal(take(vae, make(binary[:8].astype(kind))), expected)


@pytest.mark.parametrize("take", TAKERS.values(), ids=TAKERS)
@pytest.mark.parametrize("kind", ["uint8", "int32", "int64"])
@pytest.mark.parametrize("make", [np.asarray, tf.constant], ids=["array", "tensor"])
def test_pixels_that_are_not_scaled_are_refused_in_one_sentence(vae, binary, take, kind, make):
    with pytest.raises(InputError, match=r"x is 255 in channel .*takes values in \[0, 1\].*uint8 images: x / 255"):
        take(vae, make((255 * binary[:8]).astype(kind)))


def test_integers_are_taken_as_they_are_where_the_likelihood_takes_them():
    counts = np.array([[0, 7, 255]], np.uint8)
    for likelihood in (
        likelihoods.NegativeBinomial((3,)),
        likelihoods.Normal((3,)),
        likelihoods.Categorical((3,), 256),
    ):
        np.testing.assert_array_equal(Schema(likelihood, {}).tensors(counts), np.float32(counts))


def test_lists_and_data_frames_are_arrays(binary):
    pandas = pytest.importorskip("pandas")
    bernoulli = likelihoods.Bernoulli((6,))
    for given in (binary.tolist(), pandas.DataFrame(binary.astype(np.float64))):
        found = Schema(bernoulli, {}).tensors(given)
        assert found.dtype == tf.float32
        np.testing.assert_array_equal(found, binary)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (
            np.array([["a"] * 6]),
            "x is of dtype <U1; this model takes an array of numbers of shape ('N', 6): convert it.",
        ),
        (np.array([[None] * 6]), "x is of dtype object; "),
        ([[0.0] * 6, [0.0]], "x is a list; "),
        (
            {"x": np.zeros((1, 6))},
            "x is a dictionary of 'x'; this model takes an array of shape ('N', 6): give one value, such as x['x'].",
        ),
        (np.zeros((1, 6), np.complex64), "x is of dtype complex64; "),
        (None, "x is a NoneType; "),
        (np.zeros((6,)), "x has shape (6,); this model takes ('N', 6): reshape the data"),
        (np.float32(1), "x has shape (); this model takes ('N', 6)"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(x, words):
    with pytest.raises(InputError) as caught:
        Schema(likelihoods.Bernoulli((6,)), {}).tensors(x)
    assert words in str(caught.value)


@pytest.mark.parametrize("kind", ["float64", "float16", "int32", "uint8"])
@pytest.mark.parametrize("make", [np.asarray, tf.constant], ids=["array", "tensor"])
def test_codes_may_be_of_any_dtype_too(vae, kind, make):
    z = np.array([[1, 2], [0, 1]])
    np.testing.assert_array_equal(vae.decode(make(z.astype(kind))).mean(), vae.decode(np.float32(z)).mean())


def test_codes_that_are_no_numbers_are_refused(vae):
    with pytest.raises(InputError, match=r"z is a str; this model takes an array of numbers of shape \('N', 2\)"):
        vae.decode("codes")


# ----- With conditions

LABEL, ANGLE = Condition("label", (), "int32", 10), Condition("angle", (2,), "float32")
BATCH = {"x": np.zeros((3, 6)), "label": np.array([0.0, 9.0, 5.0]), "angle": np.ones((3, 2), np.int64)}


@pytest.fixture
def schema() -> Schema:
    return Schema(likelihoods.Bernoulli((6,)), {"label": LABEL, "angle": ANGLE})


def test_a_dictionary_is_taken_apart_and_joined(schema):
    x, conditions = schema.split(BATCH)
    assert x is BATCH["x"]
    assert list(conditions) == ["label", "angle"]
    assert all(conditions[name] is BATCH[name] for name in conditions)
    assert schema.join(x, conditions).keys() == BATCH.keys()
    assert schema.join(x, {}) is x
    assert schema.shapes == {"x": ("N", 6), "label": ("N",), "angle": ("N", 2)}


def test_each_part_has_its_own_dtype_and_no_copy_is_made_before(schema):
    looked_at = schema.arrays(BATCH)
    assert all(looked_at[name] is BATCH[name] for name in BATCH)
    found = schema.tensors(BATCH)
    dtypes = {name: value.dtype for name, value in found.items()}
    assert dtypes == {"x": tf.float32, "label": tf.int32, "angle": tf.float32}
    for name, values in BATCH.items():
        np.testing.assert_array_equal(found[name], values)


def test_what_is_not_needed_may_be_given_and_is_left_aside(schema):
    seen, none = schema.needing(["label"]), schema.needing([])
    for batch in (BATCH, {"x": BATCH["x"], "label": BATCH["label"]}):
        assert seen.tensors(batch).keys() == {"x", "label"}
    for batch in (BATCH, {"x": BATCH["x"]}, BATCH["x"]):
        np.testing.assert_array_equal(none.tensors(batch), BATCH["x"])
    assert none.needing([]).tensors(BATCH).shape == (3, 6)
    with pytest.raises(InputError, match=r"^x is a dictionary of 'x', 'angle'; .*: give 'label'"):
        seen.split({"x": BATCH["x"], "angle": BATCH["angle"]})
    for narrow, batch in ((seen, {**BATCH, "colour": 1}), (none, {"x": BATCH["x"], "colour": 1})):
        with pytest.raises(InputError, match=r"'colour'; .*: leave 'colour' out"):
            narrow.split(batch)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"label": [0, 1, 10]}, "label of the batch is 10 in row 2: give whole numbers from 0 to 9."),
        ({"angle": np.full((3, 2), np.nan)}, "angle of the batch is nan in row 0: give finite numbers"),
        ({"label": [0, 1]}, "label of the batch has 2 rows, and there are 3 examples: give one value for each"),
        ({"x": np.zeros((2, 6))}, "label of the batch has 3 rows, and there are 2 examples"),
        ({"x": np.zeros((3, 5))}, "x of the batch has shape (3, 5); this model takes ('N', 6)"),
    ],
)
def test_a_message_names_the_part(schema, change, sentence):
    with pytest.raises(InputError) as caught:
        schema.arrays({**BATCH, **change}, "x of the batch")
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda batch: {**batch, "label": batch["label"][:, None]}, "'label' of shape (None, 1); this model takes"),
        (lambda batch: {**batch, "angle": tf.strings.as_string(batch["angle"])}, "'angle' of dtype string; "),
        (lambda batch: {**batch, "angle": tf.sparse.from_dense(batch["angle"])}, "'angle' of the kind SparseTensor"),
        (lambda batch: {**batch, "x": batch["x"][:, :5]}, "'x' of shape (None, 5); this model takes batches of a dict"),
        (lambda batch: batch["x"], "x alone; this model takes batches of a dictionary of 'x' of shape ('B', 6) and "),
        (lambda batch: {"x": batch["x"]}, "dictionaries of 'x'; this model takes batches of a dictionary"),
    ],
)
def test_a_data_set_says_before_it_is_read_what_it_gives(schema, change, sentence):
    dataset = tf.data.Dataset.from_tensor_slices(BATCH).batch(2).map(change)
    with pytest.raises(InputError) as caught:
        schema.check(dataset)
    assert str(caught.value).startswith(f"x gives {sentence}")
