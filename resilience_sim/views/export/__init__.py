"""Files that other programs open: one small file per format, a table of them, and safe places to write to.

``formats.py`` lists the formats, ``targets.py`` opens ``FORMAT=PATH`` before a run and completes or removes the files
after it.
"""
