"""Events are read when they are asked for: what the breaker did, and the story of one rejected request."""

import resilience_sim as rs

result = rs.load("hard-outage").run(seed=7)
for event in result.events("breaker"):
    print(f"{event.t:6.2f}s {event.details['from']} -> {event.details['to']}: {event.details['why']}")

first = next(result.events("rejected"))
print(*result.events(rid=first.rid), sep="\n")
