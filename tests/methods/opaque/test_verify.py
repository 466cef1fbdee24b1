"""That a stranger learns nothing from how an opaque token is refused."""

import pytest
from tests.simulators.request import view_of
from tests.simulators.store import NOW, SimulatedStore

from doorward.errors import Rejected
from doorward.methods.opaque import OpaqueTokens
from doorward.methods.opaque import asked as asked_module
from doorward.methods.opaque import verify as verify_module
from doorward.methods.opaque.answer import Introspected
from doorward.methods.opaque.asked import AskedToken, verify_asked_token
from doorward.methods.opaque.operations import issue_opaque_token
from doorward.methods.token_order import TokenOrder
from doorward.wire.credential import checksum_of
from doorward.wire.render import render_refusal

API = "https://api.example"


async def test_unknown_id_and_wrong_secret_answer_alike(store: SimulatedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    issued = await issue_opaque_token(store, TokenOrder(client_id="web", audience=(API,)))
    body = issued.text[:-38] + "0" * 32
    request = view_of((b"authorization", f"Bearer {body + checksum_of(body)}".encode()))
    compared: list[tuple[bytes, bytes]] = []

    def watch(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return left == right

    monkeypatch.setattr(verify_module, "constant_time_equal", watch)
    method = OpaqueTokens(store, audiences=(API,))
    presented = method.extract(request)
    assert presented is not None
    answers = []
    for _ in range(2):
        with pytest.raises(Rejected) as caught:
            method.verify(presented, await method.load(presented), request, NOW)
        answers.append(caught.value)
        store.opaque_rows.clear()
    assert [answer.code for answer in answers] == ["credential_secret_mismatch", "credential_unknown"]
    challenges = method.challenges(request)
    assert len({render_refusal(answer, challenges=challenges) for answer in answers}) == 1
    assert len(compared) == 2


def test_an_inactive_token_and_a_wrong_secret_answer_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def watch(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return left == right

    monkeypatch.setattr(asked_module, "constant_time_equal", watch)
    barred = AskedToken(bytes(32), Introspected("token_audience", 0, None))
    answers = []
    for asked in (None, barred):
        with pytest.raises(Rejected) as caught:
            verify_asked_token(b"x", asked, NOW)
        answers.append(caught.value)
    assert [answer.code for answer in answers] == ["credential_unknown", "credential_secret_mismatch"]
    assert len({render_refusal(answer, challenges=()) for answer in answers}) == 1
    assert len(compared) == 2
