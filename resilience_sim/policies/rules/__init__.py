"""The exact rules of known libraries: sans-IO machines made of orthogonal rules, a row of data for each library."""
