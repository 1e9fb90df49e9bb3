"""The AWS SDK's shared config: ``~/.aws/config`` profiles.

Profiles hold secrets beside these fields; nothing else is looked at. Rules: botocore 0e6e240
(docs/reference/config-formats.md section 7).
"""

from __future__ import annotations

import shlex

from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.findings import UNKNOWN_KEY, At, Log, distinct, safe_name
from resilience_sim.interop.layers import Converted, Layer, Ns, Setting
from resilience_sim.interop.section import Section
from resilience_sim.interop.traps import traps
from resilience_sim.interop.writing import Parts
from resilience_sim.scenario.text.tree import Mapping

TRAPS = traps(
    """
RL170 info: max_attempts means two things
    In the shared config file and in AWS_MAX_ATTEMPTS the first call counts. In botocore's
    Config(retries={'max_attempts': 4}) it does not: that is five calls. `total_max_attempts` always counts it.
RL171 warning: legacy retries have no quota
    The mode `legacy` has neither the retry quota nor the cap of 20 s. In an outage every client makes every
    attempt.
RL173 info: timeouts cannot be set in the file
    connect_timeout and read_timeout are settings of the code; 60 s each by default. Four attempts at 60 s are four
    minutes.
"""
)

NAME = "aws"
SECOND = 1_000_000_000
FIELDS = ("retry_mode", "max_attempts", "defaults_mode")
_ON = ("error", "unavailable", "rate_limited", "timeout", "refused", "reset", "shed")


def recognises(file: ConfigFile) -> bool:
    """Whether an INI file has a profile with one of the fields, or looks like the shared config."""
    return file.notation == "ini" and bool(_profiles(file) or file.name == "config")


def _profiles(file: ConfigFile) -> dict[str, Mapping]:
    """The profiles as botocore finds them: `[default]`, `[profile name]`; in the credentials file the name alone."""
    found = {}
    for document in file.documents:
        for head, entry in document.entries.items():
            name = profile_name(head, file.name == "credentials")
            if name and isinstance(entry.value, Mapping) and any(field in entry.value.entries for field in FIELDS):
                found[name] = entry.value
    return found


def profile_name(head: str, alone: bool = False) -> str:
    """The profile that a section is about, "" for none: the name is one word, or stands in quotes."""
    if head == "default" or alone:
        return head
    try:
        parts = shlex.split(head)
    except ValueError:
        return ""
    return parts[1] if len(parts) == 2 and parts[0] == "profile" else ""


def instances(file: ConfigFile) -> list[str]:
    """The profiles that say something about retries."""
    return list(distinct(_profiles(file)))


def convert(file: ConfigFile, instance: str, log: Log) -> Converted:
    """Retry with its quota around the timeouts of the client."""
    profiles = _profiles(file)
    section = Section(profiles[distinct(profiles)[instance]], f"[{instance}]", log)
    for document in file.documents:
        for head, entry in document.entries.items():
            holds = isinstance(entry.value, Mapping) and any(field in entry.value.entries for field in FIELDS)
            if holds and not profile_name(head, file.name == "credentials"):
                log.add(
                    UNKNOWN_KEY,
                    "warning",
                    "no profile: in this file a profile is written `[profile NAME]`, a name with spaces in quotes; "
                    "these settings are ignored",
                    At(entry.key, safe_name(head), f"[{safe_name(head)}]"),
                    "write `profile` before the name",
                )
    reason = "about credentials of the machine, not about calls"
    section.skip(metadata_service_num_attempts=reason, metadata_service_timeout=reason)
    section.skip(s3="settings of transfers are not retries", tcp_keepalive="connections are not simulated")
    result = Converted(NAME, f"AWS SDK, profile '{instance}'", instance)
    mode = section.word("retry_mode", ("legacy", "standard", "adaptive"))
    attempts = section.count("max_attempts", 1)
    kind = mode.value if mode else "standard"
    layer = Layer("retry", f"profile {instance}: retry_mode {kind}", mode.at if mode else section.at(), like="aws")
    layer.put("attempts", attempts.value if attempts else (5 if kind == "legacy" else 3), attempts, "default")
    if attempts:
        log.trap(
            "RL170",
            f"`max_attempts` {attempts.value} in this file includes the first call; the same name in Python's "
            "`Config(retries=…)` does not",
            attempts.at,
            "in code write `total_max_attempts`",
        )
    layer.put("delay", Ns(SECOND), None, "always: U(0, 1) x 2^(n-1) seconds")
    layer.put("backoff", "exponential", None, "always")
    layer.put("factor", "2x")
    if kind != "legacy":
        layer.put("max_delay", Ns(20 * SECOND), None, "always")
    layer.put("jitter", "full", None, "always")
    layer.put("on", list(_ON))
    layer.exact["mode"] = Setting(kind, mode.shown if mode else "default")
    _quota(layer, kind, section, log)
    timeout = Layer("timeout", "read_timeout of the client, not in this file", id="attempt", like="aws")
    timeout.settings["after"] = Setting("60s", "default of botocore: 60 s to connect, 60 s to read")
    log.assumed.append("read_timeout 60 s, the default of botocore")
    log.trap(
        "RL173",
        "the file cannot set `connect_timeout` and `read_timeout`; their default of 60 s each applies to every attempt",
        section.at("retry_mode") if mode else section.at(),
        "set both in code, near the latency you expect",
    )
    section.skip(defaults_mode="it changes the connect timeout and the retry mode together; name both instead")
    result.layers = [layer, timeout]
    return result


def _quota(layer: Layer, kind: str, section: Section, log: Log) -> None:
    """The token bucket that no field configures."""
    if kind == "legacy":
        log.trap(
            "RL171",
            "`legacy` has no retry quota and no cap on the wait: in an outage every client sends every attempt",
            section.at("retry_mode"),
            "write `retry_mode = standard`",
        )
        return
    layer.settings["budget"] = Setting(
        "{kind: token_bucket, capacity: 500, deposit: 1, deposit_on: success, cost: 5}",
        "the retry quota: 500 tokens, a retry costs 5 (a timeout 10)",
    )
    layer.exact["budget"] = Setting("{kind: aws}", "the retry quota of the SDK")
    if kind == "adaptive":
        log.skipped(section.at("retry_mode"), "the adaptive send rate on top of the standard mode is not simulated")
        layer.generic_remarks.append("adaptive: the client-side send rate is not simulated, the quota is")


def write(parts: Parts) -> str:
    """One profile."""
    for policy in (parts.limiter, parts.bulkhead, parts.hedge, parts.total):
        if policy is not None:
            parts.lost(f"`{policy.id}`", "the file has retries only")
    if parts.breaker is not None:
        parts.lost("the circuit breaker", "the SDK has none")
    if parts.attempt is not None and parts.attempt.after != 60_000_000_000:
        parts.lost(f"`{parts.attempt.id}`", "connect_timeout and read_timeout are set in code")
    retry = parts.retry
    mode = "standard"
    if retry is not None:
        budget = retry.budget
        quota = budget is not None and getattr(budget, "scheme", "") in ("aws", "token_bucket")
        mode = "standard" if quota else "legacy"
        if getattr(budget, "mode", "") == "adaptive":
            mode = "adaptive"
        if (retry.delay, retry.backoff, retry.jitter) != (1_000_000_000, "exponential", "full"):
            parts.lost("the shape of the waits", "always U(0, 1) x 2^(n-1) seconds, at most 20")
        if not quota and budget is not None:
            parts.lost("the budget", "the SDK has its own quota")
    attempts = retry.attempts if retry is not None else 1
    return f"[profile {parts.name}]\nretry_mode = {mode}\nmax_attempts = {attempts}\n"
