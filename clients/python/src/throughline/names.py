"""Resource names: callers may give the id alone."""

_PREFIX = "conversations/"


def conversation_name(conversation: str) -> str:
    """`conversations/{id}` of a name or an id."""
    return conversation if conversation.startswith(_PREFIX) else _PREFIX + conversation


def conversation_id(conversation: str) -> str:
    """The id of a name or an id."""
    return conversation.removeprefix(_PREFIX)


def sequence_of(turn: str) -> int:
    """The sequence of `conversations/{id}/turns/{sequence}`."""
    return int(turn.rpartition("/")[2])
