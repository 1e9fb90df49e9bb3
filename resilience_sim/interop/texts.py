"""What a text means where the notation has nothing but texts: properties, variables, placeholders."""

from __future__ import annotations

import re

_WHOLE = re.compile(r"[-+]?[0-9]{1,100}\Z")
_FLAGS = {"true": True, "false": False}


def meant(text: str) -> str | int | bool | None:
    """A whole number, a flag, None for an empty text; anything else stays the text for the program to read.

    No notation of numbers is known here: what ``0x10`` is, ``1e3`` or ``null``, the reader of the value decides.
    """
    if not text:
        return None
    return int(text) if _WHOLE.match(text) else _FLAGS.get(text, text)
