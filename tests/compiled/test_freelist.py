"""The change that the build makes to the C code of mypyc (tools/mypyc_freelist.py), on that code in small."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("mypyc_freelist", ROOT / "tools" / "mypyc_freelist.py")
assert spec is not None
assert spec.loader is not None
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)

HEADER = "extern CPyThreadLocal FrameObject *frames___Frame_free_instance;\n"
CODE = """static PyObject *
frames___Frame_setup(PyTypeObject *type)
{
    if (frames___Frame_free_instance != NULL) {
        self = frames___Frame_free_instance;
        frames___Frame_free_instance = NULL;
        return (PyObject *)self;
    }
}
static void
frames___Frame_dealloc(FrameObject *self)
{
    if (frames___Frame_free_instance == NULL) {
        frames___Frame_free_instance = self;
        Py_CLEAR(self->_parent);
        self->_live = 2;
        self->_time = -113;
        self->_loss = -113;
        return;
    }
}
PyErr_SetString(PyExc_AttributeError, "attribute 'loss' of 'Frame' undefined");
PyErr_SetString(PyExc_AttributeError, "attribute 'time' of 'Plan' undefined");
cpy_r_r0 = CPyStatic_kernel___compiled___COMPILED;
"""


def test_the_dead_are_chained_by_their_vtable_pointer():
    """Up to a limit; whoever is born next takes the first, with its vtable pointer back in place."""
    found = tool.rewritten(CODE, HEADER)
    assert found is not None
    code, header = found
    assert f"if (frames___Frame_free_count < {tool.LENGTH})" in code
    assert "Py_CLEAR(self->_parent);" in code
    assert "frames___Frame_free_instance = (void *)self->vtable; frames___Frame_free_count--;" in code
    assert "self->vtable = frames___Frame_vtable;" in code
    assert "= NULL;" not in code
    assert "cpy_r_r0 = 1;" in code
    assert "CPyThreadLocal int frames___Frame_free_count;" in header


def test_the_dead_keep_the_numbers_that_nobody_checks():
    """What ``__init__`` is known to set anyway is not marked as undefined."""
    found = tool.rewritten(CODE, HEADER)
    assert found is not None
    code, _ = found
    assert "self->_loss = -113;" in code  # some code asks
    assert "self->_time" not in code
    assert "self->_live" not in code


def test_code_that_looks_different_is_left_alone(tmp_path):
    """Another version of mypyc: slower, but right."""
    assert tool.rewritten(CODE.replace("_free_instance = NULL;", "_free_instance = 0;"), HEADER) is None
    assert tool.rewritten(CODE, "") is None
    assert tool.rewritten("", "") is None
    assert not tool.lengthen_free_lists(tmp_path)


def test_the_files_of_a_build_are_changed(tmp_path):
    """In their place."""
    code, header = tmp_path / "__native_resilience_sim.c", tmp_path / "__native_internal_resilience_sim.h"
    code.write_text(CODE)
    header.write_text(HEADER)
    assert tool.lengthen_free_lists(tmp_path)
    assert (code.read_text(), header.read_text()) == tool.rewritten(CODE, HEADER)
