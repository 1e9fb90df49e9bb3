"""``vec``: a growing array whose items are machine values in compiled code, and a plain list otherwise.

It grows by ``v = append(v, item)`` only: the compiled one may have to move. This file itself is never compiled. To the
compiler the names are those of librt (mypyc's own library), which it turns into machine code without importing them at
run time; so the definitions here serve the interpreted form only and need no librt.
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
        v.append(item)
        return v

    def pop(v):
        """``v`` without its last item, and that item."""
        item = v.pop()
        return v, item


def view(v: vec[i64]) -> Sequence[int]:
    """``v`` as a read-only sequence, valid until ``v`` grows."""
    return v if isinstance(v, list) else memoryview(v)
