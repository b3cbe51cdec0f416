"""Open stores: with the usual credentials, and with time-outs and repeats that are told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore.errors import StoreError
from restore.stores.trouble import told
from restore.stores.urls import Url

if TYPE_CHECKING:
    from obstore.store import ObjectStore

INSTALL = "pip install 'restore-diffusion[cloud]'"
_ENDPOINTS = ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
_TRUE = ("1", "true", "yes", "on", "y")


@dataclass(frozen=True)
class Patience:
    """How long a store is waited for, and how often it is asked.

    Parameters
    ----------
    silence : seconds without an answer, or without a further byte of it, after which it is asked again.
    tries : how often it is asked.
    first : seconds before the second time; each further wait is about twice as long.
    longest : seconds of the longest wait.
    most : seconds for one part of a file that is sent.

    Examples
    --------
    >>> str(Patience(silence=30, tries=5))
    'asked 5 times, up to 30 s each'
    """

    silence: float = 30.0
    tries: int = 5
    first: float = 0.25
    longest: float = 15.0
    most: float = 300.0

    def __str__(self) -> str:
        if self.tries == 1:
            return f"asked once, up to {self.silence:g} s"
        return f"asked {self.tries} times, up to {self.silence:g} s each"

    @property
    def sending(self) -> str:
        """The same in words, of a part of a file that is sent.

        Examples
        --------
        >>> Patience().sending
        'tried up to 5 times, or for 300 s'
        """
        return f"tried up to {self.tries} times, or for {self.most:g} s"


PATIENCE = Patience()
"""That of every run."""


def open_store(url: Url, *, patience: Patience = PATIENCE, writing: bool = False) -> ObjectStore:
    """Open the store of an address; the same store is opened once.

    Parameters
    ----------
    url : of any object in it.
    patience : with it.
    writing : whether objects are sent. What is sent may take longer than the silence of an answer.

    Raises
    ------
    StoreError
        Where obstore is missing, or the store cannot be opened.
    """
    return _opened(url if url.typed else Url(url.scheme, url.container, ""), patience, writing)


def library(url: Url) -> Any:
    """Give obstore.

    Parameters
    ----------
    url : for the message.

    Raises
    ------
    StoreError
        Where it is missing.
    """
    try:
        import obstore.exceptions
        import obstore.store
    except ImportError as error:
        raise StoreError(f"{url}: object stores need obstore; {INSTALL}") from error
    return obstore


@cache
def _opened(url: Url, patience: Patience, writing: bool) -> ObjectStore:
    stores = library(url).store
    client: dict[str, Any] = {"connect_timeout": timedelta(seconds=min(10.0, patience.silence))}
    if writing:
        client["timeout"] = timedelta(seconds=patience.most)
    else:  # a long object may take long, as long as something comes
        client |= {"timeout": timedelta(days=1), "read_timeout": timedelta(seconds=patience.silence)}
    repeats: Any = {
        "max_retries": patience.tries - 1,
        "retry_timeout": timedelta(seconds=patience.tries * (patience.silence + patience.longest)),
        "backoff": {
            "init_backoff": timedelta(seconds=patience.first),
            "max_backoff": timedelta(seconds=patience.longest),
        },
    }
    if url.scheme == "http" or os.environ.get(f"{_prefix(url)}_ALLOW_HTTP", "").lower() in _TRUE:
        client["allow_http"] = True
    common: Any = {"client_options": client, "retry_config": repeats}
    opened: ObjectStore
    try:
        if url.kind == "s3":
            opened = stores.S3Store(url.container, **common, **_profile(os.environ))
        elif url.kind == "gs":
            opened = stores.GCSStore(url.container, **common)
        elif url.kind == "az":
            opened = stores.AzureStore.from_url(f"{url.scheme}://{url.container}", **common)
        else:
            opened = stores.HTTPStore(f"{url.scheme}://{url.container}/{url.typed}", **common)
    except StoreError:
        raise
    except Exception as error:  # of obstore and boto3, whose texts may hold secrets
        raise told(error, url, "open it", patience=str(patience)) from None
    return opened


def _prefix(url: Url) -> str:
    return {"s3": "AWS", "gs": "GOOGLE", "az": "AZURE"}.get(url.kind, "HTTP")


def _profile(environment: Mapping[str, str]) -> dict[str, Any]:
    """Credentials, region and endpoint of the files of the AWS tools, which obstore does not read itself.

    Keys in the environment come first. Where there are no such files, obstore asks the machine it runs on.
    """
    home = Path.home() / ".aws"
    files = (
        Path(environment.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials"),
        Path(environment.get("AWS_CONFIG_FILE") or home / "config"),
    )
    named = environment.get("AWS_PROFILE")
    unsigned = environment.get("AWS_SKIP_SIGNATURE", "").lower() in _TRUE
    given = environment.get("AWS_ACCESS_KEY_ID") or unsigned
    if given or not (named or any(map(_is_there, files))):
        return {}
    try:
        import botocore.session
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError as error:
        which = f"the profile {named}" if named else "the files in ~/.aws"
        raise StoreError(f"{which}: reading it needs boto3; {INSTALL}, or set AWS_ACCESS_KEY_ID") from error
    session = botocore.session.Session(profile=named)
    config: dict[str, Any] = {}
    region = session.get_config_variable("region")
    endpoint = session.get_scoped_config().get("endpoint_url")
    if region:
        config["region"] = region
    if endpoint and not any(map(environment.get, _ENDPOINTS)):
        config["endpoint"] = endpoint
    if session.get_credentials() is None:  # a file of settings alone
        return {"config": config}
    return {"config": config, "credential_provider": Boto3CredentialProvider(session)}


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
