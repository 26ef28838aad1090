"""`vae-tf check`."""

import numpy as np
import pytest

from vae_tf import VAE, networks
from vae_tf.export import export
from vae_tf.export.version import golden
from vae_tf_cli.main import main


@pytest.fixture
def version(tmp_path):
    return export(VAE(*networks.mlp((6, 6, 1), 3, hidden=(8,))), tmp_path, "digits")


def test_a_good_bundle_and_a_bad_one(version, capsys):
    assert main(["check", str(version.parent)]) == 0
    assert "golden answers, TF1 session" in capsys.readouterr().out
    answers = golden.read(version / golden.PATH)
    answers["decode"].outputs["mean"][0] = np.nan
    golden.write(version / golden.PATH, answers)
    assert main(["check", str(version)]) == 1
    assert "nothing was run, because the checksums are off" in " ".join(capsys.readouterr().out.split())


def test_a_path_that_is_no_bundle(tmp_path, capsys):
    assert main(["check", str(tmp_path / "nothing")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"vae-tf: error: {tmp_path}/nothing is no bundle: give DIR/NAME")
    assert error.count("\n") == 1
