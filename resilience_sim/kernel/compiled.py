"""Whether this is the compiled form of the core, and the constants by which both forms compute the same.

The core is one source in two forms: interpreted as it stands, or compiled by mypyc when the package is built. ``i64``
is a machine integer when compiled and a plain int otherwise. Compiled it wraps at 64 bits; interpreted, whatever must
wrap is cut with :data:`MASK`, which is a no-op on a machine integer, or, where that would cost time, only ``if not
COMPILED``. The compiler is told the value of that name (setup.py) and leaves the other branch out.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

COMPILED: Final = not __file__.endswith(".py")
M64: Final = (1 << 64) - 1


def _mask() -> int:
    return -1 if COMPILED else M64


MASK: Final[i64] = _mask()
