"""A chat backend with all that it needs, in one command.

    python clients/examples/run.py [python|typescript] [--upstream URL --model NAME]

Starts a Throughline server, the service of `upstream.py`, which has no model and
quotes what it was sent, and the backend. `--upstream` (or `OPENAI_BASE_URL`) names an
OpenAI-compatible service with a model instead, `--model` (or `MODEL`) the model; its
key is `OPENAI_API_KEY`. Ends with Ctrl-C.
"""

import os
import signal
from contextlib import ExitStack, suppress

import services


def main() -> None:
    """Runs until it is stopped."""
    given = services.arguments(__doc__)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        address, base_url = services.throughline(stack), services.upstream(stack, given.upstream)
        port = int(os.environ.get("PORT", "8000"))
        chat = services.backend(stack, given, address, base_url, port)
        print(f"listening on {chat}", flush=True)
        print(
            f"""curl -N {chat}/trip -H 'content-type: application/json' -d '{{"text": "Hello"}}'"""
        )
        signal.pause()


if __name__ == "__main__":
    main()
