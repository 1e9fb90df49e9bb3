"""resim: a wind tunnel for resilience settings.

Owns the version. Refuses to import anything but the choice between the compiled and the interpreted core, so that every
command pays only for what it uses.
"""

from resilience_sim._build_mode import select_core

__version__ = "0.1.0"

select_core()
