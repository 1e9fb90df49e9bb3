"""What ``resim explain`` knows: facts and formulas as data, found by name."""
