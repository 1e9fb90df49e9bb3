"""Longer free lists in the C code that mypyc generates: a build step of setup.py, 14 % of a run's speed.

mypyc keeps dead instances of a class marked ``free_list_len=1`` for reuse, but only one of each ("TODO: Generalize to
support a free list with up to N objects", mypyc/codegen/emitclass.py). A simulation allocates and frees five frames a
request, and retries and hedges several of one class at a time, so most of them went to the allocator all the same.

There is no hook in mypyc for this. So the C code is changed after mypyc has written it and before it is compiled, in
three places per class:

* where an object dies: mypyc keeps it if the slot of the class is empty. Instead it is pushed on a list of at most
  :data:`LENGTH`, chained by the one field that every object has, its vtable pointer, which a dead object does not need;
* where one is born: mypyc takes the object from the slot. Instead the first of the list is popped and gets its vtable
  pointer back;
* where the slot is declared: a counter is declared beside it.

All three must be found the same number of times, or nothing is changed: with another version of mypyc (pyproject.toml
pins it), whose code may look different, the build is slower but right. tests/compiled/test_freelist.py proves both.
"""

from __future__ import annotations

import re
from pathlib import Path

LENGTH = 1024


def lengthen_free_lists(folder: Path) -> bool:
    """Change the C code in mypyc's build folder. False: it looks different from what is expected, nothing is done."""
    code, header = folder / "__native_resilience_sim.c", folder / "__native_internal_resilience_sim.h"
    if not code.exists() or not header.exists():
        return False
    changed = rewritten(code.read_text(encoding="utf-8"), header.read_text(encoding="utf-8"))
    if changed is None:
        return False
    code.write_text(changed[0], encoding="utf-8")
    header.write_text(changed[1], encoding="utf-8")
    return True


def rewritten(code: str, header: str) -> tuple[str, str] | None:
    """The two files with longer lists; None where they look different from what is expected."""
    code, kept = re.subn(
        r"if \((\w+)_free_instance == NULL\) \{\s+\1_free_instance = self;(.*?)return;\s+\}",
        rf"if (\1_free_count < {LENGTH}) {{\2self->vtable = (void *)\1_free_instance;"
        r" \1_free_instance = self; \1_free_count++; return; }",
        code,
        flags=re.DOTALL,
    )
    code, taken = re.subn(
        r"self = (\w+)_free_instance;\s+\1_free_instance = NULL;",
        r"self = \1_free_instance; \1_free_instance = (void *)self->vtable; \1_free_count--;"
        r" self->vtable = \1_vtable;",
        code,
    )
    header, declared = re.subn(r"(CPyThreadLocal )\w+ \*(\w+)_free_instance;", r"\g<0> \1int \2_free_count;", header)
    if not kept == taken == declared > 0:
        return None
    # mypyc leaves out what is written for the interpreted form only (kernel/compiled.py), but still asks at run time
    # which form this is.
    return re.sub(r"= CPyStatic_\w*___COMPILED;", "= 1;", code), header
