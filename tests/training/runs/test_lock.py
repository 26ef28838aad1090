import os
import signal

import pytest

from vae_tf import InputError
from vae_tf.training.runs.lock import alone


def test_a_second_one_is_refused_and_the_first_is_named(tmp_path):
    with alone(tmp_path), pytest.raises(InputError) as error, alone(tmp_path):
        pytest.fail("two are alone")
    assert str(error.value) == (
        f"The run {tmp_path} is in use by the process {os.getpid()}: wait for its end, stop it, or give another --run."
    )
    with alone(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_leaves_is_no_lock(tmp_path, fresh_process):
    process = fresh_process(
        f"""
        import os, pathlib, signal
        from vae_tf.training.runs.lock import alone

        with alone(pathlib.Path({str(tmp_path / "run")!r})):
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert (tmp_path / "run" / ".lock").read_text().isdecimal()
    with alone(tmp_path / "run"):
        assert (tmp_path / "run" / ".lock").read_text() == str(os.getpid())
    assert list((tmp_path / "run").iterdir()) == []


def test_a_directory_that_was_made_and_stays_empty_is_removed(tmp_path):
    with pytest.raises(KeyError), alone(tmp_path / "runs" / "one"):
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    with alone(tmp_path / "runs" / "two"):
        (tmp_path / "runs" / "two" / "recipe.yaml").write_text("epochs: 1")
    assert [path.name for path in (tmp_path / "runs" / "two").iterdir()] == ["recipe.yaml"]


def test_a_lock_that_points_elsewhere_is_not_followed(tmp_path):
    (tmp_path / "thesis").write_text("It was a dark and stormy night.")
    run = tmp_path / "run"
    run.mkdir()
    (run / ".lock").symlink_to(tmp_path / "thesis")
    with pytest.raises(OSError, match=r"run/\.lock"), alone(run):
        pass
    assert (tmp_path / "thesis").read_text() == "It was a dark and stormy night."


def test_a_full_disk_is_no_hindrance_to_the_lock(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with alone(tmp_path), pytest.raises(InputError, match="in use by the process unknown"), alone(tmp_path):
        pass
