"""The exact rules of known libraries: sans-IO state machines made of orthogonal rules, and a row of data per library."""
