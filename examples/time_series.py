"""How a retry storm builds up: arrivals and attempts at B, five seconds a line."""

import resilience_sim as rs

series = rs.load("retry-storm").run(seed=1, series="5s").series
for t, arrivals, attempts in zip(series["t"], series["arrivals"], series["attempts_at_service"], strict=True):
    if arrivals:
        print(f"{t:3.0f}s {arrivals:4.0f} arrivals {attempts:4.0f} attempts  {'#' * round(attempts / 20)}")
