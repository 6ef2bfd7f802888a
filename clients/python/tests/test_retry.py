"""When calls are sent again: the cases that all SDKs share."""

import json
from typing import Any

import grpc
import pytest
from server import CONFORMANCE

from throughline import RetryPolicy, errors

TABLE = json.loads((CONFORMANCE / "retries.json").read_text())


@pytest.mark.parametrize("case", TABLE["cases"], ids=[case["name"] for case in TABLE["cases"]])
def test_case(case: dict[str, Any]) -> None:
    failure = errors.Failure(
        grpc.StatusCode[case["code"]], "failed", retry_delay=case.get("retry_delay")
    )
    delay = RetryPolicy(**TABLE["policy"]).delay(
        errors.of_failure(failure),
        attempt=case["attempt"],
        repeatable=case["repeatable"],
        remaining=case["remaining"],
    )
    if case["waits"] is None:
        assert delay is None
    else:
        assert delay is not None
        assert case["waits"] <= delay <= case["waits"] * (1 + TABLE["spread"])
