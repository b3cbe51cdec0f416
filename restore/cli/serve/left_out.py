"""Which options of the commands a page does not offer, and why; and which it offers otherwise.

Options are called by their keys, as in configuration files. One that names a file is offered only where
`UPLOADS` or `MADE` says how; every other one unless it is left out here.
"""

from __future__ import annotations

_MANY = "it is about many pictures, and a page has a job for each"
_NAMES = "the server names the files"
_SERVER = "it is set where the server is started"
_SAID = "the server reads what the command says"

LEFT_OUT = {
    **dict.fromkeys(("output", "suffix", "output_template", "overwrite"), _NAMES),
    "trajectory": "it is a folder of files that a page does not show",
    "save_mask": "the server asks for it where the page shows the mask",
    **dict.fromkeys(
        (
            *("ignore", "jobs", "engine", "address", "manifest", "retry_failed", "force", "shard"),
            *("in_place", "backup", "watch", "settle", "poll", "copies"),
        ),
        _MANY,
    ),
    **dict.fromkeys(("report", "compare", "preview", "open"), "the page itself shows before and after"),
    "skip_unchanged": "the page tells which pictures were left as they are",
    **dict.fromkeys(("weights", "device", "max_memory"), _SERVER),
    **dict.fromkeys(("config", "no_config"), "jobs of a page are made without configuration"),
    **dict.fromkeys(("json", "quiet", "verbose"), _SAID),
    "dry_run": "the server checks commands without it",
    "help": "the page shows the texts",
}
"""Why options of all commands are left out."""

LEFT_OUT_OF = {
    "inpaint": {
        "mask": "strokes make the mask; a mask file is uploaded as a region of the picture",
        "masks": _MANY,
        "mask_colour": "a mask file is read when it is uploaded",
        "fit_mask": "a mask file is fitted when it is uploaded",
    },
}
"""Why options of one command are left out."""

UPLOADS = {
    "source": "mask",
    "mask": "mask",
    "reference": "picture",
    "infrared": "picture",
    "kernel": "any",
    "operator": "any",
}
"""What the files are that options take, whose values are ids of uploads. The last two also take words."""

MADE = {"uncertainty": "-uncertainty.png"}
"""Options that are switches on the page: the server names the file, as the picture with such an ending."""


def why_not(task: str, key: str) -> str | None:
    """Say why a page does not offer an option of a task; None where it may."""
    return LEFT_OUT_OF.get(task, {}).get(key) or LEFT_OUT.get(key)
