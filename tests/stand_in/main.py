"""A program that stands for tensorflow_model_server in tests: its flags, its interfaces, its words.

It answers what the real one answered in the exchanges of `tests/client/exchanges`, over the official stubs, and runs
each version in a session as the real one does. Requests are not merged into batches; all else that batching changes is
as it is there.
"""

import argparse
import pathlib
import sys

import rest
import rpc
from models import Batching, Models


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--rest_api_port", type=int, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model_config_file", type=pathlib.Path, required=True)
    parser.add_argument("--model_config_file_poll_wait_seconds", type=float, default=0)
    parser.add_argument("--allow_version_labels_for_unavailable_models", default="false")
    parser.add_argument("--enable_batching", default="false")
    parser.add_argument("--batching_parameters_file", type=pathlib.Path)
    parser.add_argument("--monitoring_config_file", type=pathlib.Path)
    parser.add_argument("--num_load_threads", type=int, default=0)
    parser.add_argument("--load_retry_interval_micros", type=int, default=60_000_000)
    parser.add_argument("--rest_api_num_threads", type=int)
    parser.add_argument("--grpc_max_threads", type=int)
    flags = parser.parse_args()
    batching = Batching(flags.batching_parameters_file if flags.enable_batching == "true" else None)
    models = Models(
        flags.model_config_file,
        flags.model_config_file_poll_wait_seconds,
        batching,
        flags.allow_version_labels_for_unavailable_models == "true",
        flags.num_load_threads > 0,
    )
    over_grpc = rpc.server(models, flags.port)
    over_grpc.start()
    print("Entering the event loop ...", file=sys.stderr)
    rest.server(models, flags.rest_api_port).serve_forever()


if __name__ == "__main__":
    main()
