"""Writers that are killed, and disks that fill: what stands in the folder is always whole."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
import tensorflow as tf

from vae_tf.export import export
from vae_tf.export.version import golden
from vae_tf.export.version.check import check

PROCESSES = pathlib.Path(__file__).parent / "processes"
FILES = ["saved_model.pb", "fingerprint.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and resource limits: Linux or macOS")


def start(script, *words):
    command = [sys.executable, PROCESSES / script, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module", autouse=True)
def full_disk(tmp_path_factory):
    """Starts with the module, so that it runs beside the writers."""
    directory = tmp_path_factory.mktemp("disk")
    with start("full_disk.py", directory) as process:
        yield directory, process


def test_readers_see_whole_versions_while_writers_are_killed(vae, tmp_path):
    folder = tmp_path / "digits"
    seen = set()
    with start("writers.py", tmp_path, 4, 4) as process:
        while process.poll() is None:
            found = {entry for entry in os.listdir(folder) if entry.isdecimal()} if folder.exists() else set()
            assert seen <= found, "a version went missing"
            for version in found - seen:
                for file in FILES:
                    assert (folder / version / file).stat().st_size
                assert len(golden.read(folder / version / golden.PATH)) == 8
            seen = found
        written, complaints = process.communicate()
    assert process.returncode == 0, complaints
    published = written.split()
    assert len(set(published)) == len(published)
    assert len(published) >= 4 + 4
    numbers = sorted(int(entry) for entry in os.listdir(folder) if entry.isdecimal())
    assert numbers == list(range(1, len(numbers) + 1))
    assert {f"{folder}/{number}" for number in numbers} >= set(published)
    for number in numbers:
        assert "decode" in tf.saved_model.load(str(folder / str(number))).signatures
    newest = export(vae, tmp_path, "digits")  # what the killed ones left is no hindrance
    assert newest.name == str(len(numbers) + 1)
    assert all(finding.ok for finding in check(folder))


def test_a_disk_that_fills_leaves_the_old_version(full_disk):
    directory, process = full_disk
    written, complaints = process.communicate()
    assert process.returncode == 0, complaints
    found = json.loads(written)
    assert len(found["attempts"]) >= 4  # each file of a version in turn is the one that does not fit
    for attempt in found["attempts"]:
        assert attempt["there"] == ["1"], attempt
        assert attempt["message"] == (
            f"No version was written to {directory}/digits: File too large; the versions there stand as they were."
        )
    assert found["then"] == str(directory / "digits" / "2")
    assert "Exception ignored" not in complaints
    assert all(finding.ok for finding in check(directory / "digits" / "1"))
