"""Several steps as one loop are the same steps, whatever the data, their end and who calls."""

import functools
import itertools
import logging
import math
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import VAE, errors, likelihoods, objectives, schedules
from vae_tf.trainer import execution
from vae_tf.trainer.execution import FusedSteps, fuses

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
BATCH = 8  # fifty examples: seven steps, the last of two examples


def variables(vae) -> list[np.ndarray]:
    """Weights, counters, seeds, sums of the logs, and what the optimizer keeps."""
    return [variable.numpy() for variable in (*vae.variables, *vae.optimizer.variables)]


def kernel(values) -> np.ndarray:
    """The first matrix: the encoder's."""
    return next(value for value in values if value.ndim == 2)


def assert_same(ones, others, **tolerance) -> None:
    for one, other in zip(ones, others, strict=True):
        if tolerance:
            np.testing.assert_allclose(one, other, **tolerance)
        else:
            np.testing.assert_array_equal(one, other)


def assert_same_logs(ones: dict, others: dict, **tolerance) -> None:
    assert list(ones) == list(others)
    assert_same(ones.values(), others.values(), **tolerance)


def steps_taken(vae) -> tuple[int, int]:
    return int(vae.optimizer.iterations), int(vae.training_steps)


@pytest.fixture(scope="module")
def compiled(make_vae):
    """Makes a small compiled model; beta rises at each step, so the logs tell the steps apart."""

    def make(several=1, jit_compile=False, optimizer=None, **options) -> VAE:
        vae = make_vae(objective=objectives.ELBO(beta=schedules.Linear(0, 1, 20)), seed=5)
        optimizer = optimizer or keras.optimizers.Adam(0.03)
        vae.compile(optimizer, steps_per_execution=several, jit_compile=jit_compile, **options)
        vae.optimizer.build(vae.trainable_variables)
        return vae

    return make


@pytest.fixture(scope="module")
def started(compiled):
    """Such a model as it started; each is made and traced once, for tracing is what takes the time."""

    @functools.cache
    def make(several: int, jit_compile: bool) -> tuple[VAE, list[np.ndarray]]:
        vae = compiled(several, jit_compile)
        return vae, variables(vae)

    def start(several=1, jit_compile=False) -> VAE:
        vae, values = make(several, jit_compile)
        for variable, value in zip((*vae.variables, *vae.optimizer.variables), values, strict=True):
            variable.assign(value)
        return vae

    return start


@pytest.fixture
def train(started):
    """Trains such a model; the same seeds whenever it is called. Returns its variables and the history."""

    def run(*data, several=1, jit_compile=False, **options) -> tuple[list[np.ndarray], dict]:
        vae = started(several, jit_compile)
        keras.utils.set_random_seed(9)
        history = vae.fit(*data, verbose=0, **{"shuffle": False, **options}).history
        return variables(vae), history

    return run


@pytest.fixture(scope="module")
def example_weights():
    return np.random.default_rng(7).random(50).astype(np.float32)


@pytest.fixture
def endless(binary):
    """Batches without an end, no two of the first twenty-five alike."""
    return tf.data.Dataset.from_tensor_slices(binary).repeat().batch(BATCH)


def data_set(binary, sizes) -> tf.data.Dataset:
    """Consecutive examples in batches of the given sizes."""

    def batches():
        for end, size in zip(itertools.accumulate(sizes), sizes, strict=True):
            yield binary[end - size : end]

    data = tf.data.Dataset.from_generator(batches, output_signature=tf.TensorSpec([None, 6], tf.float32))
    return data.apply(tf.data.experimental.assert_cardinality(len(sizes)))


class Record(keras.callbacks.Callback):
    """Keeps the logs of each execution, and the steps taken after each epoch."""

    def __init__(self, stop_after: int | None = None):
        super().__init__()
        self.stop_after = stop_after
        self.executions: list[dict] = []
        self.epochs: list[tuple[int, int]] = []

    def on_train_batch_end(self, batch, logs=None):
        self.executions.append({name: float(value) for name, value in logs.items()})
        if len(self.executions) == self.stop_after:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(steps_taken(self.model))


# ----- the same numbers


def test_compiled_by_xla_the_steps_are_the_same_whatever_their_number(train, binary):
    options = {
        "batch_size": BATCH,
        "epochs": 2,
        "validation_data": (binary[:16],),
        "shuffle": True,
        "jit_compile": True,
    }
    one, history = train(binary, **options)
    two, expected = train(binary, several=2, **options)
    names = {"loss", "elbo", "rate", "distortion", "beta"}
    assert set(expected) == names | {f"val_{name}" for name in names}
    assert_same(two, one, **CLOSE)
    assert_same_logs(expected, history, **CLOSE)
    for several in (5, 100):
        values, logs = train(binary, several=several, **options)
        assert_same(values, two)
        assert_same_logs(logs, expected)


def test_compiled_by_xla_the_weighted_steps_are_the_same_whatever_their_number(train, binary, example_weights):
    w = example_weights
    options = {"batch_size": 10, "epochs": 2, "validation_data": (binary[:20], None, w[:20]), "sample_weight": w}
    options |= {"jit_compile": True}
    one, history = train(binary, **options)
    two, expected = train(binary, several=2, **options)
    assert_same(two, one, **CLOSE)
    assert_same_logs(expected, history, **CLOSE)
    values, logs = train(binary, several=5, **options)
    assert_same(values, two)
    assert_same_logs(logs, expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_without_xla_the_steps_are_the_same_bits_as_single_ones(train, binary, example_weights, weighted):
    options = {"batch_size": BATCH, "epochs": 2, "validation_data": (binary[:18],), "shuffle": True}
    if weighted:
        options["sample_weight"] = example_weights
        options["validation_data"] = (binary[:18], None, example_weights[:18])
    one, history = train(binary, **options)
    for several in (2, 100):
        values, logs = train(binary, several=several, **options)
        assert_same(values, one)
        assert_same_logs(logs, history)


def test_weights_of_examples_change_the_steps(train, binary, example_weights):
    options = {"batch_size": BATCH, "several": 2}
    plain, _ = train(binary, **options)
    weighted, _ = train(binary, sample_weight=example_weights, **options)
    ones, _ = train(binary, sample_weight=np.ones(50, np.float32), **options)
    assert np.abs(kernel(plain) - kernel(weighted)).max() > 1e-3
    np.testing.assert_array_equal(kernel(plain), kernel(ones))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_keras_data_set_ends_its_epochs_where_single_steps_do(train, binary, workers):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 7

        def __getitem__(self, index):
            return (binary[index * BATCH : (index + 1) * BATCH],)

    run = lambda **options: train(Batches(workers=workers), epochs=2, **options)  # noqa: E731
    one, history = run()
    values, logs = run(several=5, callbacks=[record := Record()])
    assert record.epochs == [(7, 7), (14, 14)]
    assert_same(values, one)
    assert_same_logs(logs, history)


def test_weights_of_classes_and_targets_count_as_in_single_steps(train, binary):
    options = {"batch_size": BATCH, "class_weight": {0: 0.2, 1: 3.0}}
    one, history = train(binary, np.arange(50) % 2, **options)
    values, logs = train(binary, np.arange(50) % 2, several=2, **options)
    assert_same(values, one)
    assert_same_logs(logs, history)


def user_vae() -> VAE:
    """Networks with dropout and batch normalisation, as a user writes them."""
    keras.utils.set_random_seed(1)
    dense, normalize, drop = keras.layers.Dense, keras.layers.BatchNormalization, keras.layers.Dropout
    encoder = [keras.Input((6,)), dense(5, "relu"), normalize(momentum=0.5), drop(0.3, seed=1)]
    decoder = [keras.Input((2,)), dense(5, "relu"), normalize(momentum=0.5), drop(0.3, seed=2), dense(6)]
    networks = keras.Sequential(encoder), keras.Sequential(decoder)
    return VAE(*networks, likelihood=likelihoods.Bernoulli((6,), projection=None))


def test_dropout_and_batch_normalisation_are_those_of_single_steps(binary):
    runs = []
    for several in (1, 3):
        vae = user_vae()
        start = vae.get_weights()
        vae.compile("sgd", steps_per_execution=several, jit_compile=False)
        history = vae.fit(binary, batch_size=10, shuffle=False, verbose=0).history
        assert np.isfinite(history["loss"]).all()
        runs.append(variables(vae))
    moments = [i for i, weight in enumerate(vae.weights) if weight.name.startswith("moving")]
    assert len(moments) == 4
    for i in moments:
        assert np.abs(vae.get_weights()[i] - start[i]).max() > 1e-2
    assert_same(*runs, **CLOSE)


def test_half_precision_with_a_scaled_loss_is_the_same_whatever_the_number_of_steps(compiled, binary, set_policy):
    set_policy("mixed_float16")
    runs = []
    for several in (2, 5):
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.03), initial_scale=2.0**24)
        vae = compiled(several, jit_compile=True, optimizer=optimizer)
        start = vae.get_weights()
        logs = vae.fit(binary, batch_size=5, epochs=3, shuffle=False, verbose=0).history
        assert np.isfinite(logs["loss"]).all()
        assert np.abs(vae.get_weights()[0] - start[0]).max() > 1e-3
        taken, tried = int(vae.optimizer.inner_optimizer.iterations), int(vae.training_steps)
        assert 0 < taken < tried == 30  # the first overflow, and are left out
        runs.append((variables(vae), logs))
    (ones, history), (others, logs) = runs
    assert_same(others, ones)
    assert_same_logs(logs, history)


def test_a_learning_rate_that_a_callback_sets_holds_in_the_loop(train, started, binary):
    kernels = [started(5).encoder.get_weights()[0]]
    for epochs in (1, 2):
        rates = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 * (epoch == 0))
        values, _ = train(binary, several=5, batch_size=BATCH, epochs=epochs, callbacks=[rates])
        kernels.append(kernel(values))
    assert np.abs(kernels[1] - kernels[0]).max() > 1e-3
    np.testing.assert_array_equal(kernels[2], kernels[1])


# ----- where an epoch ends


def test_an_epoch_of_endless_data_has_its_steps_and_the_next_goes_on_in_the_stream(train, endless):
    options = {"steps_per_epoch": 7, "epochs": 3, "validation_data": endless, "validation_steps": 3}
    one, history = train(endless, callbacks=[single := Record()], **options)
    assert single.epochs == [(7, 7), (14, 14), (21, 21)]
    for several in (2, 5, 100):
        values, logs = train(endless, several=several, callbacks=[record := Record()], **options)
        assert record.epochs == single.epochs
        assert_same(values, one)
        assert_same_logs(logs, history)


def test_an_epochs_steps_are_read_where_keras_has_them(started, binary, endless):
    vae = started(5)
    history = vae.fit(endless, None, None, 2, 0, None, 0.0, (endless.take(2),), False, None, None, 0, 7).history
    assert steps_taken(vae) == (14, 14)
    assert {"loss", "val_loss"} <= set(history)
    vae.evaluate(endless, None, None, 0, None, 3)
    assert int(vae.evaluation_steps) == 3


@pytest.mark.parametrize("several", [2, 100])
def test_evaluation_of_endless_data_takes_its_steps(started, endless, several):
    expected = started().evaluate(endless, steps=3, verbose=0, return_dict=True)
    vae = started(several)
    for _ in range(2):
        assert vae.evaluate(endless, steps=3, verbose=0, return_dict=True) == expected
        assert int(vae.evaluation_steps) == 3


COUNTED = pytest.mark.xfail(strict=True, reason="Keras counts whole executions: it ends the second epoch after 5 steps")


@pytest.mark.parametrize("batches", [pytest.param(14, marks=COUNTED), 17])
def test_epochs_of_data_with_an_end_go_on_in_the_stream_too(train, endless, batches):
    data = endless.take(batches)
    one, history = train(data, steps_per_epoch=7, epochs=2)
    values, logs = train(data, several=5, steps_per_epoch=7, epochs=2, callbacks=[record := Record()])
    assert record.epochs == [(7, 7), (14, 14)]
    assert_same(values, one)
    assert_same_logs(logs, history)


@pytest.mark.parametrize("method", ["evaluate", "reset_metrics"])
def test_what_a_callback_does_amid_an_epoch_does_not_lengthen_it(train, binary, endless, method):
    class Amid(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            getattr(self.model, method)(**({"x": binary[:16], "verbose": 0} if method == "evaluate" else {}))

    train(endless, several=5, steps_per_epoch=7, epochs=2, callbacks=[Amid(), record := Record()])
    assert record.epochs == [(7, 7), (14, 14)]


def test_callbacks_are_called_once_an_execution_with_the_logs_so_far(train, binary):
    options = {"batch_size": BATCH, "epochs": 2}
    train(binary, callbacks=[single := Record()], **options)
    for several in (2, 5, 100):
        train(binary, callbacks=[record := Record()], several=several, **options)
        assert len(record.executions) == 2 * math.ceil(7 / several)
        assert all(math.isfinite(value) for execution in record.executions for value in execution.values())
        ends = [epoch + min(end, 7) for epoch in (0, 7) for end in range(several, 7 + several, several)]
        assert record.executions == [single.executions[end - 1] for end in ends]


@pytest.mark.parametrize("endlessly", [False, True])
def test_training_that_is_stopped_stops_after_the_execution_and_begins_anew(started, binary, endless, endlessly):
    vae, data = started(2), endless if endlessly else binary
    options = {"steps_per_epoch": 7} if endlessly else {"batch_size": BATCH}
    options |= {"epochs": 2, "shuffle": False, "verbose": 0}
    vae.fit(data, callbacks=[Record(stop_after=2)], **options)
    assert steps_taken(vae) == (4, 4)
    vae.fit(data, callbacks=[record := Record()], **options)
    assert record.epochs == [(11, 11), (18, 18)]
    assert len(record.executions) == 8


def test_training_that_failed_begins_anew(started, endless):
    class Fail(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise RuntimeError("stop here")

    vae = started(2)
    with pytest.raises(RuntimeError, match="stop here"):
        vae.fit(endless, steps_per_epoch=3, shuffle=False, verbose=0, callbacks=[Fail()])
    assert steps_taken(vae) == (2, 2)
    vae.fit(endless.take(5), shuffle=False, verbose=0)
    assert steps_taken(vae) == (7, 7)


def test_data_that_end_early_end_the_epoch_as_in_single_steps(train, binary):
    data = tf.data.Dataset.from_tensor_slices(binary[:18]).batch(BATCH)
    runs = []
    for several in (1, 2, 100):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            runs.append(train(data, several=several, steps_per_epoch=7, callbacks=[record := Record()]))
        messages = ["ran out of data" in str(warning.message) for warning in caught]
        assert messages == [True] * (several < 7)  # Keras warns before an execution that finds no data
        assert record.epochs == [(3, 3)]
    for values, logs in runs[1:]:
        assert_same(values, runs[0][0])
        assert_same_logs(logs, runs[0][1])


@pytest.mark.parametrize("several", [1, 2, 5, 100])
def test_each_epoch_of_data_that_end_early_has_all_of_them(train, endless, several):
    options = {"several": several, "steps_per_epoch": 7, "epochs": 3, "callbacks": [record := Record()]}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*ran out of data")
        train(endless.take(5), **options)
    assert record.epochs == [(5, 5), (10, 10), (15, 15)]


def test_data_of_an_unknown_number_of_batches_end_by_themselves(train, binary):
    data = tf.data.Dataset.from_tensor_slices(binary[:18]).batch(BATCH)
    unknown = data.filter(lambda x: True)
    assert unknown.cardinality() == tf.data.UNKNOWN_CARDINALITY
    one, history = train(data, epochs=3)
    for several in (2, 100):
        with pytest.warns(UserWarning, match="ran out of data"):
            values, logs = train(unknown, several=several, epochs=3, callbacks=[record := Record()])
        assert record.epochs == [(3, 3), (6, 6), (9, 9)]
        assert_same(values, one)
        assert_same_logs(logs, history)


def test_fewer_batches_than_steps_of_an_execution_are_an_epoch(train, binary):
    one, history = train(binary[:10], batch_size=BATCH, epochs=2)
    values, logs = train(binary[:10], several=100, batch_size=BATCH, epochs=2)
    assert_same(values, one)
    assert_same_logs(logs, history)


def outcome(call):
    """What a call gives or raises."""
    try:
        return call()
    except Exception as error:
        return type(error), str(error)


def test_empty_data_are_met_as_in_single_steps(started, endless):
    outcomes = []
    for several in (1, 5):
        vae = started(several)
        fitted = outcome(lambda vae=vae: vae.fit(endless.take(0), shuffle=False, verbose=0).history)
        evaluated = outcome(lambda vae=vae: vae.evaluate(endless.take(0), verbose=0, return_dict=True))
        outcomes.append((fitted, evaluated))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("several", [1, 2, 100])
def test_no_step_is_counted_where_there_are_no_data(started, endless, several):
    vae = started(several)
    with pytest.raises(errors.InputError, match="x gives no batch: give at least one example"):
        vae.fit(endless.take(0), shuffle=False, verbose=0)
    for function in (vae.make_train_function(), vae.make_test_function()):
        with pytest.raises(StopIteration):
            function(iter(endless.take(0)))
    assert steps_taken(vae) == (0, 0)


# ----- batches of any shape


def test_batches_of_many_shapes_take_a_step_each_in_their_order(train, binary, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("tensorflow"), "propagate", True)
    sizes = [4, 4, 3, 4, 2, 2, 1, 5]
    one, history = train(data_set(binary, sizes))
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="tensorflow"):
        values, logs = train(data_set(binary, sizes), several=5, callbacks=[record := Record()])
    assert "retracing" not in caplog.text
    assert record.epochs == [(8, 8)]
    assert len(record.executions) == 2
    assert_same(values, one)
    assert_same_logs(logs, history)


@pytest.mark.parametrize("dtype", [np.uint8, np.float64, bool])
@pytest.mark.parametrize("method", ["train_on_batch", "test_on_batch"])
def test_numbers_of_another_type_are_the_same_numbers(started, binary, dtype, method):
    results = []
    for x in (binary[:BATCH], binary[:BATCH].astype(dtype)):
        results.append(getattr(started(5), method)(x))
    assert results[0] == results[1]


def test_a_model_trained_on_floats_evaluates_whole_numbers(train, started, binary):
    train(binary, several=5, batch_size=BATCH, validation_data=(binary[:16],))
    started(5).evaluate(binary[:16].astype(np.uint8), batch_size=BATCH, verbose=0)


def test_weights_in_a_column_count_as_in_a_row(started, binary, example_weights):
    column = example_weights[:16, np.newaxis]
    data = tf.data.Dataset.from_tensor_slices((binary[:16], binary[:16], column)).batch(BATCH)
    expected = started().evaluate(data, verbose=0)
    assert started(2).evaluate(data, verbose=0) == expected


def test_data_of_another_shape_are_refused_by_name(started, rng):
    with pytest.raises(errors.InputError, match=r"x has shape .*7"):
        started(5).fit(rng.integers(0, 2, [20, 7]).astype(np.float32), batch_size=BATCH, verbose=0)


@pytest.mark.parametrize("batches", [0, 2])
def test_no_more_is_stacked_at_once_than_the_bound(compiled, train, binary, example_weights, monkeypatch, batches):
    options = {"batch_size": BATCH, "epochs": 2, "sample_weight": example_weights, "shuffle": False}
    unbounded, history = train(binary, several=100, **options)

    stacked, stack = [], execution._stacked

    def spy(batches, rows):
        values = stack(batches, rows)
        stacked.append((len(batches), [tuple(value.shape) for value in values]))
        return values

    monkeypatch.setattr(execution, "_stacked", spy)
    batch_bytes = 4 * BATCH * (6 + 1)
    monkeypatch.setattr(execution, "STACK", batches * batch_bytes + batch_bytes // 2)
    vae = compiled(5)
    history_of_few = vae.fit(binary, verbose=0, **options).history
    full = [(count, shapes) for count, shapes in stacked if shapes[0][1] == BATCH]
    rows = max(1, batches)  # a batch is never too large to be run
    assert full
    assert {shapes[0] for _, shapes in full} == {(rows, BATCH, 6)}
    assert {shapes[1] for _, shapes in full} == {(rows, BATCH)}
    assert sum(count for count, _ in stacked) == 14
    assert_same(variables(vae), unbounded)
    assert_same_logs(history_of_few, history)


# ----- one step, evaluation, prediction


def test_a_step_on_a_batch_is_one_step(started, binary, endless):
    one, vae = started(), started(100)
    for model in (one, vae):
        model.fit(endless, steps_per_epoch=3, shuffle=False, verbose=0)
        model.evaluate(endless, steps=3, verbose=0)
    for size in (BATCH, BATCH, 2):
        x, w = binary[:size], np.linspace(0, 1, size, dtype=np.float32)
        for trains, call in (
            (1, lambda model, x=x: model.train_on_batch(x, return_dict=True)),
            (1, lambda model, x=x, w=w: model.train_on_batch(x, sample_weight=w, return_dict=True)),
            (0, lambda model, x=x: model.test_on_batch(x, return_dict=True)),
            (0, lambda model, x=x, w=w: model.test_on_batch(x, x, w, return_dict=True)),
        ):
            before = steps_taken(vae)
            assert call(vae) == call(one)
            assert steps_taken(vae) == (before[0] + trains, before[1] + trains)
    assert steps_taken(vae) == steps_taken(one) == (9, 9)
    assert_same(variables(vae), variables(one))


@pytest.mark.parametrize("weighted", [False, True])
def test_evaluation_alone_is_that_of_single_steps_and_repeats_exactly(started, binary, example_weights, weighted):
    options = {"sample_weight": example_weights if weighted else None, "batch_size": BATCH, "verbose": 0}
    expected = started().evaluate(binary, return_dict=True, **options)
    vae = started(2)
    for _ in range(2):
        assert vae.evaluate(binary, return_dict=True, **options) == expected
        assert vae.evaluate(binary, **options) == [expected[name] for name in ("loss", "elbo", "rate", "distortion")]
        assert int(vae.evaluation_steps) == 7
    assert steps_taken(vae) == (0, 0)


def test_prediction_takes_several_steps_too(started, binary):
    vae = started(100)
    np.testing.assert_allclose(vae.predict(binary, batch_size=BATCH, verbose=0), vae(binary), rtol=1e-5)


# ----- which models


def test_a_loop_takes_several_steps_of_a_graph(started, compiled):
    for expected, vae in (
        (False, started(1)),
        (True, started(2)),
        (True, compiled(100, jit_compile=True)),
        (False, compiled(5, run_eagerly=True)),
    ):
        assert fuses(vae) is expected
        vae.make_train_function()
        vae.make_test_function()
        assert isinstance(vae.train_function, FusedSteps) is expected
        assert isinstance(vae.test_function, FusedSteps) is expected


def test_compiled_anew_a_model_follows_its_new_options(compiled, binary):
    vae, options = compiled(5), {"batch_size": 25, "shuffle": False, "verbose": 0}
    vae.fit(binary, **options)
    vae.encoder.trainable = False
    vae.compile("sgd", steps_per_execution=2, jit_compile=False)
    encoder, decoder = vae.encoder.get_weights(), vae.decoder.get_weights()
    vae.fit(binary, callbacks=[record := Record()], epochs=2, **options)
    assert len(record.executions) == 2
    assert_same(vae.encoder.get_weights(), encoder)
    assert np.abs(vae.decoder.get_weights()[0] - decoder[0]).max() > 1e-4


def test_a_loaded_model_goes_on_in_the_loop(started, binary, tmp_path):
    options = {"batch_size": 10, "shuffle": False, "verbose": 0}
    vae = started(5, jit_compile=True)
    vae.fit(binary, **options)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert (loaded.steps_per_execution, loaded.jit_compile) == (5, True)
    for model in (vae, loaded):
        model.fit(binary, epochs=2, **options)
        assert steps_taken(model) == (15, 15)
    assert isinstance(loaded.train_function, FusedSteps)
    assert_same(loaded.get_weights(), vae.get_weights())
    assert_same([v.numpy() for v in loaded.optimizer.variables], [v.numpy() for v in vae.optimizer.variables])


STRATEGIES = """
    import keras, numpy as np, tensorflow as tf

    cpu, = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    from vae_tf import VAE, InputError, networks
    from vae_tf.trainer.execution import FusedSteps, fuses

    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    for strategy, options in ((mirrored, {}), (tf.distribute.OneDeviceStrategy("CPU:0"), {"steps_per_execution": 3})):
        with strategy.scope():
            vae = VAE(*networks.mlp((6,), latent_size=2, hidden=(5,)))
            if strategy is mirrored:
                for refused in ({"steps_per_execution": 3}, {"jit_compile": True}):
                    try:
                        vae.compile("sgd", **refused)
                    except InputError as error:
                        print("2 replicas, which take one step at a time" in str(error))
            vae.compile("sgd", **options, jit_compile=False)
        vae.make_train_function()
        vae.make_test_function()
        print(fuses(vae), isinstance(vae.train_function, FusedSteps), isinstance(vae.test_function, FusedSteps))
        x = np.zeros((50, 6), np.float32)
        x[45, 2] = 5
        try:
            vae.fit(tf.data.Dataset.from_tensor_slices(x).batch(10), shuffle=False, verbose=0)
        except InputError as error:
            print(str(error).split(" (")[0])
    with strategy.scope():
        vae = VAE(*networks.mlp((6,), latent_size=2, hidden=(5,)))
        vae.compile("sgd", **options, jit_compile=False)
    history = vae.fit(x[:40], batch_size=8, verbose=0).history
    assert np.isfinite([*history.values()]).all()
    print(int(vae.training_steps), int(vae.optimizer.iterations))
"""


def test_on_several_replicas_keras_runs_the_steps_one_at_a_time(fresh_process):
    process = fresh_process(STRATEGIES)
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines() == [
        "True",
        "True",
        "False False False",
        "x of training batch 5 is 5.0 in channel 2",
        "True True True",
        "x of training batch 5 is 5.0 in channel 2",
        "5 5",
    ]
