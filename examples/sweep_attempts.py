"""How many attempts are worth it while B is down? One setting, five values, twenty seeds each."""

import resilience_sim as rs

values = (1, 2, 3, 5, 8)
runs = {n: rs.load("hard-outage").set("retry.attempts", n).run(seeds=20) for n in values}
for attempts, results in runs.items():
    print(attempts, results.summary()["availability"])

try:
    import matplotlib.pyplot as plt
except ImportError:
    print("with matplotlib installed there would be a picture, too")
else:
    for attempts, results in runs.items():
        plt.scatter([attempts] * len(results), results.values("availability"))
    plt.savefig("sweep_attempts.png")
