"""No batch outside the likelihood's support passes, whatever brings it and however the steps are run."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError, likelihoods

MODES = {
    "graph": {"jit_compile": False},
    "xla": {"jit_compile": True},
    "fused": {"jit_compile": False, "steps_per_execution": 3},
    "fused xla": {"jit_compile": True, "steps_per_execution": 3},
    "eagerly": {"run_eagerly": True},
    "eagerly, several": {"run_eagerly": True, "steps_per_execution": 3},
}


class Batches(keras.utils.PyDataset):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def __len__(self):
        return len(self.x) // 10

    def __getitem__(self, number):
        return (self.x[10 * number : 10 * number + 10],)


@pytest.fixture
def bad(binary):
    """Its value 7 is in row 5 of batch 3 of four."""
    x = binary[:40].copy()
    x[25, 3] = 7
    return x


def compiled(make_vae, mode="graph", **parts):
    vae = make_vae(**parts)
    vae.compile("sgd", **MODES[mode])
    return vae


def weights(vae):
    return [weight.numpy() for weight in vae.trainable_weights]


@pytest.mark.parametrize("mode", MODES)
def test_a_later_batch_is_refused_by_its_number_before_it_is_learned_from(make_vae, bad, mode):
    vae = compiled(make_vae, mode)
    data = tf.data.Dataset.from_tensor_slices(bad).batch(10)
    for purpose, run in (("training", vae.fit), ("evaluation", vae.evaluate)):
        for _ in range(2):
            with pytest.raises(InputError, match=rf"x of {purpose} batch 3 is 7\.0 in channel 3 \(index \(5, 3\)\)"):
                run(data, verbose=0, **({"shuffle": False} if purpose == "training" else {}))
    assert all(np.isfinite(weight).all() for weight in weights(vae))
    vae.fit(bad[:20], verbose=0)
    with pytest.raises(InputError, match=r"x of evaluation batch 3 is 7\.0"):
        vae.fit(bad[:20], validation_data=data, verbose=0)


@pytest.mark.parametrize("mode", ["graph", "fused"])
@pytest.mark.parametrize("kind", ["PyDataset", "generator"])
def test_what_brings_batches_is_looked_at(make_vae, bad, kind, mode):
    vae = compiled(make_vae, mode)
    data = Batches(bad) if kind == "PyDataset" else ((bad[i : i + 10],) for i in range(0, 40, 10))
    with pytest.raises(InputError, match=r"x of training batch 3 is 7\.0 in channel 3"):
        vae.fit(data, shuffle=False, steps_per_epoch=4, verbose=0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("value", [np.nan, -1, np.inf])
def test_a_batch_alone_is_looked_at_and_leaves_the_model_as_it_was(make_vae, bad, mode, value):
    vae = compiled(make_vae, mode)
    bad[25, 3] = value
    before = weights(vae)
    for call in (vae.train_on_batch, vae.test_on_batch):
        with pytest.raises(InputError, match=rf"batch 1 is {float(value)} in channel 3 \(index \(25, 3\)\)"):
            call(bad)
    for one, other in zip(weights(vae), before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("mode", ["graph", "fused"])
def test_values_in_a_gap_are_refused_too(make_vae, rng, mode):
    x = rng.poisson(3, (40, 6)).astype(np.float32)
    vae = compiled(make_vae, mode, likelihood=likelihoods.NegativeBinomial((6,)))
    vae.fit(Batches(x), verbose=0)
    x[39, 5] = 2.5
    with pytest.raises(InputError, match=r"x of training batch 4 is 2\.5 in channel 5 .*NegativeBinomial takes whole"):
        vae.fit(Batches(x), shuffle=False, verbose=0)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("mode", ["graph", "fused"])
def test_each_epoch_counts_its_batches_anew(make_vae, binary, bad, mode):
    epochs, done = iter([binary[:40], binary[:40], bad]), []
    data = tf.data.Dataset.from_generator(
        lambda: iter(np.split(next(epochs), 4)), output_signature=tf.TensorSpec([10, 6], tf.float32)
    )
    vae = compiled(make_vae, mode)
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: done.append(epoch))
    with pytest.raises(InputError, match=r"x of training batch 3 is 7\.0"):
        vae.fit(data, epochs=3, shuffle=False, callbacks=[watch], verbose=0)
    assert done == [0, 1]


def once(batches):
    """A data set that can be read once."""
    left = iter(batches)
    return tf.data.Dataset.from_generator(lambda: left, output_signature=tf.TensorSpec([None, 6], tf.float32))


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("mode", ["graph", "fused"])
def test_a_data_set_that_can_be_read_once_loses_no_batch(make_vae, binary, mode):
    vae = compiled(make_vae, mode)
    batches = np.split(binary[:40], 4)
    vae.fit(once(batches), validation_data=once(batches), shuffle=False, verbose=0)
    assert (int(vae.training_steps), int(vae.evaluation_steps)) == (4, 4)
    vae.evaluate(once(batches), verbose=0)
    assert int(vae.evaluation_steps) == 4
    np.testing.assert_allclose(vae.predict(once(batches), verbose=0), vae(binary[:40]), rtol=1e-5)


@pytest.mark.parametrize("mode", ["graph", "fused"])
def test_a_seeded_shuffle_comes_in_its_order(make_vae, binary, mode):
    shuffled = lambda: tf.data.Dataset.from_tensor_slices(binary[:40]).shuffle(40, seed=1).batch(10)  # noqa: E731
    order = np.concatenate(list(shuffled().as_numpy_iterator()))
    found = []
    for data in (shuffled(), order):
        vae = compiled(make_vae, mode)
        found.append(vae.fit(data, batch_size=None if data is not order else 10, shuffle=False, verbose=0).history)
    assert found[0] == found[1]


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("mode", MODES)
def test_data_without_a_batch_are_refused_when_they_end(make_vae, binary, mode):
    vae = compiled(make_vae, mode)
    vae.fit(binary, verbose=0)
    for purpose, run in (
        ("training", lambda: vae.fit(once([]), shuffle=False, verbose=0)),
        ("evaluation", lambda: vae.evaluate(once([]), verbose=0)),
        ("evaluation", lambda: vae.fit(binary, validation_data=once([]), verbose=0)),
        ("prediction", lambda: vae.predict(once([]), verbose=0)),
    ):
        with pytest.raises(InputError, match=f"^The data for {purpose} give no batch: give at least one example"):
            run()
    with pytest.raises(InputError, match=r"^x of training batch 2 is empty"):
        vae.fit(once([binary[:10], binary[:0]]), shuffle=False, verbose=0)
    assert all(np.isfinite(weight).all() for weight in weights(vae))


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("mode", ["graph", "fused"])
def test_data_that_end_early_are_left_to_the_warning_of_keras(make_vae, binary, mode):
    history = compiled(make_vae, mode).fit(once(np.split(binary, 5)), epochs=2, shuffle=False, verbose=0).history
    assert len(history["loss"]) == 2


@pytest.mark.parametrize("mode", ["graph", "fused"])
def test_prediction_looks_at_the_scale_of_integers_in_each_batch(make_vae, binary, mode):
    x = binary[:40].astype(np.uint8)
    x[25, 3] = 255
    vae = compiled(make_vae, mode)
    with pytest.raises(InputError, match=r"x of prediction batch 3 is 255 in channel 3 \(index \(5, 3\)\)"):
        vae.predict(tf.data.Dataset.from_tensor_slices(x).batch(10), verbose=0)
    assert vae.predict(tf.data.Dataset.from_tensor_slices(x / 50).batch(10), verbose=0).shape == (40, 6)
