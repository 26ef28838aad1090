import os
import sys

import pytest

from vae_tf_cli.main import main


@pytest.fixture
def executed(monkeypatch):
    """Stands in for becoming TensorBoard; returns what was to be executed."""
    calls = []
    monkeypatch.setattr(os, "execv", lambda path, words: calls.append((path, words)))
    return calls


@pytest.mark.parametrize("up", [0, 1, 2])
def test_it_becomes_tensorboard_on_a_run_or_on_what_holds_runs(executed, run, up):
    directory = [run, run.parent, run.parent.parent][up]
    main(["watch", str(directory)])
    words = [sys.executable, "-m", "tensorboard.main", "--logdir", str(directory), "--port", "6006"]
    assert executed == [(sys.executable, words)]


def test_the_port_is_handed_on(executed, run):
    main(["watch", str(run), "--port", "7007"])
    assert executed[0][1][-2:] == ["--port", "7007"]


def test_tensorboard_is_there_to_be_executed():
    import importlib.util

    assert importlib.util.find_spec("tensorboard.main")


@pytest.mark.parametrize("name", ["empty", "nowhere", "other"])
def test_where_nothing_was_watched_it_is_refused(refused, executed, tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("no events")
    line = refused("watch", tmp_path / name)
    assert line == f"{tmp_path / name} holds no run that was watched: give a directory of `vae-tf train`."
    assert executed == []
