"""mem0 as it is meant: a language model reads every exchange and chooses what is
kept, in its own words (`infer=True`). mem0's own variables say which model:
`OPENAI_BASE_URL` and `OPENAI_API_KEY` for any endpoint that speaks the chat
completions protocol; `MEM0_LLM_MODEL` is the model's name there."""

import os
from importlib.metadata import version

from mem0_memory import Mem0
from protocol import serve

if __name__ == "__main__":
    model = os.environ.get("MEM0_LLM_MODEL")
    if not model:
        raise SystemExit("set MEM0_LLM_MODEL, OPENAI_BASE_URL and OPENAI_API_KEY")
    # The client wants a key, local endpoints do not.
    os.environ.setdefault("OPENAI_API_KEY", "none")
    # The same replies again for the same conversation, as far as the endpoint can.
    llm = {"provider": "openai", "config": {"model": model, "temperature": 0.0}}
    serve(Mem0(llm), f"mem0 infer=True with {model}", version("mem0ai"))
