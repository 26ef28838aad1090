"""What an answer costs: milliseconds and bytes of each signature, beside a web app around the same decoder.

    python benchmarks/serving.py

The model is that of the recipe `digits`. All take turns: a few requests each, round after round, the client's side
included. TF Serving takes part where it is found as `vae-tf serve` finds it (a binary, not Docker); the same exported
version in a TF1 session, which is what the server runs, without a wire, is measured everywhere. Bytes are those of the
answer's body; over REST floats have nine digits, as the server writes them.
"""

import argparse
import base64
import contextlib
import gc
import io
import json
import math
import multiprocessing
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np
import urllib3
from machine import machine
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from vae_tf import training
from vae_tf.export import export, server
from vae_tf.export.version import golden, runners
from vae_tf.serving import images
from vae_tf_client import Client

HERE = pathlib.Path(__file__).parent
SIZES = (1, 64)
SIDE = math.isqrt(images.MOST_PIXELS)
Ask = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--requests", type=int, default=10, help="of each contender in a round")
    parser.add_argument("--epochs", type=int, default=20, help="of training")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results" / "serving.json")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        run = training.Run(pathlib.Path(folder) / "run")
        run.train(*training.read("digits", [f"--epochs={arguments.epochs}"]))
        _, vae = run.load()
        version = export(vae, pathlib.Path(folder) / "serving", "digits")
        inputs = {name: exchange.inputs for name, exchange in golden.read(version / golden.PATH).items()}
        contenders = dict(of_a_session(stack.enter_context(runners.session(version)), inputs))
        contenders |= of_the_server(stack, version, inputs)
        contenders |= of_web_apps(stack, run.directory, inputs["decode"]["z"])
        times = race(contenders, arguments.rounds, arguments.requests)
        sizes = {name: bytes_of(version, name, inputs[name]) for name in inputs}
        largest = of_the_largest_file(version)
        with multiprocessing.get_context("spawn").Pool(1) as fresh:
            memory = fresh.apply(of_one_more_version, (version, inputs))
    report(times, sizes)
    print(f"one more version that is loaded: {memory:.0f} MB")
    print(f"the largest file that is read, {SIDE} x {SIDE} pixels in colour: {largest:.0f} milliseconds")
    results = {
        "machine": machine(),
        "milliseconds": {" ".join(map(str, key)): statistics.median(values) for key, values in times.items()},
        "bytes": sizes,
        "largest file, milliseconds": largest,
        "one more version, MB": memory,
    }
    arguments.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


Key = tuple[str, str, int]  # (contender, signature, rows)


def of_a_session(ask: runners.Ask, inputs) -> Iterator[tuple[Key, Ask]]:
    for name, rows, given in cases(inputs):
        yield ("TF1 session", name, rows), lambda name=name, given=given: ask(name, given)


def of_the_server(stack: contextlib.ExitStack, version: pathlib.Path, inputs) -> dict[Key, Ask]:
    """The server over both of its interfaces; nothing where there is no binary."""
    if not (os.environ.get(server.VARIABLE) or shutil.which(server.BINARY)):
        print(f"There is no TF Serving: ${server.VARIABLE} names none, and PATH has no {server.BINARY}.")
        return {}
    running = stack.enter_context(server.running(version.parent.parent, free_port(), free_port(), "0.0.0.0"))
    running.wait(lambda states: None, 120)
    contenders: dict[Key, Ask] = {}
    for way, url in (("TF Serving, REST", running.rest), ("TF Serving, gRPC", f"grpc://{running.grpc}")):
        client = stack.enter_context(Client(url, "digits", timeout=60))
        for name, rows, given in cases(inputs):
            contenders[way, name, rows] = lambda client=client, name=name, given=given: client._ask(name, **given)
    return contenders


def of_web_apps(stack: contextlib.ExitStack, run: pathlib.Path, z: np.ndarray) -> dict[Key, Ask]:
    contenders: dict[Key, Ask] = {}
    for way in ("predict", "function"):
        port = free_port()
        process = subprocess.Popen([sys.executable, HERE / "contenders" / "web_app.py", run, str(port), way])
        stack.callback(process.wait)
        stack.callback(process.terminate)
        pool = urllib3.PoolManager(timeout=60, retries=False)
        url = f"http://localhost:{port}"
        await_it(pool, f"{url}/docs", process)
        for _, rows, given in cases({"decode": {"z": z}}):
            body = {"z": given["z"].tolist()}

            def floats(pool=pool, url=url, body=body):
                answer = pool.request("POST", f"{url}/decode", json=body)
                return np.array(answer.json()["mean"], np.float32)

            def files(pool=pool, url=url, body=body):
                answer = pool.request("POST", f"{url}/decode_png", json=body)
                return [base64.b64decode(file) for file in answer.json()["image_bytes"]]

            contenders[f"FastAPI, {way}", "decode", rows] = floats
            if way == "function":
                contenders[f"FastAPI, {way}", "decode_png", rows] = files
    return contenders


def cases(inputs) -> Iterator[tuple[str, int, dict[str, np.ndarray]]]:
    """Each signature at each size, its golden rows again and again."""
    for name, arrays in inputs.items():
        for rows in SIZES:
            given = {key: np.resize(array, (rows, *array.shape[1:])) for key, array in arrays.items()}
            yield (
                name,
                rows,
                {key: array.astype(object) if array.dtype.kind == "S" else array for key, array in given.items()},
            )


def race(contenders: dict[Key, Ask], rounds: int, requests: int) -> dict[Key, list[float]]:
    """The milliseconds of every request; the first few of each are not counted."""
    times: dict[Key, list[float]] = {key: [] for key in contenders}
    for ask in contenders.values():
        for _ in range(3):
            ask()
    gc.freeze()  # what was trained here is not walked through at each answer: a client has none of it
    for _ in track(range(rounds), "asking", console=Console(), transient=True):
        for key, ask in contenders.items():
            for _ in range(requests):
                begun = time.perf_counter()
                ask()
                times[key].append(1_000 * (time.perf_counter() - begun))
    return times


def bytes_of(version: pathlib.Path, name: str, inputs) -> dict[str, dict[str, int]]:
    """The bytes of an answer, by interface and size."""
    counted: dict[str, dict[str, int]] = {"REST": {}, "gRPC": {}}
    with runners.session(version) as ask:
        for _, rows, given in cases({name: inputs}):
            outputs = ask(name, given)
            counted["REST"][str(rows)] = len(in_rows(outputs))
            counted["gRPC"][str(rows)] = sum(in_binary(array) for array in outputs.values())
    return counted


def of_the_largest_file(version: pathlib.Path) -> float:
    """The milliseconds of `encode_png` for one file in colour of the most pixels that is read, by a TF1 session."""
    written = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(written, "PNG")
    given = {"image_bytes": np.array([written.getvalue()], object)}
    times = []
    with runners.session(version) as ask:
        for _ in range(6):
            begun = time.perf_counter()
            ask("encode_png", given)
            times.append(1_000 * (time.perf_counter() - begun))
    return statistics.median(times[1:])


def of_one_more_version(version: pathlib.Path, inputs) -> float:
    """The resident memory that each further session takes, asked for everything at each size."""
    taken = []
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            ask = stack.enter_context(runners.session(version))
            for name, _, given in cases(inputs):
                ask(name, given)
            pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
            taken.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
    return (taken[-1] - taken[0]) / (len(taken) - 1)


def in_rows(arrays: dict[str, np.ndarray]) -> str:
    """The body of the server's answer to `instances`: a row's arrays are on one line, its objects on several."""
    columns = {
        name: [{"b64": base64.b64encode(file).decode()} for file in array]
        if array.dtype == object
        else nine_digits(array.tolist())
        for name, array in arrays.items()
    }
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    words = [indented(row if len(row) > 1 else next(iter(row.values()))) for row in rows]
    return '{\n    "predictions": [' + ",\n        ".join(["", *words])[1:] + "\n    ]\n}"


def indented(value) -> str:
    if isinstance(value, dict):
        fields = (f'\n            "{name}": {json.dumps(item)}' for name, item in value.items())
        return "{" + ",".join(fields) + "\n        }"
    return json.dumps(value)


def nine_digits(value):
    return [nine_digits(item) for item in value] if isinstance(value, list) else float(f"{value:.9g}")


def in_binary(array: np.ndarray) -> int:
    return sum(map(len, array)) if array.dtype == object else array.nbytes


def report(times: dict[Key, list[float]], sizes) -> None:
    contenders = list(dict.fromkeys(key[0] for key in times))
    table = Table(title="milliseconds, median")
    table.add_column("signature", min_width=11)
    table.add_column("rows", justify="right")
    for name in contenders:
        table.add_column(name, justify="right")
    for way in ("REST", "gRPC"):
        table.add_column(f"bytes, {way}", justify="right")
    for name, counted in sizes.items():
        for rows in SIZES:
            cells = [times.get((contender, name, rows)) for contender in contenders]
            figures = [f"{statistics.median(values):.1f}" if values else "" for values in cells]
            table.add_row(name, str(rows), *figures, *(f"{counted[way][str(rows)]:,}" for way in ("REST", "gRPC")))
    Console().print(table)


def await_it(pool: urllib3.PoolManager, url: str, process: subprocess.Popen) -> None:
    for _ in range(600):
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            if pool.request("GET", url).status == 200:
                return
        if process.poll() is not None:
            break
        time.sleep(0.2)
    sys.exit("a web app did not come up")


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("localhost", 0))
        return listening.getsockname()[1]


if __name__ == "__main__":
    main()
