"""What a store answers, in one line that names the address and what to do.

The messages of obstore hold whole addresses, with signatures, and what servers answer. None of their text is
passed on: only its kind, such as a status or a time that ran out, is looked at.
"""

from __future__ import annotations

import re

from restore.errors import StoreError
from restore.stores.urls import Url

_STATUS = re.compile(r"status(?: code)?: (\d{3})\b")
_METADATA = "169.254.169.254"  # where a machine in a cloud asks for its credentials
_KEY = re.compile(r'BadSegment \{\s*path: "((?:[^"\\]|\\.){1,200})"')
CREDENTIALS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; AWS_SKIP_SIGNATURE=true reads "
    "public buckets",
    "gs": "run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS; "
    "GOOGLE_SKIP_SIGNATURE=true reads public buckets",
    "az": "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY; AZURE_SKIP_SIGNATURE=true reads "
    "public containers",
    "http": "the server wants a password or a signed address",
}
"""What to do for a store that wants other credentials."""

ENDPOINT = {
    "s3": "check AWS_ENDPOINT_URL and the network",
    "gs": "check the network",
    "az": "check the account and the network",
    "http": "check the address and the network",
}
_NEEDS = {
    "az": "set AZURE_STORAGE_ACCOUNT_NAME, or write az as abfss://container@account.dfs.core.windows.net/"
}


def is_passing(error: BaseException) -> bool:
    """Whether what was being read broke off, so that reading it once more may help.

    Parameters
    ----------
    error : of obstore. What it has tried again itself is not meant.
    """
    text = str(error)
    return "RetryError" not in text and bool(re.search(r"kind: (Interrupted|Timeout|Decode)\b", text))


def told(error: BaseException, url: Url, doing: str, *, patience: str) -> StoreError:
    """Say what went wrong.

    Parameters
    ----------
    error : of obstore, or of what gives credentials.
    url : what it was about.
    doing : as ``read``, after *cannot*.
    patience : for how long an answer was waited for, and how often it was asked for.

    Returns
    -------
    StoreError
        To be raised ``from None``: the text of the other error may hold secrets.
    """
    return StoreError(f"{url}: cannot {doing}: {_reason(error, url, doing, patience)}")


def _reason(error: BaseException, url: Url, doing: str, patience: str) -> str:
    text, kind = str(error), url.kind
    found = _STATUS.search(text)
    status = int(found[1]) if found else 0
    if _METADATA in text or "CredentialsError" in text or "CredentialProvider" in text:
        return f"there are no credentials for it; {CREDENTIALS[kind]}"
    if isinstance(error, FileNotFoundError) or status == 404:
        return _missing(url, text, whole=url.is_prefix or doing == "write it")
    if status in (401, 403) or type(error).__name__ in ("PermissionDeniedError", "UnauthenticatedError"):
        return f"access is denied ({status or 403}); {CREDENTIALS[kind]}"
    if "missing region" in text.lower() or "without LOCATION" in text or status == 301:
        return "the bucket is in another region; set AWS_REGION"
    if status == 416 or "MissingContentLength" in text:
        return "the server does not say how long the file is; download it first"
    if status in (429, 500, 502, 503, 504):
        return f"the store answers {status}, {patience}; try again later"
    if status:
        return f"the store answers {status}; check the address"
    return _connection(text, url, patience) or _setup(error, text, url)


def _missing(url: Url, text: str, *, whole: bool) -> str:
    if "NoSuchBucket" in text or whole:
        return f"there is no such bucket (404); check {url.scheme}://{url.container}/"
    return "there is no such object (404); check the name"


def _connection(text: str, url: Url, patience: str) -> str:
    """What is wrong with the connection; empty where nothing is known to be."""
    lower = text.lower()
    if "dns error" in lower or "lookup address" in lower:
        return f"there is no server of that name; {ENDPOINT[url.kind]}"
    if "BadScheme" in text:
        return "it is not encrypted (http); set AWS_ALLOW_HTTP=true where that is meant"
    if "certificate" in lower or "tls" in lower or "AlertReceived" in text:
        return f"no secure connection (TLS), its certificate is not trusted; {ENDPOINT[url.kind]}"
    if "InvalidContentType" in text:
        return f"no secure connection (TLS), the server does not speak it; {ENDPOINT[url.kind]}"
    if "kind: Timeout" in text or "TimedOut" in text:
        return f"no answer, {patience}; try again later"
    if "ConnectionRefused" in text or "kind: Connect" in text:
        return f"the server cannot be reached; {ENDPOINT[url.kind]}"
    if re.search(r"kind: (Interrupted|Decode|Request)\b", text) or "IncompleteBody" in text:
        return f"the connection broke off, {patience}; try again later"
    return ""


def _setup(error: BaseException, text: str, url: Url) -> str:
    """What is wrong before anything is sent."""
    if "Missing" in text and url.kind in _NEEDS:
        return f"the account is not known; {_NEEDS[url.kind]}"
    if "InvalidPath" in type(error).__name__ or "Could not parse path" in text:
        key = _KEY.search(text)
        named = f" ({key[1]})" if key else ""
        return f"it holds a name with an empty part, .., or a control character{named}; rename that object"
    if "credential" in text.lower():
        return f"its credentials cannot be used; {CREDENTIALS[url.kind]}"
    return f"obstore refuses it ({type(error).__name__}); check the address and the environment"
