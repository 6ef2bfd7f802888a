"""Memory for the OpenAI SDK: `wrap` a client, name the conversation.

client = wrap(OpenAI(), Client(), budget=4000)
client.chat.completions.create(model=..., messages=..., conversation="trip")
"""

from throughline.openai.answer import AnswerNotStoredError
from throughline.openai.wrapped import wrap

__all__ = ["AnswerNotStoredError", "wrap"]
