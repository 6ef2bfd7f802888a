"""A chat backend with memory, in FastAPI.

    python clients/examples/run.py        # with all that it needs; or alone:
    uvicorn --app-dir clients/examples backend:app --port 8000
    curl -N localhost:8000/chat/trip -H 'content-type: application/json' \
        -d '{"text": "I am allergic to nuts."}'

The browser sends the user's words alone: the history is Throughline's. Settings:
`OPENAI_BASE_URL`, `OPENAI_API_KEY` and `MODEL` of any OpenAI-compatible service,
`THROUGHLINE_ADDRESS`, `THROUGHLINE_API_KEY`, and `BUDGET` in tokens.
"""

import os
from collections.abc import AsyncIterator

from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from openai import AsyncOpenAI
from pydantic import BaseModel

from throughline import AsyncClient, InvalidArgumentError, NotFoundError, v1
from throughline.openai import wrap

MODEL = os.environ.get("MODEL", "extractive")
memory = AsyncClient()
llm = wrap(
    AsyncOpenAI(
        base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1"),
        api_key=os.environ.get("OPENAI_API_KEY", "none"),
    ),
    memory,
    budget=int(os.environ.get("BUDGET", "2000")),
)
app = FastAPI(title="Chat with memory")


class Message(BaseModel):
    """What the user says."""

    text: str
    turn_id: str = ""
    """Drawn by the browser: a repeated request is then one turn."""


@app.post("/chat/{conversation}")
async def chat(conversation: str, message: Message) -> StreamingResponse:
    """Answers as the model speaks; what came is kept if the browser goes away."""
    try:
        stream = await llm.chat.completions.create(
            model=MODEL,
            messages=[
                {"role": "system", "content": "Answer briefly."},
                {"role": "user", "content": message.text},
            ],
            stream=True,
            conversation=conversation,
            turn_id=message.turn_id,
        )
    except InvalidArgumentError as error:
        raise HTTPException(422, error.message) from error

    async def words() -> AsyncIterator[str]:
        async with stream:
            async for chunk in stream:
                if chunk.choices:
                    yield chunk.choices[0].delta.content or ""

    return StreamingResponse(words(), media_type="text/plain")


@app.get("/chat/{conversation}")
async def history(conversation: str) -> list[dict[str, str]]:
    """What was said, for the browser to show."""
    try:
        turns = [turn async for turn in memory.turns(conversation)]
    except NotFoundError as error:
        raise HTTPException(404, error.message) from error
    return [
        {
            "role": v1.Role.Name(turn.role).removeprefix("ROLE_").lower(),
            "text": "".join(part.text for part in turn.parts),
        }
        for turn in turns
    ]
