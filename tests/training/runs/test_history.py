import csv
import os
import warnings

import pytest

from vae_tf.training.callbacks import History
from vae_tf.training.runs import history

CONTENT = b"epoch,loss,val_loss\n0,3.5,4.5\n1,2.5,3.5\n"


def test_a_row_an_epoch_and_each_is_on_the_disk(make_vae, bits, tmp_path, monkeypatch):
    synced = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(descriptor), sync(descriptor)))
    vae = make_vae()
    vae.compile("adam")
    logs = vae.fit(bits, epochs=3, validation_data=(bits,), callbacks=[History(tmp_path / "x.csv")], verbose=0).history
    with open(tmp_path / "x.csv", newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["epoch", *sorted(logs)]
    assert [row[0] for row in rows] == ["0", "1", "2"]
    for name, *values in zip(header[1:], *(row[1:] for row in rows), strict=True):
        assert [float(value) for value in values] == logs[name]
    assert len(synced) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


def test_rows_are_kept_by_their_epoch_and_those_trained_again_are_replaced(make_vae, bits, tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b"epoch,elbo,old\n7,1.0,2.0\n1,1.0,2.0\n0,1.0,2.0\n")
    vae = make_vae()
    vae.compile("adam")
    vae.fit(bits, initial_epoch=1, epochs=2, callbacks=[History(path)], verbose=0)
    found = history.read(path)
    assert sorted(found) == [0, 1, 7]
    assert (found[0]["elbo"], found[0]["old"], found[0]["loss"]) == ("1.0", "2.0", "")
    assert (found[1]["old"], float(found[1]["elbo"]) < 0) == ("", True)


@pytest.mark.parametrize(
    ("content", "kept", "lost"),
    [
        (CONTENT, [0, 1], None),
        (CONTENT + b"2,1.5,2.5\n", [0, 1], None),  # of an epoch that is trained again
        (CONTENT + b"\x00\x00\x00", [0, 1], None),
        (CONTENT.replace(b"\n", b"\r\n"), [0, 1], None),
        (b"epoch,loss,val_loss\n1,2.5,3.5\n0,3.5,4.5\n0,3.5,4.5\n", [0, 1], None),
        (None, [], "0-1"),
        (b"", [], "0-1"),
        (b"\n", [], "0-1"),
        (CONTENT.decode().encode("utf-16"), [], "0-1"),
        (CONTENT[:-1] + b"\xff\n", [0], "1"),
        (CONTENT[:-5], [0], "1"),
        (CONTENT.replace(b"0,3.5,4.5\n", b""), [1], "0"),
        (CONTENT.replace(b",", b";"), [], "0-1"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), [], "0-1"),
        (CONTENT + b'"' + 200_000 * b"x", [], "0-1"),
    ],
)
def test_what_can_be_read_is_kept_and_gaps_are_said(tmp_path, content, kept, lost):
    path = tmp_path / "x.csv"
    if content is not None:
        path.write_bytes(content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history.trim(path, 2)
    assert sorted(history.read(path)) == kept
    said = [str(warning.message) for warning in caught]
    count = 0 if lost is None else 2 - len(kept)
    assert len(said) == (count > 0)
    if count:
        assert said[0].startswith(f"{path} has no readable row for {count} of the 2 epochs that are done ({lost}): ")


def test_many_gaps_are_said_as_spans(tmp_path):
    history.write(tmp_path / "x.csv", {epoch: {"loss": "1.0"} for epoch in (2, 5, 9)})
    with pytest.warns(UserWarning, match=r"for 7 of the 10 epochs that are done \(0-1, 3-4, 6-8\)"):
        history.trim(tmp_path / "x.csv", 10)
