"""The generated messages and the method table are those of the protocol."""

from __future__ import annotations

import sys
from pathlib import Path

from google.protobuf.descriptor import MethodDescriptor

from throughline import methods, v1
from throughline.v1 import (
    context_service_pb2,
    conversation_service_pb2,
    degradation_service_pb2,
    item_service_pb2,
    memory_service_pb2,
    server_service_pb2,
    usage_service_pb2,
)

PACKAGE = Path(__file__).resolve().parents[1]
SERVICES = [
    context_service_pb2,
    conversation_service_pb2,
    degradation_service_pb2,
    item_service_pb2,
    memory_service_pb2,
    server_service_pb2,
    usage_service_pb2,
]


def test_generated_messages_are_fresh(tmp_path: Path) -> None:
    sys.path.insert(0, str(PACKAGE))
    try:
        from generate import generate
    finally:
        sys.path.remove(str(PACKAGE))
    generate(tmp_path)
    written = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*_pb2.py*"))
    kept = sorted(path.relative_to(PACKAGE / "src") for path in PACKAGE.rglob("src/**/*_pb2.py*"))
    assert written == kept
    for path in written:
        new, old = (tmp_path / path).read_text(), (PACKAGE / "src" / path).read_text()
        assert new == old, f"{path} is stale: run `python generate.py`"


def described() -> dict[str, MethodDescriptor]:
    return {
        f"/{service.full_name}/{method.name}": method
        for module in SERVICES
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }


def test_every_method_of_the_protocol_is_in_the_table() -> None:
    kinds = {
        (False, False): methods.Method,
        (False, True): methods.ServerStream,
        (True, False): methods.ClientStream,
    }
    table = {entry.path: entry for entry in vars(methods).values() if type(entry) in kinds.values()}
    assert {
        path: (
            kinds[method.client_streaming, method.server_streaming],
            method.input_type.full_name,
            method.output_type.full_name,
        )
        for path, method in described().items()
    } == {
        path: (type(entry), entry.request.DESCRIPTOR.full_name, entry.response.DESCRIPTOR.full_name)
        for path, entry in table.items()
    }


def test_writes_that_carry_a_key_get_one() -> None:
    create = v1.CreateConversationRequest()
    pin = v1.PinFactRequest(request_id="mine")
    append = v1.AppendTurnsRequest(turns=[v1.Turn(), v1.Turn(client_turn_id="mine")])
    for method, request in [
        (methods.CREATE_CONVERSATION, create),
        (methods.PIN_FACT, pin),
        (methods.APPEND_TURNS, append),
    ]:
        assert method.fill_keys is not None
        method.fill_keys(request)
    assert len(create.request_id) == 32
    assert pin.request_id == "mine"
    assert len(append.turns[0].client_turn_id) == 32
    assert append.turns[1].client_turn_id == "mine"


def test_every_method_that_has_a_key_field_fills_it() -> None:
    for entry in vars(methods).values():
        if isinstance(entry, methods.Method):
            fields = set(entry.request.DESCRIPTOR.fields_by_name)
            keyed = bool(fields & {"request_id", "turn", "turns", "outcome"})
            assert keyed == (entry.fill_keys is not None), entry.path
