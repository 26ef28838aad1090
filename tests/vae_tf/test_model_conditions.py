"""Conditions that cannot be, whoever takes them: one sentence, and the model is as it was."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from vae_tf import VAE, InputError, networks, priors

N = 6
X, Z = np.float32(np.arange(36).reshape(N, 6) % 2), np.zeros((N, 2), np.float32)
LABEL, ANGLE = np.arange(N) % 4, np.float32(np.arange(12).reshape(N, 2) / 10)
GOOD = {"label": LABEL, "angle": ANGLE}
TRAINING = {
    "fit": lambda vae, data: vae.fit(data, shuffle=False, verbose=0),
    "evaluate": lambda vae, data: vae.evaluate(data, verbose=0),
    "predict": lambda vae, data: vae.predict(data, verbose=0),
}
BY_NAME = {
    "encode": lambda vae, **given: vae.encode(X, **given),
    "decode": lambda vae, **given: vae.decode(Z, **given),
    "sample": lambda vae, **given: vae.sample(N, **given),
    "log_prob": lambda vae, **given: vae.log_prob(X, samples=1, **given),
    "score": lambda vae, **given: vae.score(X, **given),
    "reconstruct": lambda vae, **given: vae.reconstruct(X, **given),
}


def model(conditions: networks.Conditions = None, prior: priors.Prior | None = None) -> VAE:
    vae = VAE(*networks.mlp((6,), 2, hidden=(4,), conditions=conditions), prior=prior)
    vae.compile("sgd", run_eagerly=True)
    return vae


@pytest.fixture(scope="module")
def vae() -> VAE:
    return model({"label": networks.Label(4), "angle": networks.Vector(2)}, priors.ConditionalNormal(2))


@pytest.fixture(scope="module")
def plain() -> VAE:
    return model()


@pytest.fixture(scope="module")
def drawing() -> VAE:
    """The decoder takes the label, and the encoder does not."""
    return model({"label": networks.Label(4, encoder=False)})


@pytest.mark.parametrize(
    ("label", "prior", "names"),
    [
        (networks.Label(4), None, ("label", "angle")),
        (networks.Label(4, decoder=False), None, ("angle",)),
        (networks.Label(4, decoder=False), priors.ConditionalNormal, ("label", "angle")),
    ],
)
def test_the_density_of_x_depends_on_what_the_decoder_and_the_prior_take(label, prior, names):
    conditions = {"label": label, "angle": networks.Vector(2, encoder=False)}
    assert model(conditions, prior and prior(2)).generative_conditions == names


def without(name: str) -> dict:
    return {key: value for key, value in GOOD.items() if key != name}


def at(row: int, value, of: np.ndarray) -> np.ndarray:
    """The values with another in a row."""
    changed = of.astype(np.float64) if isinstance(value, float) else of.copy()
    changed[row] = value
    return changed


RANGE = "give whole numbers from 0 to 3."
FINITE = "give finite numbers, in the range of float32."
VALUES = {  # what is given instead of good values, and the sentence, which is the same for all
    "above the range": ({"label": at(2, 4, LABEL)}, rf"^label is 4 in row 2: {RANGE}"),
    "below the range": ({"label": at(5, -1, LABEL)}, rf"^label is -1 in row 5: {RANGE}"),
    "half a label": ({"label": at(1, 0.5, LABEL)}, rf"^label is 0.5 in row 1: {RANGE}"),
    "no number as a label": ({"label": at(3, np.nan, LABEL)}, rf"^label is nan in row 3: {RANGE}"),
    "NaN in a vector": ({"angle": at(4, np.nan, ANGLE)}, rf"^angle is nan in row 4: {FINITE}"),
    "infinity in a vector": ({"angle": at(0, np.inf, ANGLE)}, rf"^angle is inf in row 0: {FINITE}"),
    "fewer rows": ({"label": LABEL[:5]}, "^label has 5 rows, and there are 6 examples: give one value for each"),
    "more rows": ({"angle": np.zeros((7, 2))}, "^angle has 7 rows, and there are 6 examples: give one value for"),
    "texts": ({"label": np.array(["a"] * N)}, "^label is of dtype <U1; this model takes an array of numbers of shape"),
    "another shape": ({"label": LABEL[:, None]}, r"^label has shape \(6, 1\); this model takes \(6,\): reshape it"),
    "another size": ({"angle": np.zeros((N, 3))}, r"^angle has shape \(6, 3\); this model takes \(6, 2\): reshape it"),
}


def refuses(call, sentence: str, vae: VAE) -> None:
    before = vae.get_weights()
    with pytest.raises(InputError, match=sentence):
        call()
    for one, other in zip(vae.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("method", [*TRAINING, *BY_NAME])
@pytest.mark.parametrize("kind", VALUES)
def test_values_that_cannot_be_are_refused_in_one_sentence(vae, method, kind):
    given, sentence = VALUES[kind]
    if method in BY_NAME:
        refuses(lambda: BY_NAME[method](vae, **{**GOOD, **given}), sentence, vae)
    else:
        refuses(lambda: TRAINING[method](vae, {"x": X, **GOOD, **given}), sentence, vae)


@pytest.mark.parametrize("method", BY_NAME)
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"label": 4}, rf"^label is 4 in row 0: {RANGE}"),
        ({"label": 0.5}, rf"^label is 0.5 in row 0: {RANGE}"),
        ({"angle": [np.nan, 0.0]}, rf"^angle is nan in row 0: {FINITE}"),
        ({"label": "seven"}, "^label is of dtype <U5; this model takes an array of numbers"),
        ({"label": None}, "^label is of dtype object; this model takes an array of numbers"),
        ({"angle": [[0.0, 1.0], [0.0]]}, r"^angle is no array; this model takes one of shape \(6, 2\): make it one"),
    ],
)
def test_one_value_for_all_rows_is_looked_at_too(vae, method, given, sentence):
    refuses(lambda: BY_NAME[method](vae, **{**GOOD, **given}), sentence, vae)


@pytest.mark.parametrize("method", BY_NAME)
def test_a_condition_that_is_missing_is_asked_for_by_name(vae, method):
    one = "^label is missing: give label=..., one value for all rows or one for each"
    refuses(lambda: BY_NAME[method](vae, **without("label")), one, vae)
    both = "^label and angle are missing: give label=... and angle=..., one value for all rows or one for each"
    refuses(lambda: BY_NAME[method](vae), both, vae)


@pytest.mark.parametrize("method", TRAINING)
def test_a_condition_that_is_missing_from_data_is_asked_for(vae, method):
    wanted = r"'x' of shape \('N', 6\) and 'label' of shape \('N',\) and 'angle' of shape \('N', 2\)"
    given = {"x": X, **without("label")}
    sentence = rf"^x is a dictionary of 'x', 'angle'; this model takes a dictionary of {wanted}: give 'label'\."
    refuses(lambda: TRAINING[method](vae, given), sentence, vae)
    refuses(lambda: TRAINING[method](vae, X), rf"this model takes a dictionary of {wanted}: give \{{'x': x, ", vae)
    batches = tf.data.Dataset.from_tensor_slices(given).batch(3)
    sentence = r"^x gives dictionaries of 'x', 'angle'; .*: give 'label'\."
    refuses(lambda: TRAINING[method](vae, batches), sentence, vae)


@pytest.mark.parametrize("method", [*TRAINING, *BY_NAME])
def test_another_name_is_refused(vae, method):
    given = {**without("label"), "colour": LABEL}
    if method in BY_NAME:
        sentence = "^colour was given, but this model takes the conditions label, angle: leave it out"
        refuses(lambda: BY_NAME[method](vae, **given), sentence, vae)
    else:
        sentence = "^x is a dictionary of .*: give 'label', and leave 'colour' out"
        refuses(lambda: TRAINING[method](vae, {"x": X, **given}), sentence, vae)


@pytest.mark.parametrize("method", [*TRAINING, *BY_NAME])
def test_a_model_without_conditions_takes_none(plain, method):
    if method in BY_NAME:
        sentence = "^label was given, but this model takes no conditions: leave it out"
        refuses(lambda: BY_NAME[method](plain, label=LABEL), sentence, plain)
    else:
        sentence = r"^x is a dictionary of 'x', 'label'; this model takes an array of shape \('N', 6\): give one value"
        refuses(lambda: TRAINING[method](plain, {"x": X, "label": LABEL}), sentence, plain)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"label": at(2, 4, LABEL)}, rf"^label of {{}} batch 2 is 4 in row 0: {RANGE}"),
        ({"label": at(3, np.nan, LABEL)}, rf"^label of {{}} batch 2 is nan in row 1: {RANGE}"),
        ({"angle": at(5, np.nan, ANGLE)}, rf"^angle of {{}} batch 3 is nan in row 1: {FINITE}"),
    ],
)
@pytest.mark.parametrize("method", TRAINING)
def test_in_a_data_set_the_batch_and_its_row_are_named(vae, method, given, sentence):
    batches = tf.data.Dataset.from_tensor_slices({"x": X, **GOOD, **given}).batch(2)
    purpose = {"fit": "training", "evaluate": "evaluation", "predict": "prediction"}[method]
    with pytest.raises(InputError, match=sentence.format(purpose)):
        TRAINING[method](vae, batches)


@pytest.mark.parametrize("method", ["encode", "log_prob", "score", "reconstruct"])
def test_conditions_beside_data_that_bring_their_own_are_refused(vae, method):
    for x in ({"x": X, **GOOD}, tf.data.Dataset.from_tensor_slices({"x": X, **GOOD}).batch(4)):
        with pytest.raises(InputError, match=r"^x brings its conditions itself, and label was given too: leave it out"):
            getattr(vae, method)(x, label=2)


def test_a_method_asks_only_for_what_it_runs_on(drawing):
    alone = tf.data.Dataset.from_tensor_slices(X).batch(4)
    together = tf.data.Dataset.from_tensor_slices({"x": X, "label": LABEL}).batch(4)
    expected = drawing.encode(X).mean()
    for x in (alone, together, {"x": X}, {"x": X, "label": LABEL}):
        np.testing.assert_allclose(drawing.encode(x).mean(), expected, rtol=1e-5, atol=1e-6)
    for call in (drawing.reconstruct, drawing.log_prob):
        with pytest.raises(
            InputError, match=r"^The data set gives x alone; .* and 'label' of shape \('B',\): add them"
        ):
            call(alone)
    for call in (drawing.reconstruct, drawing.log_prob, drawing.score):
        with pytest.raises(InputError, match=r"^label is missing: give label=\.\.\., one value"):
            call(X)
    with pytest.raises(InputError, match=r"'x', 'colour'; .*: leave 'colour' out"):
        drawing.encode({"x": X, "colour": LABEL})


def test_a_condition_before_x_is_refused():
    x, label = keras.Input((6,), name="x"), keras.Input((), dtype="int32", name="label")
    features = layers.Concatenate()([x, layers.Embedding(4, 3)(label)])
    _, decoder = networks.mlp((6,), 2, hidden=(4,))
    with pytest.raises(InputError, match=r"^Input 2 of the encoder is named 'x', .*: the encoder takes x first"):
        VAE(keras.Model([label, x], features), decoder)


@pytest.mark.parametrize("method", ["encode", "log_prob", "score", "reconstruct"])
def test_an_x_without_an_axis_of_rows_is_refused(vae, method):
    with pytest.raises(InputError, match=r"^x has shape \(\); this model takes \('N', 6\)"):
        getattr(vae, method)(3.0, label=2, angle=[0.0, 1.0])
