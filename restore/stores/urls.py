"""Addresses of objects, as they are typed and as they are shown: what could be a secret is never shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from restore.errors import StoreError

KINDS = {
    "s3": "s3", "s3a": "s3",
    "gs": "gs",
    "az": "az", "azure": "az", "adl": "az", "abfs": "az", "abfss": "az",
    "http": "http", "https": "http",
}  # fmt: skip
"""The kind of store of each scheme."""

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+)://(?P<rest>.*)", re.DOTALL)
_PATH = re.compile(rf"({'|'.join(KINDS)}):[/\\]")
_CONTAINER = re.compile(r"[A-Za-z0-9._-]+")
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")
_PLAIN = re.compile(r"[A-Za-z0-9/._-]*")  # there is one way to write it
# Parameters of signed addresses of AWS, Google and Azure.
_SECRET = re.compile(r"[?&](sig|sv|se|token|signature|awsaccesskeyid|googleaccessid|x-(amz|goog)-\w+)=", re.I)


@dataclass(frozen=True)
class Url:
    """The address of an object, or of all that begin with a prefix.

    As text it holds no query, which may be a signature.

    Parameters
    ----------
    scheme : as it was typed: ``s3``, ``gs``, ``az``, ``https`` ...
    container : the bucket, the container (``container@account...`` with Azure), or the web server.
    key : the name of the object, or the prefix, without a slash before it.
    typed : what follows the server of an address on the web, where that is more than the key.

    Examples
    --------
    >>> url = Url("s3", "scans", "1911/a.png")
    >>> str(url), url.name, str(url.beside("b.png"))
    ('s3://scans/1911/a.png', 'a.png', 's3://scans/1911/b.png')
    >>> str(Url("https", "example.org", "a.png", "a.png?sig=abc"))
    'https://example.org/a.png'
    """

    scheme: str
    container: str
    key: str
    typed: str = field(default="", repr=False)

    def __str__(self) -> str:
        key = quote(self.key, safe="/~!$&'()*+,;=:@") if self.is_web else self.key
        return f"{self.scheme}://{self.container}/{key}"

    @property
    def kind(self) -> str:
        """The kind of store: ``s3``, ``gs``, ``az`` or ``http``."""
        return KINDS[self.scheme]

    @property
    def is_web(self) -> bool:
        """Whether it is a file on a web server, of which only reading is known."""
        return self.kind == "http"

    @property
    def is_prefix(self) -> bool:
        """Whether it is written as a folder."""
        return not self.key or self.key.endswith("/")

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rstrip("/").rpartition("/")[2]

    @property
    def path(self) -> Path:
        """A path by which the object can be named and sorted beside files; there is no file.

        `from_path` gives the address of one.
        """
        return Path(f"{self.scheme}:", self.container, self.key)

    def beside(self, name: str) -> Url:
        """The address of another name in the same place.

        Parameters
        ----------
        name : of the other.
        """
        before, slash, _ = self.key.rstrip("/").rpartition("/")
        return replace(self, key=f"{before}{slash}{name}", typed="")

    def within(self, inside: str) -> Url:
        """The address of what lies below this prefix.

        Parameters
        ----------
        inside : its key from here on.
        """
        start = self.key if self.is_prefix else f"{self.key}/"
        return replace(self, key=start + inside, typed="")


def is_url(text: object) -> bool:
    """Whether a text is an address rather than a path.

    Parameters
    ----------
    text : as it was typed.

    Examples
    --------
    >>> is_url("s3://scans/a.png"), is_url("scans/a.png"), is_url("C:/scans/a.png")
    (True, False, False)
    """
    return isinstance(text, str) and _URL.match(text) is not None


def parse_url(text: str) -> Url:
    """Read an address.

    Parameters
    ----------
    text : such as ``s3://bucket/prefix/``. In a key of a store each character stands for itself; an address
        on the web is written as browsers have it, ``%20`` for a space.

    Raises
    ------
    StoreError
        For another scheme, for one without a bucket or with a password or signature of a store in it.

    Examples
    --------
    >>> parse_url("gs://scans/1911/")
    Url(scheme='gs', container='scans', key='1911/')
    >>> parse_url("https://example.org/a%20b.png?width=100").key
    'a b.png'
    """
    found = _URL.fullmatch(text)
    scheme = found["scheme"].lower() if found else ""
    if found is None or scheme not in KINDS:
        raise StoreError(f"{shown(text)}: expected s3://, gs://, az:// or https://, got another address")
    container, _, key = found["rest"].partition("/")
    if KINDS[scheme] == "http":
        return _web(scheme, container, key)
    if _SECRET.search(found["rest"]):
        raise StoreError(
            f"{shown(text)}: expected a key, got a signed address; leave out what follows the ?, and let the "
            "environment hold the credentials"
        )
    user, _, host = container.rpartition("@")
    parts = [host, user] if user and KINDS[scheme] == "az" else [container]
    if not all(map(_CONTAINER.fullmatch, parts)):
        raise StoreError(
            f"{shown(text)}: expected the name of a bucket after {scheme}://, such as {scheme}://bucket/prefix/"
            "; credentials come from the environment"
        )
    return Url(scheme, container, key.lstrip("/"))


def _web(scheme: str, host: str, rest: str) -> Url:
    if not _HOST.fullmatch(host):
        raise StoreError(
            f"{shown(f'{scheme}://{host}/{rest}')}: expected the name of a server after {scheme}://; a "
            "password cannot be part of an address"
        )
    typed = rest.partition("#")[0]
    plain = _PLAIN.fullmatch(typed) is not None
    return Url(scheme, host, unquote(typed.partition("?")[0]), "" if plain else typed)


def local_name(name: Any) -> Any:
    """The path of a file that is written as ``file:///...``; any other name as it is.

    Parameters
    ----------
    name : as it was typed.

    Raises
    ------
    ValueError
        For a file on another machine.

    Examples
    --------
    >>> local_name("file:///scans/a%20b.png"), local_name("s3://scans/a.png")
    ('/scans/a b.png', 's3://scans/a.png')
    """
    found = _URL.fullmatch(name) if isinstance(name, str) else None
    if found is None or found["scheme"].lower() != "file":
        return name
    host, slash, path = found["rest"].partition("/")
    if host not in ("", "localhost") or not path:
        raise ValueError(f"{shown(name)}: expected file:/// and a path; name the file without file://")
    from urllib.request import url2pathname  # which brings in much

    return url2pathname(slash + path)


def not_local(name: Any) -> str:
    """What is wrong with an address where only a file will do; empty for a path.

    Parameters
    ----------
    name : as it was typed.

    Examples
    --------
    >>> not_local("https://x.org/m.png?sig=abc")
    'expected a file on this machine, got the address https://x.org/m.png; fetch it first, or name a file'
    >>> not_local("mask.png")
    ''
    """
    if not is_url(name):
        return ""
    return f"expected a file on this machine, got the address {shown(name)}; fetch it first, or name a file"


def from_path(path: Path) -> Url | None:
    """The address of an object by the path that stands for it; None for the path of a file.

    Parameters
    ----------
    path : as `Url.path` gives it, or one beside or below it.

    Examples
    --------
    >>> str(from_path(Url("s3", "scans", "a.png").path.with_name("b.png")))
    's3://scans/b.png'
    >>> from_path(Path("scans/b.png"))
    """
    if not _PATH.match(str(path)):
        return None
    scheme, container, *parts = path.parts
    return Url(scheme.rstrip(":"), container, "/".join(parts))


def shown(text: str) -> str:
    """An address as it may be shown, whatever is wrong with it: without user, password, query and fragment.

    Parameters
    ----------
    text : an address, or any text.

    Examples
    --------
    >>> shown("https://me:secret@example.org/a.png?sig=abc")
    'https://example.org/a.png'
    >>> shown("s3://bucket/what?.png")
    's3://bucket/what?.png'
    """
    found = _URL.fullmatch(text)
    if found is None:
        return text
    scheme, rest = found["scheme"], found["rest"]
    container, slash, key = rest.partition("/")
    user, _, host = container.rpartition("@")
    kept = f"{user}@" if KINDS.get(scheme.lower()) == "az" and _CONTAINER.fullmatch(user) else ""
    if KINDS.get(scheme.lower(), "http") == "http" or _SECRET.search(rest):
        host, key = (re.split("[?#]", part)[0] for part in (host, key))
    return f"{scheme}://{kept}{host}{slash}{key}"
