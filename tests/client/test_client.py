"""The client's functions are those of the model, over REST and gRPC alike."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from vae_tf.serving import signatures
from vae_tf_client import Client, ServerError

WAYS = {"REST": lambda served: served.rest, "gRPC": lambda served: f"grpc://{served.grpc}"}


@pytest.fixture(params=WAYS)
def url(request, served) -> str:
    return WAYS[request.param](served)


@pytest.fixture
def client(url):
    with Client(url, "digits", timeout=30) as client:
        yield client


@pytest.fixture
def x(rng) -> np.ndarray:
    return rng.integers(0, 2, (5, 4, 4, 1)).astype(np.float32)


@pytest.fixture
def z(rng) -> np.ndarray:
    return rng.normal(size=(5, 2)).astype(np.float32)


def test_decode(client, vae, z):
    np.testing.assert_allclose(client.decode(z), signatures.decode(vae, z)["mean"], atol=1e-6)
    assert client.decode(z.tolist()).dtype == np.float32


def test_decode_noise(client, vae, z):
    np.testing.assert_allclose(client.decode_noise(z), signatures.decode_noise(vae, z)["mean"], atol=1e-6)


def test_a_sample_is_that_of_the_model_by_its_seed(client, vae):
    sample = client.sample(5, seed=7)
    np.testing.assert_allclose(sample.mean, vae.sample(5, seed=7), atol=1e-6)
    np.testing.assert_array_equal(client.sample(2, seed=7).z, sample.z[:2])
    np.testing.assert_allclose(client.decode(sample.z), sample.mean, atol=1e-6)


def test_encode(client, vae, x):
    z, stddev = client.encode(x)
    expected = signatures.encode(vae, x)
    np.testing.assert_allclose(z, expected["z"], atol=1e-5)
    np.testing.assert_allclose(stddev, expected["stddev"], atol=1e-5)


def test_reconstruct(client, vae, x):
    np.testing.assert_allclose(client.reconstruct(x), vae.reconstruct(x), atol=1e-6)


def test_score(client, vae, x):
    expected = signatures.score(vae, tf.constant(x), np.int32([[3, i] for i in range(5)]))
    for name, values in client.score(x, seed=3)._asdict().items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-5)


def test_files_out_are_the_means(client, z):
    for file, mean in zip(client.decode_png(z), client.decode(z), strict=True):
        pixels = np.asarray(Image.open(io.BytesIO(file)), np.float32)
        np.testing.assert_allclose(pixels, 255 * mean[..., 0], atol=0.51)  # rounded


def test_files_in_are_encoded_as_their_pixels(client, z):
    files = client.decode_png(z)
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(file)), np.float32)[..., None] / 255 for file in files])
    for ours, expected in zip(client.encode_png(files), client.encode(pixels), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_many_rows_go_in_pieces(url, client, rng):
    z = rng.normal(size=(150, 2)).astype(np.float32)  # the server takes 64
    whole = client.decode(z)
    with Client(url, "digits", timeout=30, batch_size=7) as careful:
        np.testing.assert_allclose(careful.decode(z), whole, atol=1e-6)
        x = (whole > 0.5).astype(np.float32)
        np.testing.assert_allclose(careful.score(x, seed=1).elbo, client.score(x, seed=1).elbo, rtol=1e-5)
        np.testing.assert_array_equal(careful.sample(150, 2).z, client.sample(150, 2).z)
        assert len(careful.decode_png(z)) == 150


def test_a_piece_that_the_server_finds_too_large_is_its_error(url):
    with Client(url, "digits", timeout=30, batch_size=65) as greedy, pytest.raises(ServerError, match="65 is larger"):
        greedy.decode(np.zeros((65, 2)))


def test_a_bad_row_is_bad_alone(client, z, x):
    right = client.decode(z)
    z[2, 0] = np.nan
    mean, files = client.decode(z), client.decode_png(z)
    assert np.isnan(mean[2]).all()
    assert [index for index, file in enumerate(files) if not file] == [2]
    np.testing.assert_allclose(np.delete(mean, 2, 0), np.delete(right, 2, 0), atol=1e-6)
    x[1, 0, 0, 0] = 7  # outside of the Bernoulli's support
    assert np.isnan(client.score(x).elbo).tolist() == [False, True, False, False, False]
    assert np.isfinite(client.decode(np.where(np.isnan(z), np.float64(1e300), z))[[0, 1, 3, 4]]).all()
    codes = client.encode_png([*client.decode_png(right[:1, 0, :2, 0]), b"no image"]).z
    assert np.isnan(codes).all(axis=1).tolist() == [False, True]


@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        (lambda client: client.decode([0.5, 1.0]), r"z of decode was given float64 \[2\]: give float32 \[B, 2\]\."),
        (lambda client: client.decode(np.zeros((3, 4))), r"was given float64 \[3, 4\]: give float32 \[B, 2\]"),
        (lambda client: client.decode([[1.0, 2.0], [3.0]]), "was given rows of several lengths: give float32"),
        (lambda client: client.decode([["a", "b"]]), r"was given <U1: give float32 \[B, 2\]"),
        (lambda client: client.decode([[1j, 0]]), "was given complex128: give float32"),
        (lambda client: client.decode([[True, False]]), "was given bool: give float32"),
        (lambda client: client.decode(np.zeros((0, 2))), "z of decode was given no rows: give at least one"),
        (lambda client: client.encode(np.zeros((1, 4, 4, 1), np.uint8)), r"given uint8: give .* pixels / 255"),
        (lambda client: client.encode(np.zeros((1, 4, 4))), r"float64 \[1, 4, 4\]: give float32 \[B, 4, 4, 1\]"),
        (lambda client: client.encode_png(b"one"), "image_bytes of encode_png .* give a list of their bytes"),
        (lambda client: client.encode_png(["path.png"]), "something else than files: give a list of their bytes"),
        (lambda client: client.encode_png(7), "something else than files: give a list of their bytes"),
        (lambda client: client.encode_png(io.BytesIO(b"one")), "something else than files: give a list"),
        (lambda client: client.encode_png(np.array(b"one")), "something else than files: give a list"),
        (lambda client: client.encode_png([]), "was given no files: give at least one"),
        (lambda client: client.sample(0, seed=1), "n is 0: give at least 1"),
        (lambda client: client.sample(1, seed=2**31), "The seed is 2147483648: give one from -2,147,483,648 to"),
        (lambda client: client.sample(2, seed=7.5), "The seed is 7.5: give a whole number"),
        (lambda client: client.score(3.0), r"x of score was given float64 \[\]: give float32 \[B, 4, 4, 1\]"),
        (lambda client: client.score([[1], [1, 2]]), "x of score was given rows of several lengths"),
    ],
)
def test_what_the_model_does_not_take_is_not_sent(client, monkeypatch, call, refusal):
    monkeypatch.setattr(client._transport, "predict", lambda *_: pytest.fail("it was sent"))
    with pytest.raises(ValueError, match=refusal):
        call(client)


@pytest.mark.parametrize(
    ("name", "choice", "status", "message"),
    [
        ("nothing", {}, (404, "NOT_FOUND"), "Servable not found for request: Latest(nothing)"),
        ("digits", {"version": 7}, (404, "NOT_FOUND"), "Servable not found for request: Specific(digits, 7)"),
        ("digits", {"label": "old"}, (400, "INVALID_ARGUMENT"), "Unrecognized servable version label: old"),
    ],
)
def test_the_message_is_the_servers(url, name, choice, status, message):
    with Client(url, name, **choice) as client, pytest.raises(ServerError) as refusal:
        client.decode([[0.0, 0.0]])
    assert refusal.value.message == message
    assert refusal.value.status in status


def test_a_shape_that_went_by_is_refused_by_the_graph(client):
    signature = client.signatures["decode"]
    with pytest.raises(ServerError, match=r"\[1,3\] is not compatible with expected shape \[\?,2\]"):
        client._transport.predict("decode", signature, {"z": np.zeros((1, 3), np.float32)}, 0)


@pytest.mark.parametrize("choice", [{"version": 1}, {"label": "stable"}, {"label": "canary"}])
def test_a_version_or_a_label_can_be_asked(url, client, choice, z):
    with Client(url, "digits", **choice) as other:
        np.testing.assert_array_equal(other.decode(z), client.decode(z))


def test_a_name_that_is_no_part_of_a_url_asks_for_no_other(served):
    with Client(served.rest, "digits/versions/1") as client, pytest.raises(ServerError):
        client.decode([[0.0, 0.0]])


@pytest.mark.parametrize(
    ("url", "choice", "refusal"),
    [
        ("localhost:8501", {}, "The URL is localhost:8501: give one as http://host:8501 for REST, or grpc://"),
        ("ftp://localhost", {}, "The URL is ftp://localhost: give one"),
        ("grpc://localhost:1/path", {}, "The URL is grpc://localhost:1/path: give one"),
        ("http://me:secret@localhost:1", {}, "has a user, a query or a fragment, which are not sent"),
        ("http://localhost:1/v1/models/digits", {}, "give that of the server, without /v1/ and what follows"),
        ("http://localhost:1", {"version": 1, "label": "stable"}, "give one of them"),
        ("http://localhost:1", {"timeout": 0}, "timeout is 0: give seconds over 0"),
        ("http://localhost:1", {"timeout": float("nan")}, "timeout is nan: give seconds over 0"),
        ("grpc://localhost:1", {"timeout": float("inf")}, "timeout is inf: give seconds over 0"),
        ("http://localhost:1", {"retries": -1}, "retries is -1: give at least 0"),
        ("http://localhost:1", {"batch_size": 0}, "batch_size is 0: give at least 1"),
        ("http://localhost:1", {"batch_size": 2.5}, "batch_size is 2.5: give a whole number"),
        ("grpc://localhost:1", {"version": "1"}, "version is '1': give a whole number"),
        (
            "http://example.org",
            {"token": "t"},
            "The token would go to example.org in the clear: give a URL of https://",
        ),
        ("grpc://example.org:1", {"token": "t"}, "The token would go to example.org:1 in the clear"),
        ("http://localhost:1", {"token": "t", "headers": {"Authorization": "x"}}, "give one of them"),
        (
            "grpc://localhost:1",
            {"headers": {"x!a": "x"}},
            "The header 'x!a' has a name or a value that HTTP or gRPC does",
        ),
        (
            "http://localhost:1",
            {"headers": {"a b": "x"}},
            "The header 'a b' has a name or a value that HTTP or gRPC does not",
        ),
        (
            "http://localhost:1",
            {"headers": {"a": "x\r\nb: y"}},
            "The header 'a' has a name or a value that HTTP or gRPC does not",
        ),
        ("http://localhost:1", {"headers": {"Host": "other"}}, "The header 'host' is not yours to give"),
        (
            "http://localhost:1",
            {"headers": {"Content-Length": "1"}},
            "The header 'content-length' is not yours to give",
        ),
        ("grpc://localhost:1", {"headers": {"grpc-timeout": "1S"}}, "The header 'grpc-timeout' is not yours to give"),
        ("grpc://localhost:1", {"headers": {"x-bin": "1"}}, "The header 'x-bin' is not yours to give"),
        ("http://localhost:1", {"token": "t\n"}, "The header 'authorization' has a name or a value"),
        ("http://localhost:1", {"ca_file": "ca.pem"}, "There is a ca_file, but the URL begins with http://"),
        ("https://localhost:1", {"ca_file": "no/such.pem"}, "ca_file no/such.pem cannot be read"),
        ("grpcs://localhost:1", {"ca_file": __file__}, "test_client.py cannot be read .*: give certificates in PEM"),
        ("grpc://localhost:1", {"label": ""}, "The name is 'digits' and the label '': give words"),
    ],
)
def test_arguments_without_meaning_are_refused(url, choice, refusal):
    with pytest.raises(ValueError, match=refusal):
        Client(url, "digits", **choice)


def test_a_client_that_is_closed_says_so(url):
    client = Client(url, "digits", timeout=30)
    client.sample(1, seed=7)
    client.close()
    with pytest.raises(ValueError, match="The client is closed: make another"):
        client.sample(1, seed=7)


def test_a_name_that_is_empty_is_refused():
    with pytest.raises(ValueError, match="The name is ''"):
        Client("http://localhost:1", "")


def test_it_imports_no_tensorflow(served, fresh_process):
    process = fresh_process(f"""
        import sys
        import vae_tf_client

        for url in ({served.rest!r}, "grpc://{served.grpc}"):
            with vae_tf_client.Client(url, "digits", timeout=30) as client:
                assert client.sample(2, seed=7).mean.shape == (2, 4, 4, 1)
        print(sorted({{"tensorflow", "keras", "vae_tf"}} & set(sys.modules)))
        """)
    assert process.stdout == "[]\n", process.stderr


def test_the_room_of_exports_hands_it_on():
    from vae_tf.export import client

    assert client.Client is Client
