"""Signals: the first is heard, the second stops at once."""

import os
import signal
import threading

import pytest

from vae_tf.training.runs import interruption


@pytest.mark.parametrize("number", interruption.SIGNALS)
def test_a_signal_is_heard_and_nothing_stops(number, capfd):
    with interruption.listening() as heard:
        assert not heard.asked
        os.kill(os.getpid(), number)
        assert heard.asked
    assert "a checkpoint is written first" in capfd.readouterr().err


def test_the_second_one_stops_at_once(request):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    with interruption.listening() as heard:
        os.kill(os.getpid(), signal.SIGINT)
        assert heard.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_afterwards_signals_do_what_they_did():
    before = [signal.getsignal(number) for number in interruption.SIGNALS]
    with interruption.listening():
        assert [signal.getsignal(number) for number in interruption.SIGNALS] != before
    assert [signal.getsignal(number) for number in interruption.SIGNALS] == before


def test_in_another_thread_nothing_is_listened_to():
    found = []

    def listen():
        with interruption.listening() as heard:
            found.append(heard.asked)

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert found == [False]


@pytest.mark.parametrize("number", interruption.SIGNALS)
def test_a_run_that_is_asked_to_stop_saves_and_exits_with_0(tmp_path, fresh_process, number):
    process = fresh_process(
        f"""
        import os, signal, sys
        import keras, numpy as np
        from vae_tf.training import callbacks
        from vae_tf_cli.main import main

        np.save("x.npy", np.random.default_rng(0).uniform(size=(80, 5)).astype("float32"))

        def signalled(self, batch, logs=None):
            if int(self.model.training_steps) == 3:
                os.kill(os.getpid(), {int(number)})

        callbacks.Scalars.on_train_batch_end = signalled
        words = ["train", "--recipe=digits", "--data=x.npy", "--run=r", "--batch_size=16", "--jit_compile=false"]
        sys.exit(main(words))
        """
    )
    assert process.returncode == 0, process.stderr
    assert "Stopped after 0 epochs and 3 steps. Go on: vae-tf train --run r --resume" in process.stdout
    assert [path.name for path in (tmp_path / "r" / "checkpoint").iterdir()] == ["epoch-0000-step-00003"]
