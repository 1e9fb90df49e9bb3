"""The codes of a scenario's diagnostics. They are never reused: scripts and people remember them."""

from __future__ import annotations

UNREADABLE = "RS001"
SYNTAX = "RS002"
DUPLICATE_KEY = "RS003"
TOO_MUCH = "RS004"
YAML_FEATURE = "RS005"
MISSING = "RS010"
WRONG_TYPE = "RS011"
UNKNOWN_KEY = "RS012"
NO_UNIT = "RS013"
BAD_UNIT = "RS014"
RANGE = "RS015"
CHOICE = "RS016"
CONFLICT = "RS017"
REFERENCE = "RS018"
DUPLICATE_ID = "RS019"
EXPECTATION = "RS020"
NOT_YET = "RS021"
DATA_FILE = "RS022"
SET_PATH = "RS023"
VERSION = "RS024"

NO_END = "RW001"
UNSORTED = "RW002"
LATE_FAULT = "RW003"
NO_EFFECT = "RW004"
ODD = "RW005"
FEW_VALUES = "RW006"
LOST_RUN = "RW007"
OWN_CODE = "RW008"

EXPLANATIONS: dict[str, str] = {
    UNREADABLE: "The scenario could not be read: no such file or shipped name, a folder, not text, or far too large.",
    SYNTAX: "The text is not YAML. Nothing after such a place can be checked, so it is the only finding.",
    DUPLICATE_KEY: "A key stands twice in one mapping. YAML leaves open which one counts, so neither is guessed.",
    TOO_MUCH: "Aliases that contain themselves or multiply, nesting that is too deep, too many values, or mistakes.",
    YAML_FEATURE: "A feature of YAML that scenarios do not use: merge keys, tags, a second document, odd keys.",
    MISSING: "A key that has no default was not written.",
    WRONG_TYPE: "Another kind of value belongs here: a list, a mapping, an integer, text, true or false.",
    UNKNOWN_KEY: "No such key here. Keys are checked strictly, so that a misspelt setting never silently does nothing.",
    NO_UNIT: "A number without its unit. Durations are `250ms`, ratios `10%`, rates `80/s`, factors `4x`.",
    BAD_UNIT: "The value with its unit cannot be read. Durations are `250ms` or `1m30s`, ratios `10%`, rates `80/s`.",
    RANGE: "The value is readable but outside of what makes sense here.",
    CHOICE: "The value is not one of the words that are possible here.",
    CONFLICT: "Settings that cannot stand together, or of which exactly one is needed.",
    REFERENCE: "A name that nothing in the scenario has: a fault, a policy, a variant, a phase.",
    DUPLICATE_ID: "Two faults, or two policies of one stack, have the same id.",
    EXPECTATION: "An expectation is `METRIC OPERATOR VALUE`, for example `availability >= 99%` or `p99 < 800ms`.",
    NOT_YET: "The setting is part of the plan for resim, but this version does not simulate it.",
    DATA_FILE: "A data file named by the scenario is missing or has a line that cannot be read.",
    SET_PATH: "`PATH=VALUE` does not name a setting of this scenario. Try `retry.attempts=5` or `service.workers=8`.",
    VERSION: "The first key must be `resim: 1`, the version of the scenario format.",
    NO_END: "Nothing says when the traffic ends; it stops after 60 s of virtual time.",
    UNSORTED: "The arrival times of a trace were not in order; they were sorted.",
    LATE_FAULT: "A fault begins after the last arrival can have happened.",
    NO_EFFECT: "A setting that changes nothing in this scenario.",
    ODD: "Legal, but rarely what was meant.",
    FEW_VALUES: "A percentile of too few values is the highest of them: the p99 says something from 100 values on.",
    OWN_CODE: "A call of the code given with `--client` failed although no attempt of it did. It counts as `error`.",
    LOST_RUN: "A run of many has no result: its process was killed, or memory ran out. The others are the answer.",
}
