"""From which load on does a short brownout end in collapse? The share of runs, with Wilson's 95 % interval."""

import resilience_sim as rs

storm = rs.load("retry-storm", {"traffic.duration": "40s"})
for rate in (28, 31, 32, 34):
    runs = storm.set("traffic.rate", f"{rate}/s").run(seeds=10, metrics=["collapse_probability"])
    share = runs.collapse_probability
    print(f"{rate}/s: {share.mean:.0%} of the runs collapse, 95 % interval {share.ci95}")
