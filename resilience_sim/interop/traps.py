"""What each code about a configuration file stands for: its severity, a title, and the page that explains it.

Owns RL190 to RL199 and the table of all RL1xx. Codes are never reused. Refuses to find anything: the formats'
modules do.
"""

from __future__ import annotations

from resilience_sim.interop import traps_code, traps_mesh
from resilience_sim.interop.trap import Trap

TRAPS: dict[str, Trap] = {
    **traps_code.TRAPS,
    **traps_mesh.TRAPS,
    "RL190": Trap(
        "info",
        "a field that is not modelled",
        "The field is known and has no counterpart in a simulation; the message says why.",
    ),
    "RL191": Trap(
        "warning", "an unknown key", "Neither the library nor resim knows the key, as far as resim knows the library."
    ),
    "RL192": Trap(
        "error",
        "a value that cannot be read",
        "The value does not fit its key. It is not repeated: it may be a secret.",
    ),
    "RL193": Trap(
        "error",
        "the library refuses this",
        "The application would not start, or the configuration would not be accepted.",
    ),
    "RL195": Trap(
        "error",
        "the file is broken",
        "The file is not well-formed; its lines are not repeated, for they may hold secrets.",
    ),
}
