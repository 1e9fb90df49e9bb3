"""``vec``: a growing array whose items are machine values in compiled code, and a plain list otherwise.

It grows by ``v = append(v, item)`` only: the compiled one may have to move. This file itself is never compiled: to the
compiler the two names are librt's (mypyc's own library), which it knows how to turn into machine code; at run time it
asks for them nowhere, so what stands here serves the interpreted form and needs no librt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mypy_extensions import i64

if TYPE_CHECKING:
    from librt.vecs import append as append  # noqa: PLC0414 (passed on)
    from librt.vecs import pop as pop  # noqa: PLC0414
    from librt.vecs import vec as vec  # noqa: PLC0414
else:
    vec = list

    def append(v, item):
        """``v`` with ``item`` at its end."""
        v.append(item)
        return v

    def pop(v):
        """``v`` without its last item, and that item."""
        item = v.pop()
        return v, item


def view(v: vec[i64]) -> Sequence[int]:
    """``v`` as a sequence for anybody; not to be kept."""
    return v if isinstance(v, list) else memoryview(v)
