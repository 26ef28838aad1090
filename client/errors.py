"""What a server refuses."""


class ServerError(RuntimeError):
    """A server refused a request, or answered what cannot be understood.

    Attributes:
        message: the server's own.
        status: HTTP's number, such as 404, or the name of gRPC's, such as "NOT_FOUND".
    """

    def __init__(self, message: str, status: int | str):
        super().__init__(f"{message} ({status})")
        self.message, self.status = message, status


def late(server: str) -> str:
    """What is said of a server that took too long."""
    return f"{server} did not answer in time: see whether it is there, give it more time, or ask for fewer rows."
