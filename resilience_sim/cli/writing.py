"""Writing a small file that must not destroy another one.

Owns the check and the words when it fails.
"""

from __future__ import annotations

from pathlib import Path

from resilience_sim.cli.exits import Problem


def write_file(path: Path, text: str, force: bool) -> None:
    """Write a new file; with ``force`` also over an existing one."""
    try:
        with path.open("w" if force else "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise Problem("output", f"{path}: there is a file already", "--force replaces it") from None
    except FileNotFoundError:
        raise Problem("output", f"{path}: its folder does not exist", f"create {path.parent} first") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a usable name"
        raise Problem("output", f"{path}: cannot be written: {why}", "choose another path") from None
