"""The health check of the gateway's container: says what `/readyz` answers, and ends with 0 if that is 200."""

from __future__ import annotations

import http.client
import sys

HOST, PORT = "127.0.0.1", 7000
SECONDS = 8.0
"""Longer than the gateway gives the engine, shorter than Docker gives this."""


def main() -> None:
    """Ask once."""
    connection = http.client.HTTPConnection(HOST, PORT, timeout=SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        print(answer.read().decode(errors="replace").rstrip())
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"nothing healthy at {HOST}:{PORT} (is health.enable true?): {error}")
    sys.exit(answer.status != 200)


if __name__ == "__main__":
    main()
