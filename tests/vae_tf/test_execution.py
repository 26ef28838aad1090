"""Several steps as one loop are the same steps, whatever the data, their end and who calls."""

import itertools
import logging
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import VAE, errors, execution, likelihoods, objectives, schedules
from vae_tf.execution import Loop, fuses

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
BATCH = 8  # fifty examples: seven steps, the last of two examples


def variables(vae) -> list[np.ndarray]:
    """Weights, counters, seeds, sums of the logs, and what the optimizer keeps."""
    return [variable.numpy() for variable in (*vae.variables, *vae.optimizer.variables)]


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


@pytest.fixture
def compiled(make_vae):
    """A small compiled model; beta rises at each step, so the logs tell the steps apart."""

    def make(several=1, jit_compile=False, **options) -> VAE:
        vae = make_vae(objective=objectives.ELBO(beta=schedules.Linear(0, 1, 20)), seed=5)
        options = {"optimizer": keras.optimizers.Adam(0.03), **options}
        vae.compile(steps_per_execution=several, jit_compile=jit_compile, **options)
        return vae

    return make


@pytest.fixture
def train(compiled):
    """Trains such a model; the same seeds whenever it is called."""

    def run(*data, several=1, jit_compile=False, **options) -> tuple[VAE, dict]:
        vae = compiled(several, jit_compile)
        keras.utils.set_random_seed(9)
        return vae, vae.fit(*data, verbose=0, **options).history

    return run


@pytest.fixture(scope="module")
def example_weights():
    return np.random.default_rng(7).random(50).astype(np.float32)


@pytest.fixture
def endless(binary):
    """Batches without an end, no two of a cycle alike: five of a cycle of fifty examples."""
    return tf.data.Dataset.from_tensor_slices(binary).repeat().batch(7)


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


@pytest.mark.parametrize("weighted", [False, True])
def test_compiled_by_xla_the_steps_are_the_same_whatever_their_number(train, binary, example_weights, weighted):
    w = example_weights if weighted else None
    options = {"batch_size": BATCH, "epochs": 2, "sample_weight": w, "validation_data": (binary[:30], None, w)}
    if weighted:
        options["validation_data"] = (binary[:30], None, w[:30])
    run = lambda several: train(binary, several=several, jit_compile=True, **options)  # noqa: E731

    one, history = run(1)
    two, expected = run(2)
    names = {"loss", "elbo", "rate", "distortion", "beta"}
    assert set(expected) == names | {f"val_{name}" for name in names}
    assert steps_taken(two) == (14, 14)
    assert_same(variables(two), variables(one), **CLOSE)
    assert_same_logs(expected, history, **CLOSE)
    for several in (5,) if weighted else (5, 100):
        vae, logs = run(several)
        assert_same(variables(vae), variables(two))
        assert_same_logs(logs, expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_without_xla_the_steps_are_the_same_bits_as_single_ones(train, binary, example_weights, weighted):
    options = {"batch_size": BATCH, "epochs": 2, "validation_data": (binary[:30],)}
    if weighted:
        options["sample_weight"] = example_weights
        options["validation_data"] = (binary[:30], None, example_weights[:30])
    one, history = train(binary, **options)
    for several in (2, 100):
        vae, logs = train(binary, several=several, **options)
        assert_same(variables(vae), variables(one))
        assert_same_logs(logs, history)


def test_weights_of_examples_change_the_steps(train, binary, example_weights):
    options = {"batch_size": BATCH, "several": 5}
    plain, _ = train(binary, **options)
    weighted, _ = train(binary, sample_weight=example_weights, **options)
    ones, _ = train(binary, sample_weight=np.ones(50, np.float32), **options)
    kernels = [vae.encoder.layers[-1].kernel.numpy() for vae in (plain, weighted, ones)]
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-3
    np.testing.assert_array_equal(kernels[0], kernels[2])


def test_weights_of_classes_and_targets_count_as_in_single_steps(train, binary):
    labels = np.arange(50) % 2
    options = {"batch_size": BATCH, "class_weight": {0: 0.2, 1: 3.0}}
    one, history = train(binary, labels, **options)
    vae, logs = train(binary, labels, several=5, **options)
    assert_same(variables(vae), variables(one))
    assert_same_logs(logs, history)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_keras_data_set_ends_its_epochs_where_single_steps_do(train, binary, workers):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 7

        def __getitem__(self, index):
            return (binary[index * BATCH : (index + 1) * BATCH],)

    run = lambda several: train(Batches(workers=workers), several=several, epochs=2, shuffle=False)  # noqa: E731
    one, history = run(1)
    vae, logs = run(5)
    assert steps_taken(vae) == (14, 14)
    assert_same(variables(vae), variables(one))
    assert_same_logs(logs, history)


def user_vae() -> VAE:
    """Networks with dropout and batch normalisation, as a user writes them."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    encoder = [
        keras.Input((6,)),
        layers.Dense(5, "relu"),
        layers.BatchNormalization(momentum=0.5),
        layers.Dropout(0.3, seed=1),
    ]
    decoder = [
        keras.Input((2,)),
        layers.Dense(5, "relu"),
        layers.BatchNormalization(momentum=0.5),
        layers.Dropout(0.3, seed=2),
        layers.Dense(6),
    ]
    networks = keras.Sequential(encoder), keras.Sequential(decoder)
    return VAE(*networks, likelihood=likelihoods.Bernoulli((6,), projection=None))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_dropout_and_batch_normalisation_are_those_of_single_steps(binary, jit_compile):
    runs = []
    for several in (1, 5):
        vae = user_vae()
        start = vae.get_weights()
        vae.compile(keras.optimizers.Adam(0.03), steps_per_execution=several, jit_compile=jit_compile)
        history = vae.fit(binary[:48], batch_size=BATCH, epochs=2, shuffle=False, verbose=0).history
        assert np.isfinite(history["loss"]).all()
        runs.append((vae, start))
    (one, start), (vae, _) = runs
    moments = [i for i, weight in enumerate(vae.weights) if weight.name.startswith("moving")]
    assert len(moments) == 4
    for i in moments:
        assert np.abs(vae.get_weights()[i] - start[i]).max() > 1e-2
    assert_same(variables(vae), variables(one), **CLOSE)


def test_half_precision_with_a_scaled_loss_is_the_same_whatever_the_number_of_steps(compiled, binary, set_policy):
    set_policy("mixed_float16")
    runs = []
    for several in (2, 5):
        vae = compiled(several, jit_compile=True)
        assert isinstance(vae.optimizer, keras.optimizers.LossScaleOptimizer)
        start = vae.get_weights()
        logs = vae.fit(binary, batch_size=10, epochs=2, shuffle=False, verbose=0).history
        assert np.isfinite(logs["loss"]).all()
        assert np.abs(vae.get_weights()[0] - start[0]).max() > 1e-3
        runs.append((variables(vae), logs))
    (ones, history), (others, logs) = runs
    assert_same(others, ones)
    assert_same_logs(logs, history)


def test_a_step_that_overflows_in_half_precision_is_left_out(compiled, binary, set_policy):
    set_policy("mixed_float16")
    runs = []
    for several in (1, 4):
        inner = keras.optimizers.Adam(0.03)
        optimizer = keras.optimizers.LossScaleOptimizer(inner, initial_scale=2.0**40, dynamic_growth_steps=3)
        vae = compiled(several, optimizer=optimizer)
        vae.fit(binary, batch_size=5, epochs=4, shuffle=False, verbose=0)
        assert 0 < int(vae.optimizer.inner_optimizer.iterations) < int(vae.training_steps) == 40
        runs.append(variables(vae))
    assert_same(*runs)


def test_optimizers_that_average_or_accumulate_do_as_in_single_steps(compiled, binary):
    runs = []
    for several in (1, 4):
        optimizer = keras.optimizers.AdamW(0.03, use_ema=True, ema_overwrite_frequency=3, gradient_accumulation_steps=2)
        vae = compiled(several, optimizer=optimizer)
        vae.fit(binary, batch_size=BATCH, shuffle=False, verbose=0)
        runs.append(variables(vae))
    assert_same(*runs)


def test_a_learning_rate_that_a_callback_sets_holds_in_the_loop(train, binary):
    callbacks = lambda: [keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 * (epoch == 0))]  # noqa: E731
    short, _ = train(binary, several=5, batch_size=BATCH, shuffle=False, callbacks=callbacks())
    vae, _ = train(binary, several=5, batch_size=BATCH, shuffle=False, epochs=2, callbacks=callbacks())
    assert steps_taken(vae) == (14, 14)
    assert_same(vae.encoder.get_weights(), short.encoder.get_weights())


# ----- where an epoch ends


@pytest.mark.parametrize("several", [2, 5, 100])
def test_an_epoch_of_endless_data_has_its_steps_and_the_next_goes_on_in_the_stream(train, endless, several):
    options = {"steps_per_epoch": 7, "epochs": 3, "validation_data": endless, "validation_steps": 3}
    one, history = train(endless, callbacks=[single := Record()], **options)
    vae, logs = train(endless, several=several, callbacks=[record := Record()], **options)
    assert record.epochs == single.epochs == [(7, 7), (14, 14), (21, 21)]
    assert int(vae.evaluation_steps) == 3
    assert_same(variables(vae), variables(one))
    assert_same_logs(logs, history)


def test_an_epochs_steps_are_read_where_keras_has_them(compiled, binary, endless):
    vae = compiled(5)
    vae.fit(endless, None, None, 2, 0, None, 0.0, (binary[:21],), True, None, None, 0, 7)
    assert steps_taken(vae) == (14, 14)
    assert {"loss", "val_loss"} <= set(vae.history.history)
    vae.evaluate(endless, None, None, 0, None, 3)
    assert int(vae.evaluation_steps) == 3


@pytest.mark.parametrize("several", [2, 100])
def test_evaluation_of_endless_data_takes_its_steps(compiled, endless, several):
    one, vae = compiled(), compiled(several)
    expected = one.evaluate(endless, steps=3, verbose=0, return_dict=True)
    for _ in range(2):
        assert vae.evaluate(endless, steps=3, verbose=0, return_dict=True) == expected
        assert int(vae.evaluation_steps) == 3


@pytest.mark.parametrize("several", [2, 5])
@pytest.mark.parametrize("batches", [14, 17])
def test_epochs_of_data_with_an_end_go_on_in_the_stream_too(train, binary, batches, several):
    data = tf.data.Dataset.from_tensor_slices(binary).repeat().batch(7).take(batches)
    one, history = train(data, steps_per_epoch=7, epochs=2)
    vae, logs = train(data, several=several, steps_per_epoch=7, epochs=2)
    assert steps_taken(vae) == (14, 14)
    assert_same(variables(vae), variables(one))
    assert_same_logs(logs, history)


@pytest.mark.parametrize("several", [2, 5, 100])
def test_an_evaluation_amid_an_epoch_does_not_lengthen_it(train, binary, endless, several):
    class Evaluate(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.evaluate(binary, verbose=0)

    vae, _ = train(endless, several=several, steps_per_epoch=7, epochs=2, callbacks=[Evaluate(), record := Record()])
    assert record.epochs == [(7, 7), (14, 14)]
    assert len(record.executions) == 2 * math.ceil(7 / several)


@pytest.mark.parametrize("several", [2, 5, 100])
def test_callbacks_are_called_once_an_execution_with_the_logs_so_far(train, binary, several):
    _, history = train(binary, batch_size=BATCH, epochs=2, callbacks=[single := Record()], shuffle=False)
    _, logs = train(
        binary, batch_size=BATCH, epochs=2, callbacks=[record := Record()], shuffle=False, several=several
    )
    assert len(record.executions) == 2 * math.ceil(7 / several)
    assert all(math.isfinite(value) for execution in record.executions for value in execution.values())
    ends = [epoch + min(end, 7) for epoch in (0, 7) for end in range(several, 7 + several, several)]
    assert record.executions == [single.executions[end - 1] for end in ends]
    assert_same_logs(logs, history)


@pytest.mark.parametrize("options", [{"batch_size": BATCH}, {"steps_per_epoch": 7}])
def test_training_that_is_stopped_stops_after_the_execution_and_begins_anew(compiled, binary, endless, options):
    vae, data = compiled(3), endless if "steps_per_epoch" in options else binary
    vae.fit(data, verbose=0, epochs=2, callbacks=[Record(stop_after=2)], **options)
    assert steps_taken(vae) == (6, 6)
    vae.fit(data, verbose=0, epochs=2, callbacks=[record := Record()], **options)
    assert record.epochs == [(13, 13), (20, 20)]
    assert len(record.executions) == 6


def test_training_that_failed_begins_anew(compiled, endless):
    class Fail(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise RuntimeError("stop here")

    vae = compiled(3)
    with pytest.raises(RuntimeError, match="stop here"):
        vae.fit(endless, steps_per_epoch=4, verbose=0, callbacks=[Fail()])
    assert steps_taken(vae) == (3, 3)
    vae.fit(endless.take(5), verbose=0)
    assert steps_taken(vae) == (8, 8)


@pytest.mark.parametrize("several", [2, 100])
def test_data_that_end_early_end_the_epoch_as_in_single_steps(train, binary, several):
    data = tf.data.Dataset.from_tensor_slices(binary[:21]).batch(7)
    runs = []
    for number in (1, several):
        with pytest.warns(UserWarning, match="ran out of data"):
            runs.append(train(data, several=number, steps_per_epoch=7, callbacks=[record := Record()]))
        assert record.epochs == [(3, 3)]
    (one, history), (vae, logs) = runs
    assert_same(variables(vae), variables(one))
    assert_same_logs(logs, history)


def test_data_of_an_unknown_number_of_batches_end_by_themselves(train, binary):
    data = data_set(binary, [7, 7, 7]).filter(lambda x: True)
    assert data.cardinality() == tf.data.UNKNOWN_CARDINALITY
    runs = []
    for several in (1, 2, 100):
        with pytest.warns(UserWarning, match="ran out of data"):
            runs.append(train(data, several=several, epochs=3, callbacks=[record := Record()]))
        assert record.epochs == [(3, 3), (6, 6), (9, 9)]
    for vae, logs in runs[1:]:
        assert_same(variables(vae), variables(runs[0][0]))
        assert_same_logs(logs, runs[0][1])


def test_fewer_batches_than_steps_of_an_execution_are_an_epoch(train, binary):
    one, history = train(binary[:10], batch_size=BATCH, epochs=2)
    vae, logs = train(binary[:10], several=100, batch_size=BATCH, epochs=2)
    assert_same(variables(vae), variables(one))
    assert_same_logs(logs, history)


def outcome(call):
    """What a call gives or raises."""
    try:
        return call()
    except Exception as error:
        return type(error), str(error)


@pytest.mark.filterwarnings("ignore:.*ran out of data")
def test_empty_data_are_met_as_in_single_steps(compiled, binary):
    empty = tf.data.Dataset.from_tensor_slices(binary).batch(7).take(0)
    outcomes = []
    for several in (1, 5):
        vae = compiled(several)
        fitted = outcome(lambda vae=vae: vae.fit(empty, verbose=0).history)
        evaluated = outcome(lambda vae=vae: vae.evaluate(empty, verbose=0, return_dict=True))
        outcomes.append((fitted, evaluated, steps_taken(vae)))
    assert outcomes[0] == outcomes[1]


# ----- batches of any shape


def test_batches_of_many_shapes_take_a_step_each_in_their_order(train, binary, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("tensorflow"), "propagate", True)
    sizes = [4, 4, 3, 4, 2, 2, 1, 5, 6, 7, 8]
    one, history = train(data_set(binary, sizes), epochs=2)
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="tensorflow"):
        vae, logs = train(data_set(binary, sizes), several=4, epochs=2, callbacks=[record := Record()])
    assert "retracing" not in caplog.text
    assert record.epochs == [(11, 11), (22, 22)]
    assert len(record.executions) == 6
    assert_same(variables(vae), variables(one))
    assert_same_logs(logs, history)


@pytest.mark.parametrize("several", [1, 5])
def test_numbers_of_another_type_are_the_same_numbers(compiled, binary, several):
    vae = compiled(several)
    for dtype in (np.float32, np.uint8, np.float64, bool):
        x = binary.astype(dtype)
        vae.fit(x, batch_size=25, verbose=0)
        vae.train_on_batch(x[:25])
        logs = vae.evaluate(binary, batch_size=25, verbose=0)
        assert vae.evaluate(x, batch_size=25, verbose=0) == logs
        assert vae.evaluate(tf.data.Dataset.from_tensor_slices(x).batch(25), verbose=0) == logs
    assert steps_taken(vae) == (12, 12)


@pytest.mark.parametrize("shape", [(50,), (50, 1)])
def test_weights_in_a_column_count_as_in_a_row(compiled, binary, example_weights, shape):
    data = tf.data.Dataset.from_tensor_slices((binary, binary, example_weights.reshape(shape))).batch(BATCH)
    expected = compiled().evaluate(data, verbose=0)
    assert compiled(5).evaluate(data, verbose=0) == expected


def test_data_of_another_shape_are_refused_by_name(compiled, rng):
    vae = compiled(5)
    with pytest.raises(errors.InputError, match=r"x has shape .*7"):
        vae.fit(rng.integers(0, 2, [20, 7]).astype(np.float32), batch_size=BATCH, verbose=0)


@pytest.mark.parametrize("weighted", [False, True])
def test_no_more_is_stacked_at_once_than_the_bound(train, binary, example_weights, monkeypatch, weighted):
    options = {"batch_size": BATCH, "epochs": 2, "several": 5, "validation_data": (binary,)}
    if weighted:
        options |= {"sample_weight": example_weights}
    unbounded, history = train(binary, **options)

    batch_bytes = 4 * BATCH * (6 + weighted)
    stacked, stack = [], execution._stacked

    def spy(batches, rows):
        values = stack(batches, rows)
        stacked.append((len(batches), *(value.shape for value in values)))
        return values

    monkeypatch.setattr(execution, "_stacked", spy)
    monkeypatch.setattr(execution, "STACK", 2 * batch_bytes + batch_bytes // 2)
    vae, logs = train(binary, **options)
    full = [shapes for shapes in stacked if shapes[1][1] == BATCH]
    assert {shape[0] for _, shape, *_ in full} <= {2, 3 if weighted else 2}  # data of validation have no weights
    assert max(count for count, *_ in stacked) <= 2 + weighted // 2
    assert_same(variables(vae), variables(unbounded))
    assert_same_logs(logs, history)

    monkeypatch.setattr(execution, "STACK", 1)  # a batch is never too large to be run
    stacked.clear()
    vae, logs = train(binary, **options)
    assert {count for count, *_ in stacked} == {1}
    assert_same(variables(vae), variables(unbounded))


# ----- one step, evaluation, prediction


def test_a_step_on_a_batch_is_one_step(compiled, binary, endless):
    one, vae = compiled(), compiled(100)
    for model in (one, vae):
        model.fit(endless, steps_per_epoch=3, verbose=0)
        model.evaluate(endless, steps=3, verbose=0)
    for size in (20, 20, 7):
        x, w = binary[:size], np.linspace(0, 1, size, dtype=np.float32)
        for call in (
            lambda model, x=x: model.train_on_batch(x, return_dict=True),
            lambda model, x=x, w=w: model.train_on_batch(x, sample_weight=w, return_dict=True),
            lambda model, x=x: model.test_on_batch(x, return_dict=True),
            lambda model, x=x, w=w: model.test_on_batch(x, x, w, return_dict=True),
        ):
            before = steps_taken(vae)
            expected, logs = call(one), call(vae)
            assert logs == expected
            assert steps_taken(vae) in (before, (before[0] + 1, before[1] + 1))
    assert steps_taken(vae) == steps_taken(one) == (9, 9)
    assert_same(variables(vae), variables(one))


@pytest.mark.parametrize("weighted", [False, True])
def test_evaluation_alone_is_that_of_single_steps_and_repeats_exactly(compiled, binary, example_weights, weighted):
    w = example_weights if weighted else None
    one, vae = compiled(), compiled(5)
    evaluate = lambda model: model.evaluate(  # noqa: E731
        binary, sample_weight=w, batch_size=BATCH, verbose=0, return_dict=True
    )
    expected = evaluate(one)
    assert evaluate(vae) == expected
    assert evaluate(vae) == expected
    assert int(vae.evaluation_steps) == 7
    assert steps_taken(vae) == (0, 0)


def test_prediction_takes_several_steps_too(compiled, binary):
    for several in (5, 100):
        vae = compiled(several)
        values = vae.predict(binary, batch_size=BATCH, verbose=0)
        np.testing.assert_allclose(values, vae(binary), rtol=1e-5)
        np.testing.assert_array_equal(vae.predict_on_batch(binary[:3]), vae.predict(binary[:3], verbose=0))


# ----- which models


def test_a_loop_takes_several_steps_of_a_graph(compiled, binary):
    for expected, vae in (
        (False, compiled(1)),
        (True, compiled(2)),
        (True, compiled(100, jit_compile=True)),
        (False, compiled(5, run_eagerly=True)),
    ):
        assert fuses(vae) is expected
        assert isinstance(vae.make_train_function(), Loop) is expected
        assert isinstance(vae.make_test_function(), Loop) is expected


def test_compiled_anew_a_model_follows_its_new_options(compiled, binary):
    one, vae = compiled(), compiled(5)
    for several, rate in ((5, 0.03), (1, 0.1), (3, 0.2)):
        vae.compile(keras.optimizers.Adam(rate), steps_per_execution=several, jit_compile=False)
        one.compile(keras.optimizers.Adam(rate), jit_compile=False)
        for model in (vae, one):
            model.fit(binary, batch_size=BATCH, shuffle=False, verbose=0)
        assert isinstance(vae.train_function, Loop) is (several > 1)
        assert_same(variables(vae), variables(one))


def test_a_frozen_network_stays_frozen_once_compiled_anew(compiled, binary):
    vae = compiled(5)
    vae.fit(binary, batch_size=BATCH, verbose=0)
    vae.encoder.trainable = False
    vae.compile(keras.optimizers.Adam(0.03), steps_per_execution=5, jit_compile=False)
    encoder, decoder = vae.encoder.get_weights(), vae.decoder.get_weights()
    vae.fit(binary, batch_size=BATCH, verbose=0)
    assert_same(vae.encoder.get_weights(), encoder)
    assert np.abs(vae.decoder.get_weights()[0] - decoder[0]).max() > 1e-3


def test_run_eagerly_several_steps_are_single_ones(compiled, binary):
    one, vae = compiled(run_eagerly=True), compiled(4, run_eagerly=True)
    for model in (one, vae):
        model.fit(binary, batch_size=BATCH, shuffle=False, verbose=0)
    assert_same(variables(vae), variables(one))


def test_a_loaded_model_goes_on_in_the_loop(train, binary, tmp_path):
    options = {"batch_size": 10, "shuffle": False, "verbose": 0}
    vae, _ = train(binary, several=5, jit_compile=True, batch_size=10, shuffle=False)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert (loaded.steps_per_execution, loaded.jit_compile) == (5, True)
    for model in (vae, loaded):
        model.fit(binary, epochs=2, **options)
        assert steps_taken(model) == (15, 15)
    assert isinstance(loaded.train_function, Loop)
    assert_same(loaded.get_weights(), vae.get_weights())
    assert_same([v.numpy() for v in loaded.optimizer.variables], [v.numpy() for v in vae.optimizer.variables])
    assert loaded.evaluate(binary, verbose=0) == vae.evaluate(binary, verbose=0)


STRATEGIES = """
    import keras, numpy as np, tensorflow as tf

    cpu, = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    from vae_tf import VAE, networks
    from vae_tf.execution import Loop, fuses

    x = np.random.default_rng(0).integers(0, 2, (50, 6)).astype(np.float32)
    for strategy in (tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), tf.distribute.OneDeviceStrategy("CPU:0")):
        with strategy.scope():
            keras.utils.set_random_seed(1)
            vae = VAE(*networks.mlp((6,), latent_size=2, hidden=(5,)))
            vae.compile(keras.optimizers.SGD(0.1), steps_per_execution=3, jit_compile=False)
        history = vae.fit(x, batch_size=10, epochs=2, shuffle=False, validation_data=(x,), verbose=0).history
        assert np.isfinite([*history.values()]).all()
        counts = [strategy.experimental_local_results(c.value) for c in (vae.training_steps, vae.optimizer.iterations)]
        assert {int(value) for count in counts for value in count} == {10}
        print(fuses(vae), isinstance(vae.train_function, Loop))
"""


def test_on_several_replicas_keras_runs_the_steps(fresh_process):
    process = fresh_process(STRATEGIES)
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines() == ["False False", "True True"]
