"""`vae-tf watch` is TensorBoard: its page is asked over the loopback interface."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

PARTS = 4  # lines of TensorBoard's list for each run


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("localhost", 0))
        return listening.getsockname()[1]


@contextlib.contextmanager
def watching(*words: str):
    """The command in a process of its own, once it has said where it is."""
    # Ctrl-C is ignored by what a shell runs in the background, so it is taken up again.
    main = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); import vae_tf_cli.main as m; "
    process = subprocess.Popen(
        [sys.executable, "-c", f"{main} sys.exit(m.main())", "watch", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    patience = threading.Timer(120, process.kill)  # then what is read from it ends
    patience.start()
    try:
        yield process, process.stdout.readline()
    finally:
        patience.cancel()
        process.kill()
        process.communicate()


def shown(port: int) -> set[str]:
    """The parts of a run in TensorBoard's list, once it has loaded some."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with urllib.request.urlopen(f"http://localhost:{port}/data/runs", timeout=30) as answer:
            if len(parts := {name.rpartition("/")[2] for name in json.load(answer)}) >= PARTS:
                return parts
        time.sleep(0.2)
    return set()


@pytest.mark.parametrize("up", [0, 1])
def test_it_is_tensorboard_on_a_run_or_on_what_holds_runs(finished, up):
    directory, port = [finished, finished.parent][up], free_port()
    with watching(str(directory), "--port", str(port)) as (process, line):
        assert line == f"TensorBoard shows {directory} at http://localhost:{port}/ (Ctrl-C ends it).\n"
        assert shown(port) == {"train", "validation", "hyperparameters", "projector"}
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=30)
        assert (process.returncode, rest) == (130, "")
        assert "Traceback" not in errors


def test_a_port_that_is_taken_is_one_sentence(process, run):
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        answer = process("watch", str(run), "--port", str(port))
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith(f"vae-tf: error: The page cannot be opened on port {port} (")
    assert answer.stderr.endswith("): give another --port.\n")


def test_more_than_tensorboard_ticks_is_said(tmp_path):
    for number in range(41):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "events.out.tfevents.1").touch()
    with watching(str(tmp_path), "--port", str(free_port())) as (process, _):
        assert process.stdout.readline() == (
            "Its list has 41 lines, over 40, so none is ticked: tick some, or watch one run.\n"
        )


@pytest.mark.parametrize("name", ["empty", "nowhere", "other"])
def test_where_nothing_was_watched_it_is_refused(refused, tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("no events")
    line = refused("watch", tmp_path / name)
    assert line == f"{tmp_path / name} holds no run that was watched: give a directory of `vae-tf train`."
