"""Memory for LangGraph: hooks around an agent's model (`memory_hooks`), and a
store that its nodes and tools share across threads (`ThroughlineStore`)."""

from throughline.langgraph.hooks import MemoryHooks, memory_hooks
from throughline.langgraph.store import ThroughlineStore

__all__ = ["MemoryHooks", "ThroughlineStore", "memory_hooks"]
