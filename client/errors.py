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
