"""The AWS SDK's shared config: ``~/.aws/config`` profiles, and the variables of the environment that lie over them.

Profiles hold secrets beside these fields; nothing else is looked at. Rules: botocore 0e6e240
(docs/reference/config-formats.md section 7).
"""

from __future__ import annotations

import re
import shlex

from resilience_sim.interop import env_names
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.findings import UNKNOWN_KEY, At, Log, distinct, escaped
from resilience_sim.interop.layers import Converted, Layer, Ns, Setting
from resilience_sim.interop.own import Own
from resilience_sim.interop.section import Section, filled_in_elsewhere
from resilience_sim.interop.traps import traps
from resilience_sim.interop.writing import Parts
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.text.tree import Entry, Mapping, Scalar

TRAPS = traps(
    """
RL170 info: max_attempts means two things
    In the shared config file and in AWS_MAX_ATTEMPTS the first call counts. In botocore's
    Config(retries={'max_attempts': 4}) it does not: that is five calls. `total_max_attempts` always counts it.
RL171 warning: legacy retries have no quota
    The mode `legacy` has neither the retry quota nor the cap of 20 s. In an outage every client makes every
    attempt.
RL174 error: a retry mode that botocore does not know
    The modes are `legacy`, `standard` and `adaptive`, in lower case. With any other word, or none behind the `=`,
    botocore makes no client: InvalidRetryModeError.
RL175 warning: a setting of the code in the file
    connect_timeout, read_timeout, total_max_attempts and the like belong into the code (`Config(…)`). In the file they
    are ignored without a word.
RL173 info: timeouts cannot be set in the file
    connect_timeout and read_timeout are settings of the code; 60 s each by default. Four attempts at 60 s are four
    minutes.
"""
)

NAME = "aws"
CONSTANTS = (
    "the constants are those of botocore up to 1.43 and of other SDKs; from 1.44 on the first wait is U(0, 50 ms) "
    "and a retry costs 14 tokens: `mode: '2026'`"
)
MODES = ("legacy", "standard", "adaptive")
NO_MODE = (
    "a mode that botocore does not know: it makes no client",
    "write `standard`, `adaptive` or `legacy`, in lower case",
)
NO_QUOTA = "`legacy` has no retry quota and no cap on the wait: in an outage every client sends every attempt"
QUOTA = "{kind: token_bucket, capacity: 500, deposit: 1, deposit_on: success, cost: 5}"
SECOND = 1_000_000_000
FIELDS = ("retry_mode", "max_attempts", "defaults_mode")
_VARIABLES = tuple(f"AWS_{name.upper()}" for name in FIELDS)
_MACHINE = "about credentials of the machine, not about calls"
REASONS = {  # known to botocore, close to what is simulated, and not part of it
    "metadata_service_num_attempts": _MACHINE,
    "metadata_service_timeout": _MACHINE,
    "s3": "settings of transfers are not retries",
    "tcp_keepalive": "connections are not simulated",
    "endpoint_discovery_enabled": "there is one endpoint",
    "defaults_mode": "it changes the connect timeout and the retry mode together; name both instead",
}
OTHERS = (  # known to botocore 1.44.8 and nothing to do with how a call ends
    "region", "output", "data_path", "ca_bundle", "api_versions", "ec2_metadata_service_endpoint",
    "ec2_metadata_service_endpoint_mode", "ec2_metadata_v1_disabled", "imds_use_ipv6", "use_dualstack_endpoint",
    "use_fips_endpoint", "ignore_configured_endpoint_urls", "parameter_validation", "csm_enabled", "csm_host",
    "csm_port", "csm_client_id", "sts_regional_endpoints", "sdk_ua_app_id", "request_min_compression_size_bytes",
    "disable_request_compression", "sigv4a_signing_region_set", "request_checksum_calculation",
    "response_checksum_validation", "account_id_endpoint_mode",
    "disable_host_prefix_injection", "s3_disable_express_session_auth", "s3_use_arn_region",
    "s3_us_east_1_regional_endpoint", "s3_disable_multiregion_access_points", "proxy_ca_bundle", "proxy_client_cert",
    "proxy_use_forwarding_for_https",
    "auth_scheme_preference", "endpoint_url",
)  # fmt: skip
_OF_CODE = ("connect_timeout", "read_timeout", "total_max_attempts", "retries", "max_retries", "max_pool_connections")
_KNOWN = frozenset((*FIELDS, *OTHERS))
_PLAIN_HEAD = re.compile(r"""profile\s+([^\s'"\\#]+)\Z""")
_LIKE_OURS = re.compile(r"retr|attempt|timeout|backoff|throttl")
_ON = ("error", "unavailable", "rate_limited", "timeout", "refused", "reset", "shed")


def recognises(file: ConfigFile) -> bool:
    """Whether an INI file has a profile with one of the fields, or is called as the shared config is; or variables."""
    if file.notation != "ini":
        return bool(_variables(file))
    return bool(_profiles(file) or file.name == "config")


def _variables(file: ConfigFile) -> list[env_names.Variables]:
    """``AWS_MAX_ATTEMPTS`` and the like of each process, as a profile calls them: a file of them, containers."""
    found = _fields({name: entry for document in file.documents for name, entry in document.entries.items()})
    if found:
        return [env_names.Variables("", found)]
    said = {id(each.span.source): each.span.source for each in file.documents}
    if not any("AWS_" in line for source in said.values() for line in source.lines):
        return []
    return [each for document in file.documents for each in env_names.below(document, "", _fields) if each.entries]


def _fields(entries: dict[str, Entry]) -> dict[str, Entry]:
    return {
        name.removeprefix("AWS_").lower(): entry
        for name, entry in entries.items()
        if name in _VARIABLES and isinstance(entry.value, Scalar) and entry.value.value != env_names.ELSEWHERE
    }


def _profiles(file: ConfigFile) -> dict[str, Mapping]:
    """The profiles as botocore finds them: `[default]`, `[profile name]`; in the credentials file the name alone."""
    if NAME not in file.memo:
        file.memo[NAME] = _found(file)
    known: dict[str, Mapping] = file.memo[NAME]
    return known


def _shown(file: ConfigFile) -> dict[str, str]:
    """Their names as they may be shown, each with the real one."""
    if "aws names" not in file.memo:
        file.memo["aws names"] = distinct(_profiles(file), escaped)
    known: dict[str, str] = file.memo["aws names"]
    return known


def _no_profiles(file: ConfigFile) -> list[Diagnostic]:
    """What there is to say of sections with such settings that no profile is read from."""
    if "aws others" not in file.memo:
        alone, log = file.name == "credentials", Log(traps=TRAPS)
        for document in file.documents:
            names = {head: profile_name(head, alone) for head in document.entries}
            last = {name: head for head, name in names.items()}
            for head, entry in document.entries.items():
                ours = isinstance(entry.value, Mapping) and _speaks(entry.value)
                name = names[head]
                if ours and name and last[name] != head:
                    log.add(
                        UNKNOWN_KEY,
                        "warning",
                        f"a later section is for the profile `{escaped(name)}`, too, and the last one counts as a "
                        "whole: these settings are ignored",
                        At(entry.key, escaped(head), f"[{escaped(head)}]"),
                        "write them into the last one",
                    )
                if ours and not name:
                    log.add(
                        UNKNOWN_KEY,
                        "warning",
                        "no profile: in this file a profile is written `[profile NAME]`, a name with spaces in quotes; "
                        "these settings are ignored",
                        At(entry.key, escaped(head), f"[{escaped(head)}]"),
                        "write `profile` before the name",
                    )
        file.memo["aws others"] = log.found
    known: list[Diagnostic] = file.memo["aws others"]
    return known


def _found(file: ConfigFile) -> dict[str, Mapping]:
    found: dict[str, Mapping] = {}
    alone = file.name == "credentials"
    for document in file.documents:
        for head, entry in document.entries.items():
            name = profile_name(head, alone)
            if name and isinstance(entry.value, Mapping):
                found[name] = entry.value  # of two sections for one profile the last counts, as a whole
    for each in _variables(file):
        if each.holder or not found:
            found[each.holder or "default"] = Mapping(env_names.place_of(each.entries), each.entries)
        else:
            found = {name: Mapping(node.span, node.entries | each.entries) for name, node in found.items()}
    speaking = {name: node for name, node in found.items() if _speaks(node)}
    return speaking or (found if file.name == "config" else {})


def _speaks(profile: Mapping) -> bool:
    """Whether it says something about retries."""
    return not profile.entries.keys().isdisjoint(FIELDS)


def profile_name(head: str, alone: bool = False) -> str:
    """The profile that a section is about, "" for none: the name is one word, or stands in quotes."""
    if head == "default" or alone:
        return head
    if plain := _PLAIN_HEAD.match(head):
        return plain.group(1)
    try:
        parts = shlex.split(head)
    except ValueError:
        return ""
    return parts[1] if len(parts) == 2 and head.startswith("profile") else ""


def instances(file: ConfigFile) -> list[str]:
    """The profiles that say something about retries."""
    return list(_shown(file))


def own(file: ConfigFile, instance: str) -> Own:
    """All that is said of one profile alone (lint/twins.py), and its names."""
    return Own((instance,), [_profiles(file)[_shown(file)[instance]]], unread=lambda name: name not in FIELDS)


def convert(file: ConfigFile, instance: str, log: Log) -> Converted:
    """Retry with its quota around the timeouts of the client."""
    profiles = _profiles(file)
    section = Section(profiles[_shown(file)[instance]], f"[{instance}]", log)
    log.of_all(_no_profiles(file))
    mode_is_known = _mode_is_known(section)
    _rest(section, mode_is_known)
    result = Converted(NAME, f"AWS SDK, profile '{instance}'", instance)
    mode = section.word("retry_mode", MODES, fold=False) if mode_is_known else None
    attempts = section.read("max_attempts", _attempts, "an integer of at least 1")
    if attempts is None and _is_empty(section, "max_attempts"):
        log.bad("an integer of at least 1", section.at("max_attempts"))
    kind = mode.value if mode else "standard"
    result.remarks.append(CONSTANTS)
    if mode is None:
        result.remarks.append("no mode in the file: `standard`; botocore up to 1.43 takes `legacy` then")
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
    result.layers = [layer, timeout] if mode_is_known else [timeout]
    return result


def _attempts(value: object) -> int:
    """As botocore reads it: by Python's ``int``, which knows `1_000` and no `3.0`."""
    number = int(str(value))
    if number < 1:
        raise ValueError
    return number


def _is_empty(section: Section, name: str) -> bool:
    """Whether nothing stands behind the `=`."""
    node = section.node.entries[name].value if section.node and name in section else None
    return isinstance(node, Scalar) and node.value is None


def _mode_is_known(section: Section) -> bool:
    """Whether botocore knows the mode: in lower case, to the letter. One that is filled in may be known."""
    node = section.node.entries["retry_mode"].value if section.node and "retry_mode" in section else None
    return not isinstance(node, Scalar) or node.value in MODES or bool(filled_in_elsewhere(node.value))


def _rest(section: Section, mode_is_known: bool) -> None:
    """What else stands in a profile: known and not simulated, of the code, or like something that is."""
    section.skip(**REASONS)
    if not mode_is_known:
        section.ignore("retry_mode")
        message, remedy = NO_MODE
        section.log.trap("RL174", message, section.at("retry_mode"), remedy)
    for name in section.names():
        if name in _OF_CODE:
            section.ignore(name)
            section.log.trap(
                "RL175", f"`{name}` belongs into the code: in the file it is ignored", section.at(name),
                "write `Config(…)` in the code, or `max_attempts` here",
            )  # fmt: skip
        elif name in _KNOWN:
            section.ignore(name)
        elif _LIKE_OURS.search(name) and name not in REASONS:
            section.ignore(name)
            section.log.unknown(section.at(name))


def _quota(layer: Layer, kind: str, section: Section, log: Log) -> None:
    """The token bucket that no field configures."""
    if kind == "legacy":
        log.trap("RL171", NO_QUOTA, section.at("retry_mode"), "write `retry_mode = standard`")
        return
    layer.settings["budget"] = Setting(QUOTA, "the retry quota: 500 tokens, a retry costs 5 (a timeout 10)")
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
