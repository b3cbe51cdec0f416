"""A password is asked for, and not to be guessed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from asgi_calls import OWN, TOKEN, Answer, Inner, ask, asked, serving

from restore.cli.serve import login as module
from restore.cli.serve.login import Attempts, Login, Signed, new_token
from restore.cli.serve.refusals import Refusal
from restore.cli.serve.safety import Safety

WORD = "correct horse battery"
JSON = {"content-type": "application/json"}


class Clock:
    """Seconds that pass when the test says so."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def app(clock: Clock) -> Safety:
    return Safety(Inner(), serving(host="0.0.0.0", password=WORD))


def log_in(app: Safety, word: object, address: str = "10.0.0.1", **headers: str) -> Answer:
    body = json.dumps({"password": word}).encode()
    return asked(app, "POST", "/api/login", JSON | headers, body=body, client=(address, 1))


def test_a_password_opens_a_session(app: Safety) -> None:
    before = asked(app, "GET", "/api/session")
    assert before.status == 401
    assert json.loads(before.body)["error"] == {
        "message": "expected the password of this server; log in first",
        "option": "password",
    }
    answer = log_in(app, WORD)
    assert (answer.status, answer.body) == (204, b"")
    assert answer["set-cookie"].endswith("; Path=/; HttpOnly; SameSite=Strict")
    assert asked(app, "GET", "/api/session", {"cookie": answer.cookie}).status == 200
    assert log_in(app, WORD).cookie != answer.cookie
    bearer = {"authorization": f"Bearer {TOKEN}"}  # of scripts
    assert asked(app, "GET", "/api/session", bearer).status == 200


def test_other_sites_cannot_try_passwords(app: Safety) -> None:
    assert log_in(app, WORD, origin="http://evil.example").status == 403
    assert log_in(app, WORD, **{"sec-fetch-site": "same-site"}).status == 403
    plain = asked(app, "POST", "/api/login", {"content-type": "text/plain"}, body=b"{}")
    assert plain.status == 415


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"password": 1}',
        b'{"password": null}',
        b"\xff",
        b"[" * 4000,
        b'"x"',
        b"{",
    ],
)
def test_odd_logins_are_refused(app: Safety, body: bytes) -> None:
    assert asked(app, "POST", "/api/login", JSON, body=body).status == 400


def test_a_password_is_short(app: Safety) -> None:
    assert log_in(app, "x" * 5000).status == 413
    assert log_in(app, "\ud800").status == 401
    assert asked(app, "GET", "/api/login").status == 401


def test_an_address_waits_longer_with_every_wrong_word(app: Safety, clock: Clock) -> None:
    assert [log_in(app, "wrong").status for _ in range(3)] == [401, 401, 401]
    answer = log_in(app, "wrong")
    assert (answer.status, answer["retry-after"]) == (429, "2")
    assert log_in(app, WORD).status == 429  # a right one says nothing either
    clock.now += 1.1
    assert log_in(app, "wrong").status == 401
    clock.now += 1.1
    assert log_in(app, WORD).status == 429
    assert log_in(app, WORD, "10.0.0.2").status == 204
    clock.now += 1.1
    assert log_in(app, WORD).status == 204
    assert log_in(app, "wrong").status == 401  # the failures are forgotten


def test_all_addresses_together_wait(clock: Clock) -> None:
    attempts = Attempts()
    assert [attempts.wait(f"10.0.0.{i}") for i in range(30)] == [0.0] * 30
    assert attempts.wait("10.0.1.1") == pytest.approx(2.0)
    clock.now += 2.0
    assert attempts.wait("10.0.1.2") == 0.0
    assert attempts.wait("10.0.1.3") > 0


def test_no_address_waits_for_ever_and_not_all_are_remembered(clock: Clock) -> None:
    attempts = Attempts()
    for _ in range(5000):
        attempts.failed("10.0.0.1")
    assert attempts.still("10.0.0.1") == module.LONGEST
    for number in range(module.ADDRESSES + 5):
        attempts.failed(str(number))
    assert len(attempts._failures) == module.ADDRESSES


def test_many_at_once_from_one_address_are_one_attempt_each(clock: Clock, monkeypatch: Any) -> None:
    """Those that were let in before the first one failed are counted as well."""
    tried: list[str] = []
    monkeypatch.setattr(Login, "_is_right", lambda self, given: bool(tried.append(given)))

    async def try_all() -> list[int]:
        login = Login(WORD)

        async def one() -> int:
            try:
                await login.begin(b'{"password": "wrong"}', "10.0.0.1")
            except Refusal as refusal:
                return refusal.status
            return 204

        return await asyncio.gather(*(one() for _ in range(20)))

    found = asyncio.run(try_all())
    assert sorted(found) == [401] * 3 + [429] * 17
    assert len(tried) == 3


def test_behind_a_proxy_addresses_are_told_apart(clock: Clock) -> None:
    direct = Safety(Inner(), serving(host="0.0.0.0", password=WORD))
    behind = Safety(Inner(), serving(host="0.0.0.0", password=WORD, allowed_hosts=("photos.example",)))
    for app, status in ((direct, 429), (behind, 204)):
        for _ in range(3):
            log_in(app, "wrong", **{"x-forwarded-for": "1.2.3.4"})
        assert log_in(app, WORD, **{"x-forwarded-for": "1.2.3.4, 5.6.7.8"}).status == status


def test_sessions_end(app: Safety, clock: Clock) -> None:
    known = {"cookie": log_in(app, WORD).cookie}
    clock.now += module.HOURS_12 - 1
    assert asked(app, "GET", "/api/session", known).status == 200
    clock.now += module.HOURS_12 - 1
    assert asked(app, "GET", "/api/session", known).status == 200
    clock.now += module.HOURS_12 + 1
    assert asked(app, "GET", "/api/session", known).status == 401
    assert asked(app, "GET", "/api/session", {"cookie": known["cookie"][:-1]}).status == 401


def test_logins_at_once_are_few(app: Safety) -> None:
    async def flood() -> list[int]:
        slow = [
            asyncio.create_task(
                ask(app, "POST", "/api/login", JSON | {"content-length": "9"}, body=[b"{", None])
            )
            for _ in range(8)
        ]
        await asyncio.sleep(0)
        answer = await ask(app, "POST", "/api/login", JSON, body=b"{}")
        page = await ask(app, "GET", "/")
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        return [answer.status, page.status]

    assert asyncio.run(flood()) == [503, 200]


def test_without_a_password_there_is_no_login() -> None:
    inner = Inner()
    answer = asked(Safety(inner, serving()), "POST", "/api/login", JSON | {"host": OWN}, body=b"{}")
    assert answer.status == 401
    assert inner.scopes == []


def test_signed_values() -> None:
    signed, other = Signed("key"), Signed("other")
    assert signed.value(signed.sign("a")) == "a"
    assert signed.value(other.sign("a")) is None
    assert signed.value("a") is None
    assert signed.value("") is None
    assert "key" not in signed.sign("a")


def test_tokens_are_long_and_different() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {43}
