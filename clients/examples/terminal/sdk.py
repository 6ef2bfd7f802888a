"""A chat in the terminal: `plain.py` without memory, `proxy.py` and `sdk.py` with one.

    python plain.py

`OPENAI_BASE_URL` and `OPENAI_API_KEY` say what answers.
"""

import os
import sys

from openai import OpenAI

from throughline import Client
from throughline.openai import wrap

llm = OpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),
)
llm = wrap(llm, Client(), conversation="terminal", budget=2000)
messages = [{"role": "system", "content": "Answer briefly."}]

for line in sys.stdin:
    messages.append({"role": "user", "content": line.strip()})
    completion = llm.chat.completions.create(model="extractive", messages=messages)
    answer = completion.choices[0].message.content
    messages.append({"role": "assistant", "content": answer})
    print(answer, flush=True)
