"""For tests of client code: the wind tunnel behind the pytest fixture, and the comparison with a stack."""
