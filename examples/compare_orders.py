"""Breaker around retry, or retry around breaker? The same requests and the same luck for both."""

import resilience_sim as rs

outside = rs.load("hard-outage")  # circuit_breaker, then retry
stack = [
    {"retry": {"attempts": 3, "delay": "500ms"}},
    {"circuit_breaker": {"failure_threshold": 5, "recovery_time": "5s"}},
]
comparison = outside.compare({"retry outside": {"stack": stack}}, seeds=20)
print(comparison)
change = comparison.difference("retry outside", "amplification")
print("attempts at B per request:", change.delta, change.ci95, change.verdict)
