"""How long a test waits for another process.

Always for something that it can see, never for a time to pass; the limit is reached only when something hangs, since
how long a start or a frame takes is the machine's affair.
"""

PATIENCE = 120.0  # s
