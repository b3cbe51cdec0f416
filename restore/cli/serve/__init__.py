"""``restore serve``: the page in the browser, its server, and the processes that work for it."""
