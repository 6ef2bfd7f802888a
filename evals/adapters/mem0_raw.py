"""mem0 without a language model (`infer=False`): every turn is a memory in its
vector store, the question searches them."""

from importlib.metadata import version

from mem0_memory import Mem0
from protocol import serve

if __name__ == "__main__":
    serve(Mem0(), "mem0 infer=False", version("mem0ai"))
