"""resim: a wind tunnel for resilience settings.

Owns the version. Refuses to import anything, so that every command pays only for what it uses.
"""

__version__ = "0.1.0"
