import keras
import pytest
import tensorflow as tf

from vae_tf import InputError
from vae_tf.training import callbacks


class Steps:
    """Stands for the profiler: between which steps it ran."""

    def __init__(self, vae):
        self.vae, self.ran = vae, []

    def start(self, folder):
        self.folder = folder
        self.ran.append([int(self.vae.optimizer.iterations) + 1])

    def stop(self):
        self.ran[-1].append(int(self.vae.optimizer.iterations))


def fit(vae, bits, watch, monkeypatch, together=1, **options):
    """Five steps an epoch."""
    vae.compile("sgd", steps_per_execution=together, jit_compile=False)
    steps = Steps(vae)
    monkeypatch.setattr(tf.profiler.experimental, "start", steps.start)
    monkeypatch.setattr(tf.profiler.experimental, "stop", steps.stop)
    vae.fit(bits, batch_size=4, callbacks=[watch], verbose=0, **options)
    return steps


@pytest.mark.parametrize(
    ("first", "last", "together", "ran"),
    [
        (2, 3, 1, [[2, 3]]),
        (1, 1, 1, [[1, 1]]),
        (4, 7, 1, [[4, 7]]),  # over the end of an epoch
        (2, 3, 5, [[1, 5]]),  # executions are whole
        (4, 7, 3, [[4, 8]]),  # 3 and 2 steps, 3 and 2 steps
        (9, 50, 1, [[9, 10]]),  # to the end of training
        (11, 12, 1, []),
    ],
)
def test_the_chosen_steps_are_profiled(make_vae, bits, tmp_path, monkeypatch, first, last, together, ran):
    watch = callbacks.Profile(tmp_path, first, last)
    steps = fit(make_vae(), bits, watch, monkeypatch, together, epochs=2)
    assert steps.ran == ran


def test_a_run_that_is_resumed_after_them_has_none(make_vae, bits, tmp_path, monkeypatch):
    vae = make_vae()
    assert fit(vae, bits, callbacks.Profile(tmp_path, 2, 3), monkeypatch).ran == [[2, 3]]
    vae.optimizer.iterations.assign(5)
    steps = Steps(vae)
    monkeypatch.setattr(tf.profiler.experimental, "start", steps.start)
    vae.fit(bits, batch_size=4, callbacks=[callbacks.Profile(tmp_path, 2, 3)], verbose=0)
    assert steps.ran == []


def test_the_profile_is_written_where_tensorboard_looks(make_vae, bits, tmp_path):
    vae = make_vae()
    vae.compile("sgd", jit_compile=False)
    vae.fit(bits, batch_size=4, callbacks=[callbacks.Profile(tmp_path, 2, 3)], verbose=0)
    (trace,) = (tmp_path / "profile").rglob("*.xplane.pb")
    assert trace.parent.parent == tmp_path / "profile" / "plugins" / "profile"
    assert trace.stat().st_size > 1_000
    assert b"posterior/loc" in trace.read_bytes()  # the boxes of the graph name the operations
    assert b"step_num" in trace.read_bytes()


def test_a_profiler_that_is_taken_is_a_warning_and_training_goes_on(make_vae, bits, tmp_path):
    vae = make_vae()
    vae.compile("sgd", jit_compile=False)
    tf.profiler.experimental.start(str(tmp_path / "other"))
    try:
        with pytest.warns(UserWarning, match=r"Profile took none of the steps 2 to 3 \(.*\); training goes on"):
            vae.fit(bits, batch_size=4, epochs=2, callbacks=[callbacks.Profile(tmp_path, 2, 3)], verbose=0)
    finally:
        tf.profiler.experimental.stop(save=False)
    assert int(vae.optimizer.iterations) == 10


@pytest.mark.parametrize(("first", "last"), [(0, 3), (-1, 3), (4, 3)])
def test_steps_that_are_none_are_refused(tmp_path, first, last):
    with pytest.raises(InputError, match=f"Profile got the steps {first} to {last}: give a first of at least 1"):
        callbacks.Profile(tmp_path, first, last)


def test_any_keras_model_can_be_profiled(tmp_path, monkeypatch):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    steps = Steps(model)
    monkeypatch.setattr(tf.profiler.experimental, "start", steps.start)
    monkeypatch.setattr(tf.profiler.experimental, "stop", steps.stop)
    model.fit(tf.ones([8, 3]), tf.ones([8, 1]), batch_size=2, callbacks=[callbacks.Profile(tmp_path, 2, 3)], verbose=0)
    assert steps.ran == [[2, 3]]
