import pytest
import tensorflow as tf

from vae_tf import InputError
from vae_tf.training.watching.tensorboard_callback import TensorBoardCallback


class Counts(TensorBoardCallback):
    """Writes the epoch's number to two folders; fails at those that it is told to."""

    def __init__(self, directory, failing=()):
        super().__init__(directory, "here", "there")
        self.failing = failing

    def write(self, step, logs):
        for part in self.writers:
            with self.writers[part].as_default(step):
                tf.summary.scalar("step", step)
                tf.summary.scalar("loss", logs["loss"])
        if step in self.failing:
            raise RuntimeError("out of ink")


def fit(vae, bits, *callbacks, **options):
    vae.compile("sgd", run_eagerly=True)
    vae.fit(bits, batch_size=10, callbacks=list(callbacks), verbose=0, **options)


def test_each_folder_gets_what_is_written_at_the_epoch_from_1(make_vae, bits, tmp_path, read_events):
    fit(make_vae(), bits, Counts(tmp_path), epochs=3)
    for part in ("here", "there"):
        found = read_events(tmp_path / part)
        assert {step: float(value) for step, value in found["step"].items()} == {1: 1, 2: 2, 3: 3}
        assert list(found["loss"]) == [1, 2, 3]


def test_what_fails_is_warned_of_with_its_name_and_cause_and_training_goes_on(make_vae, bits, tmp_path, read_events):
    vae = make_vae()
    with pytest.warns(UserWarning, match="Counts drew nothing at epoch 2 .RuntimeError: out of ink.; training goes on"):
        fit(vae, bits, Counts(tmp_path, failing=[2]), epochs=3)
    assert int(vae.optimizer.iterations) == 6
    assert 3 in read_events(tmp_path / "here")["step"]


def test_a_folder_that_cannot_be_written_is_refused_before_training(make_vae, bits, tmp_path):
    (tmp_path / "file").write_text("in the way")
    vae = make_vae()
    with pytest.raises(InputError, match=r"Counts cannot write to .*file/here .*: give a folder that can be written"):
        fit(vae, bits, Counts(tmp_path / "file"))
    assert int(vae.optimizer.iterations) == 0


def test_it_can_be_used_again(make_vae, bits, tmp_path, read_events):
    vae, callback = make_vae(), Counts(tmp_path)
    fit(vae, bits, callback, epochs=2)
    fit(vae, bits, callback, initial_epoch=2, epochs=3)
    assert list(read_events(tmp_path / "here")["step"]) == [1, 2, 3]
