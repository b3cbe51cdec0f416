"""Results of a manifest in a store: listed once, and then known by their sizes."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from restore.cli.remote_jobs import store_of, waited
from restore.stores import Url

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Objects:
    """The sizes of objects below a prefix; None where each is to be asked for."""

    def __init__(self, prefix: Url | None):
        self.prefix = prefix
        self._found: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def size_of(self, url: Url) -> int | None:
        """The size of an object; None where there is none. Raises StoreError."""
        import numpy as np

        if self.prefix is None or (url.scheme, url.container) != (self.prefix.scheme, self.prefix.container):
            there = waited(lambda: store_of(url).head(url))
            return None if there is None else there.size
        if self._found is None:
            self._found = waited(self._listed)
        hashes, sizes = self._found
        place = int(np.searchsorted(hashes, hash(url.key)))
        same = place < len(hashes) and hashes[place] == hash(url.key)
        return int(sizes[place]) if same else None

    def _listed(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The hashes of names, in order, and the sizes."""
        import numpy as np

        assert self.prefix is not None
        names, sizes = array("q"), array("q")
        for each in store_of(self.prefix).objects(self.prefix):
            names.append(hash(each.key))
            sizes.append(each.size)
        hashes = np.frombuffer(names, np.int64) if names else np.zeros(0, np.int64)
        order = np.argsort(hashes)
        return hashes[order], np.asarray(sizes, np.int64)[order]
