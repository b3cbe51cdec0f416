"""Who may call a server: the token of its address, a password, and the cookies that stand for them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from restore.cli.serve.refusals import Refusal

STORED = 1000  # sessions; the one not used for longest goes first
HOURS_12 = 12 * 3600.0  # after which a session that is not used ends
FREE = 3  # wrong passwords of an address that cost no time
LONGEST = 300.0  # seconds that an address waits
BURST, REFILL = 30.0, 0.5  # attempts of all addresses together, and how many more there are every second
ADDRESSES = 10_000  # whose failures are remembered


def new_token() -> str:
    """Give a new token of 256 random bits."""
    return secrets.token_urlsafe(32)


def same(given: str, expected: str) -> bool:
    """Whether two secrets are the same, in a time that does not tell how much of them is."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode("utf-8"))


class Signed:
    """Values that only this server can make, for cookies. key: its secret, of this run."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def mark(self, value: str) -> str:
        """Give the mark of a value, from which the key is not found."""
        return hmac.new(self._key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def sign(self, value: str) -> str:
        """Give a value with its mark."""
        return f"{value}.{self.mark(value)}"

    def value(self, signed: str) -> str | None:
        """Give the value of what was signed; None where it was not."""
        value, _, mark = signed.partition(".")
        return value if value and same(mark, self.mark(value)) else None


@dataclass
class _Failures:
    number: int = 0
    until: float = 0.0


class Attempts:
    """How often a password may be tried: ever more slowly from one address, and slowly from all together."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, _Failures] = OrderedDict()
        self._left, self._at = BURST, time.monotonic()

    def wait(self, address: str) -> float:
        """Seconds after which an address may try; 0: now, and this attempt is counted."""
        if seconds := self.still(address):
            return seconds
        now = time.monotonic()
        self._left = min(BURST, self._left + (now - self._at) * REFILL)
        self._at = now
        if self._left < 1:
            return (1 - self._left) / REFILL
        self._left -= 1
        return 0.0

    def still(self, address: str) -> float:
        """Seconds that an address has to wait for its own failures."""
        known = self._failures.get(address)
        return 0.0 if known is None else max(0.0, known.until - time.monotonic())

    def failed(self, address: str) -> None:
        """Let an address wait longer."""
        known = self._failures.setdefault(address, _Failures())
        self._failures.move_to_end(address)
        known.number += 1
        if known.number >= FREE:
            known.until = time.monotonic() + min(LONGEST, 2.0 ** min(known.number - FREE, 30))
        while len(self._failures) > ADDRESSES:
            self._failures.popitem(last=False)

    def passed(self, address: str) -> None:
        """Forget its failures."""
        self._failures.pop(address, None)


class Login:
    """A password, and the sessions of those who knew it."""

    def __init__(self, password: str) -> None:
        self._salt = secrets.token_bytes(16)
        self._password, self._hash = password, b""
        self._sessions: OrderedDict[bytes, float] = OrderedDict()
        self._attempts = Attempts()
        self._one = asyncio.Semaphore(1)  # each costs memory and time on purpose

    async def begin(self, body: bytes, address: str) -> str:
        """Check the password in the body of a request; give the id of a new session. Raises Refusal."""
        given = _password(body)
        if seconds := self._attempts.wait(address):
            raise TooOften(seconds)
        async with self._one:
            if seconds := self._attempts.still(address):  # another one of the same moment has failed
                raise TooOften(seconds)
            right = await asyncio.to_thread(self._is_right, given)
            if not right:
                self._attempts.failed(address)
                raise Refusal(
                    "expected the password of this server, got another one; try again", 401, "password"
                )
        self._attempts.passed(address)
        session = secrets.token_urlsafe(32)
        self._sessions[_digest(session)] = time.monotonic()
        while len(self._sessions) > STORED:
            self._sessions.popitem(last=False)
        return session

    def knows(self, session: str) -> bool:
        """Whether a session is one of these, and in use."""
        key, now = _digest(session), time.monotonic()
        used = self._sessions.get(key)
        if used is None or now - used > HOURS_12:
            self._sessions.pop(key, None)
            return False
        self._sessions[key] = now
        self._sessions.move_to_end(key)
        return True

    def _is_right(self, given: str) -> bool:
        self._hash = self._hash or self._hashed(self._password)
        return hmac.compare_digest(self._hashed(given), self._hash)

    def _hashed(self, password: str) -> bytes:
        text = password.encode("utf-8", "surrogatepass")
        return hashlib.scrypt(text, salt=self._salt, n=2**14, r=8, p=1)


class TooOften(Refusal):
    """Too many passwords were tried. seconds: after which another one may be."""

    def __init__(self, seconds: float) -> None:
        self.seconds = max(1, round(seconds + 0.5))
        super().__init__(f"too many wrong passwords; try again in {self.seconds} s", 429, "password")


def _digest(session: str) -> bytes:
    return hashlib.sha256(session.encode("utf-8", "surrogatepass")).digest()


def _password(body: bytes) -> str:
    try:
        told: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal('expected {"password": "..."} as JSON', 400, "password") from error
    if not isinstance(told, dict) or not isinstance(told.get("password"), str):
        raise Refusal('expected {"password": "..."} as JSON', 400, "password")
    return str(told["password"])
