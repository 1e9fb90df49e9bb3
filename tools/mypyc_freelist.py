"""Longer free lists in the C code that mypyc generates: a build step of setup.py, 14 % of a run's speed.

mypyc keeps dead instances of a class marked ``free_list_len=1`` for reuse, but only one of each ("TODO: Generalize to
support a free list with up to N objects", mypyc/codegen/emitclass.py). A simulation allocates and frees five frames a
request, and retries and hedges several of one class at a time, so most of them went to the allocator all the same.

And a dying object is not marked as undefined where nobody asks: mypyc proves that ``__init__`` sets nearly all numbers.

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
    classes = {name.rpartition("___")[2] for name in re.findall(r"(\w+)_free_instance == NULL", code)}
    asked = re.findall(r"attribute '(\w+)' of '(\w+)' undefined", code)
    checked = {attribute for attribute, of in asked if of in classes}

    def keep(found: re.Match[str]) -> str:
        name, clearing = found[1], _without_needless(found[2], checked)
        return (
            f"if ({name}_free_count < {LENGTH}) {{{clearing}self->vtable = (void *){name}_free_instance;"
            f" {name}_free_instance = self; {name}_free_count++; return; }}"
        )

    dies = r"if \((\w+)_free_instance == NULL\) \{\s+\1_free_instance = self;(.*?)return;\s+\}"
    code, kept = re.subn(dies, keep, code, flags=re.DOTALL)
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


def _without_needless(clearing: str, checked: set[str]) -> str:
    """What is done to an object that dies, without marking as undefined what its successor sets before all else.

    ``checked``: those numbers of which mypyc is not sure that it does, so that some code asks whether they are defined.
    """
    return re.sub(
        r"\s*self->_(\w+) = (?:-113|-113\.0|2);", lambda found: found[0] if found[1] in checked else "", clearing
    )
