"""A chat backend with all that it needs, in one command.

    python clients/examples/run.py [python|typescript] [--model NAME [--upstream URL]]

Starts a Throughline server, something that answers, and the backend. `--model` (or
`MODEL`) names a local model of `throughline models list`, which is fetched and served
(`qwen2.5-coder-1.5b-instruct` answers, `smollm2-135m-instruct` only shows that it runs);
with `--upstream` (or `OPENAI_BASE_URL`) it is a model of that OpenAI-compatible service,
whose key is `OPENAI_API_KEY`. Without either the service of `upstream.py` answers, which
has no model and quotes what it was sent. Ends with Ctrl-C.
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
        address, base_url = services.throughline(stack), services.upstream(stack, given)
        port = int(os.environ.get("PORT", "8000"))
        chat = services.backend(stack, given, address, base_url, port)
        print(f"listening on {chat}", flush=True)
        print(
            f"""curl -N {chat}/trip -H 'content-type: application/json' -d '{{"text": "Hello"}}'"""
        )
        signal.pause()


if __name__ == "__main__":
    main()
