"""What the export of every class does; see `CASES` in conftest.py."""

from vae_tf.export import export
from vae_tf.export.version import check


def test_it_is_exported_and_answers_as_the_model_does(trained, tmp_path):
    version = export(trained.vae, tmp_path, name="model")
    assert [finding for finding in check.check(version) if not finding.ok] == []
