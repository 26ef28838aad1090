"""What the server refuses, by a code of gRPC, and the code that HTTP has for it."""

HTTP = {"INVALID_ARGUMENT": 400, "NOT_FOUND": 404, "FAILED_PRECONDITION": 412, "UNAVAILABLE": 503, "INTERNAL": 500}


class Refusal(Exception):
    """A request that is refused."""

    def __init__(self, message: str, code: str = "INVALID_ARGUMENT"):
        super().__init__(message)
        self.message, self.code = message, code
