"""A chat backend with all that it needs, in one command.

    python clients/examples/run.py [python|typescript]

Starts a Throughline server, the service without a model of `upstream.py` (unless
`OPENAI_BASE_URL` names another), and the backend. Ends with Ctrl-C.
"""

import os
import signal
import sys
from contextlib import ExitStack, suppress

import services


def main() -> None:
    """Runs until it is stopped."""
    language = sys.argv[1] if len(sys.argv) > 1 else "python"
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        address, base_url = services.throughline(stack), services.upstream(stack)
        port = int(os.environ.get("PORT", "8000"))
        chat = services.backend(stack, language, address, base_url, port)
        print(f"listening on {chat}", flush=True)
        print(
            f"""curl -N {chat}/trip -H 'content-type: application/json' -d '{{"text": "Hello"}}'"""
        )
        signal.pause()


if __name__ == "__main__":
    main()
