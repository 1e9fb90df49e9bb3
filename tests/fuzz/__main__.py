"""``python -m tests.fuzz``: as long as somebody likes. See README.md."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path


def main() -> int:
    """The exit code is 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--target", action="append", default=[], help="all (default), extremes, or one of several")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("fuzz-found"), help="where cases that fail are kept")
    parser.add_argument("--compiled", type=Path, help="folder with the package and its compiled core; else built")
    parser.add_argument("--interpreted", action="store_true", help="only the interpreted form")
    parser.add_argument("--replay", type=Path, nargs="*", help="judge kept cases again")
    chosen = parser.parse_args()
    os.environ["RESIM_PURE"] = "1"
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from compiled.forms import built

    from fuzz import campaign
    from fuzz.case import read
    from fuzz.forms import Forms

    compiled = None
    if not chosen.interpreted:
        compiled = chosen.compiled or built(Path(tempfile.gettempdir()))
    if chosen.target == ["extremes"]:
        from fuzz.every_extreme import compare

        return compare(compiled)
    forms = Forms(compiled)
    try:
        if chosen.replay is not None:
            wrong = 0
            for path in chosen.replay:
                problems, ends = forms.judge(read(path))
                print(f"{path}: {'; '.join(problems) or 'as it should be'} ({', '.join(ends)})")
                wrong += bool(problems)
            return int(wrong > 0)
        targets = [each for each in chosen.target if each != "all"] or list(campaign.TARGETS)
        began = time.time()
        say = partial(print, flush=True)
        report = campaign.run(forms, targets, chosen.seed, chosen.minutes, chosen.out, say)
        names = " and ".join(form.name for form in forms.forms)
        print(f"{(time.time() - began) / 60:.1f} minutes, seed {chosen.seed}, {names}")
        print(report.text())
        return int(bool(report.found))
    finally:
        forms.close()


if __name__ == "__main__":
    sys.exit(main())
