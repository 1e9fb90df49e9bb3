"""Judges cases in a process of its own, in one form of the core: ``python -m fuzz.worker``, a case a line on its input.

Answers with a line of JSON each: first which form it is, then problems, what the other form must say, and how it ended.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path

MEMORY = 3 << 30


def main() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from fuzz.case import Case
    from fuzz.oracle import judge
    from resilience_sim._build_mode import describe

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print(json.dumps(describe()), file=answers, flush=True)
    for line in sys.stdin:
        found = judge(Case.from_json(line), alone=True)
        print(json.dumps([found.problems, found.same, found.ends]), file=answers, flush=True)


if __name__ == "__main__":
    main()
