"""Many runs for one question: how far a configuration holds, how figures move with a setting, which values to set."""
