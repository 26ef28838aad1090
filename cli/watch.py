"""`vae-tf watch`: TensorBoard on one run or a folder of them."""

import argparse

SHOWN = 40  # lines of TensorBoard's list, all of which it ticks at first
HELP = "Open TensorBoard on a run, or on a folder of runs."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("directory", metavar="RUNS", help="a run, or a folder of runs")
    parser.add_argument("--port", type=int, default=6006, help="the port of the page (%(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Is TensorBoard, until it is interrupted."""
    import contextlib
    import io
    import pathlib
    import threading

    from tensorboard import default, program

    from vae_tf.errors import InputError

    folders = {path.parent for path in pathlib.Path(arguments.directory).rglob("events.out.tfevents.*")}
    if not folders:
        raise InputError(f"{arguments.directory} holds no run that was watched: give a directory of `vae-tf train`.")
    board = program.TensorBoard(default.get_plugins())
    board.configure(argv=["vae-tf", "--logdir", arguments.directory, "--port", str(arguments.port)])
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # TensorBoard's advice on how it loads
            url = board.launch()
    except program.TensorBoardServerException as error:
        message = f"The page cannot be opened on port {arguments.port} ({error}): give another --port."
        raise InputError(message) from error
    print(f"TensorBoard shows {arguments.directory} at {url} (Ctrl-C ends it).", flush=True)
    if len(folders) > SHOWN:
        print(f"Its list has {len(folders)} lines, over {SHOWN}, so none is ticked: tick some, or watch one run.")
    threading.Event().wait()
    return 0
