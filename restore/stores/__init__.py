"""Object stores: pictures in buckets and on web servers, read and written through obstore.

Needs the extra ``cloud``. Credentials are those of the environment and of the files that the tools of each
store write; no message of this package holds one.
"""

from restore.stores.listing import Found, survey
from restore.stores.objects import Object, Store
from restore.stores.opened import PATIENCE, Patience, open_store
from restore.stores.spool import Spool, safe_name
from restore.stores.urls import Url, from_path, is_url, parse_url, shown

__all__ = [
    "PATIENCE", "Found", "Object", "Patience", "Spool", "Store", "Url", "from_path", "is_url", "open_store",
    "parse_url", "safe_name", "shown", "survey",
]  # fmt: skip
