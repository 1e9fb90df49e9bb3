"""What a stack is tested against: traffic, client threads, Service B, faults and the effects ledger."""
