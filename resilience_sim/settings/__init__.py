"""Everything that can be set: one table of parameters and one frozen config per policy, fault and section."""
