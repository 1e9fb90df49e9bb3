"""From a tree to a plan: values against the tables of settings, checked and resolved."""
