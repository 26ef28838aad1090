"""The check: nothing on a good bundle, something on a damaged one."""

import shutil

import pytest
import tensorflow as tf

from vae_tf import InputError
from vae_tf.export.version import golden
from vae_tf.export.version.check import check

CHECKS = [
    "signatures",
    "no XLA-compiled function",
    "variables stored once",
    "weights finite",
    "warm-up requests",
    "checksums",
    "golden answers kept",
    *(
        f"{check}, {way}"
        for way in ("tf.saved_model.load", "TF1 session")
        for check in (
            "golden answers",
            "row independence",
            "z of a seed",
            "a bad value stays in its row",
            "wrong shapes refused",
        )
    ),
]


def off(path):
    """The checks that find something off, with what they say."""
    return {finding.check: finding.detail for finding in check(path) if not finding.ok}


def test_a_good_bundle(exported):
    findings = check(exported)
    assert [finding.check for finding in findings] == CHECKS
    assert [finding.detail for finding in findings if not finding.ok or finding.detail] == []


def test_the_newest_version_is_checked(vae, exported, version):
    (shutil.copytree(exported, version.parent / "10") / golden.PATH).unlink()
    assert "golden answers kept" in off(version.parent)
    assert off(version) == {}


@pytest.mark.parametrize("case", ["nothing", "an empty folder", "no graph", "a file"])
def test_a_path_that_is_no_bundle_is_refused(version, case):
    path = version.parent.parent / "other"
    if case == "a file":
        path.write_text("")
    elif case != "nothing":
        path.mkdir()
    if case == "no graph":
        (path / "3").mkdir()
    with pytest.raises(InputError, match=r"other is no bundle: give DIR/NAME or DIR/NAME/<version>"):
        check(path)


def test_what_is_not_as_it_was_exported_is_not_run(version, tmp_path):
    """A graph that writes a file when it is asked, in the place of the one that was exported."""
    written = tmp_path / "written"

    class Writer(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 3], name="z")])
        def decode(self, z):
            with tf.control_dependencies([tf.io.write_file(str(written), "owned")]):
                return {"mean": tf.identity(z)}

    writer = Writer()
    tf.saved_model.save(writer, str(tmp_path / "writer"), signatures=writer.decode)
    shutil.copy(tmp_path / "writer" / "saved_model.pb", version / "saved_model.pb")
    findings = check(version)
    assert not written.exists()
    assert [finding.check for finding in findings] == [*CHECKS[:7], "answers"]
    assert not findings[-1].ok
    assert "nothing was run, because the checksums are off" in findings[-1].detail
    assert "saved_model.pb has changed since it was exported" in off(version)["checksums"]


def test_without_a_card_nothing_is_run(version):
    (version / "card.json").unlink()
    assert {"checksums", "answers"} <= off(version).keys()


@pytest.mark.parametrize("content", [b"", b"not a graph"])
def test_a_graph_that_is_damaged(version, content):
    (version / "saved_model.pb").write_bytes(content)
    assert "saved_model.pb is damaged: export the model again." in off(version)["signatures"]


def test_a_graph_that_is_cut_off(version):
    whole = (version / "saved_model.pb").read_bytes()
    (version / "saved_model.pb").write_bytes(whole[: len(whole) // 2])
    assert off(version)


def test_weights_that_are_damaged(version):
    data = version / "variables" / "variables.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[100] ^= 1
    data.write_bytes(content)
    found = off(version)
    assert found.keys() == {
        "variables stored once",
        "weights finite",
        "checksums",
        "answers",
    }


def test_weights_that_are_lost(version):
    shutil.rmtree(version / "variables")
    assert {"checksums", "answers"} <= off(version).keys()
