"""Tuning: planted optima, flat problems, studies, the files it writes, and the command as a whole."""

from __future__ import annotations

import itertools
from contextlib import closing
from dataclasses import replace

import pytest
import yaml
from cli.shell import resim
from hypothesis import given, settings
from hypothesis import strategies as st

import resilience_sim
from resilience_sim.experiments.crew import Alone, Processes
from resilience_sim.experiments.finalists import added_volume
from resilience_sim.experiments.propose import OwnSearch, crowding, dominates, ranked
from resilience_sim.experiments.race import Objective, Tuning
from resilience_sim.experiments.space import own_space, space_of, spread_evenly
from resilience_sim.experiments.study import Study, StudyError
from resilience_sim.experiments.tune import tune
from resilience_sim.experiments.worlds import draw_worlds, in_world
from resilience_sim.measure.result import Reading
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load, load_text
from resilience_sim.scenario.read.pieces import expectation_from
from resilience_sim.scenario.write import text_with
from resilience_sim.settings.tune import WorldsConfig

# 50 requests a second of 100 ms each: five workers are enough for all of them, and four are not.
WORKERS = """\
resim: 1
name: workers
service: {latency: 100ms, workers: 9, queue: 0}
traffic: {rate: 50/s, requests: 60, arrivals: even}
"""
# B fails half the time: 1 - 0.5^n reaches 90 % with four attempts.
ATTEMPTS = """\
resim: 1
name: attempts
service: {latency: 1ms, failure_rate: 50%}
traffic: {rate: 100/s, requests: 100}
stack:
  # the only policy
  - retry: {attempts: 1}  # tries
"""
FLAT = """\
resim: 1
name: flat
service: {latency: {exponential: 20ms}}
traffic: {rate: 50/s, requests: 40}
stack: [{retry: {attempts: 3, delay: 100ms}}]
"""


def question(text, vary, *objectives, subject_to=(), requests=60_000, **more):
    scenario = load_text(text, "x.yaml")
    wanted = tuple(expectation_from(each, scenario.plan) for each in subject_to)
    return Tuning(space_of(scenario, vary.items()), objectives, wanted, requests=requests, library="own", **more)


def workers(**more):
    return question(
        WORKERS, {"service.workers": "1..12"}, Objective("utilization", +1), subject_to=["availability == 100%"],
        requests=40_000, **more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def tuned():
    return tune(workers(), Alone())


def test_a_planted_optimum_is_found(tuned):
    """The fewest workers with which everybody is served, with the certified figures and margins."""
    (entry,) = tuned.front
    assert entry.settings == {"service.workers": "5"}
    assert tuned.verdict == "better"
    assert entry.better
    assert entry.feasible
    figure = entry.metrics["utilization"]
    assert figure.delta is not None
    assert figure.delta > 0.3
    assert entry.margins["load"][0] == pytest.approx(1.0, abs=0.05)


def test_certification_uses_seeds_that_the_search_has_not_used(tuned):
    assert len(set(tuned.certified_on)) == len(tuned.certified_on) >= 16
    assert min(tuned.certified_on) > 100_000


def test_the_same_question_has_the_same_answer(tuned):
    """In several processes, too."""
    assert tune(workers(), Processes(2)) == tuned
    assert tune(workers(seed=2), Alone()).certified_on != tuned.certified_on


def test_on_a_flat_problem_nothing_is_better():
    """And the settings as written are what is on the front."""
    for seed in (1, 1000, 2000):
        found = tune(
            question(
                FLAT, {"retry.attempts": "1..6", "retry.delay": "1ms..1s:log"}, Objective("availability", +1),
                Objective("p99_success", -1), requests=20_000, seed=seed,
            ),
            Alone(),
        )  # fmt: skip
        assert found.verdict == "cannot_tell"
        assert any(not each.settings for each in found.front)


def test_a_small_budget_that_was_enough_is_not_called_used_up():
    """The other settings were seen, and are surely worse: that is an answer, with half of the budget left for it."""
    asked = question(ATTEMPTS.replace("attempts: 1", "attempts: 4"), {"retry.attempts": "1..4"},
                     Objective("availability", +1), requests=13_000)  # fmt: skip
    found = tune(asked, Alone())
    assert [each.settings for each in found.front] == [{}]
    assert (found.verdict, found.candidates) == ("cannot_tell", 4)
    assert len(found.certified_on) >= 16


def test_what_is_surely_better_comes_first():
    """It is what is written, and offered as the next command: not the best in one thing that is worse in another."""
    asked = question(WORKERS, {"service.workers": "3..8"}, Objective("utilization", +1), Objective("availability", +1))
    found = tune(asked, Alone())
    assert found.verdict == "better"
    assert [each.better for each in found.front] == sorted((each.better for each in found.front), reverse=True)
    assert found.front[0].better
    assert found.front[0].settings == {"service.workers": "5"}
    assert found.front[-1].metrics["utilization"].mean > found.front[0].metrics["utilization"].mean


def test_what_cannot_be_met_is_not_claimed():
    found = tune(
        question(ATTEMPTS, {"retry.attempts": "1..3"}, Objective("attempts_per_request", -1),
                 subject_to=["availability >= 99.9%"], requests=20_000),
        Alone(),
    )  # fmt: skip
    assert found.verdict == "none_feasible"
    assert all(not each.feasible and each.broken for each in found.front)


def test_a_study_goes_on_where_it_was(tmp_path, tuned):
    """Interrupted anywhere, then resumed: the same answer, and what was measured is not run again."""
    path = str(tmp_path / "s.study")
    asked = workers()
    stop = _Stops(7)
    with Study(path, asked.question()) as study:
        cut = tune(asked, stop, study)
    assert cut.interrupted
    assert cut.certified_on == ()
    counting = _Stops(10**9)
    with Study(path, asked.question()) as study:
        assert study.resumed > 0
        assert tune(asked, counting, study) == tuned
    everything = _Stops(10**9)
    tune(asked, everything)
    assert counting.tasks < everything.tasks
    again = _Stops(10**9)
    with Study(path, asked.question()) as study:
        assert tune(asked, again, study).front[0].settings == tuned.front[0].settings
    assert again.tasks <= 2 * 20  # only the margins, which are no part of the study


class _Stops:
    """Does the work itself, until somebody presses Ctrl-C."""

    def __init__(self, calls):
        self.left = calls
        self.tasks = 0

    def map(self, work, tasks, on_answer=None):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        self.tasks += len(tasks)
        return Alone().map(work, tasks, on_answer)


@pytest.mark.parametrize("damage", ["question", "no study", "a folder", "another database"])
def test_a_study_of_something_else_is_refused(tmp_path, damage):
    import sqlite3

    path = tmp_path / "s.study"
    if damage == "question":
        Study(str(path), "one").close()
    elif damage == "no study":
        path.write_text("resim: 1\n")
    elif damage == "a folder":
        path.mkdir()
    else:
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE t (x)")
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(StudyError) as caught:
        Study(str(path), "another")
    assert caught.value.help
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_of_two_that_use_one_study_the_second_is_told_at_once(here):
    with Study("s.study", "a question"):
        answer = resim(*ASK, "--resume", "s.study", "--write", "tuned.yaml")
    assert answer.code == 2
    assert "error: s.study: another program is using this study" in answer.err
    assert sorted(path.name for path in here.iterdir()) == ["s.study", "workers.yaml"]
    assert resim(*ASK, "--resume", "s.study").code == 2  # now it is that of another question
    with Study("s.study", "a question") as study:
        assert study.resumed == 0


@pytest.mark.parametrize(
    "damage",
    [
        "CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM run; END",
        "ALTER TABLE run ADD COLUMN more TEXT",
        "DROP TABLE run; CREATE VIEW run AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) "
        "SELECT n AS candidate, n AS pair, n AS readings, n AS requests FROM c",
        "UPDATE run SET readings = '[]'",
        "UPDATE run SET readings = '[[NaN, null], [1, null]]'",
        f"UPDATE run SET readings = '{'[' * 50_000}'",
        "UPDATE run SET readings = x'ff'",
        "UPDATE run SET requests = -1",
        "UPDATE run SET requests = 1.5",
        "UPDATE run SET candidate = x'ff', pair = 'x'",
        "DELETE FROM question",
        "UPDATE question SET text = x'ff'",
        "PRAGMA user_version = 99",
    ],
)  # fmt: skip
def test_a_forged_study_is_refused_in_words(tmp_path, damage):
    import sqlite3

    path = tmp_path / "s.study"
    with Study(str(path), "q", 2) as study:
        study.put("{}", 0, ((Reading(1.0), Reading(None, 2.0)), 5))
        study.commit()
    with Study(str(path), "q", 2) as study:
        assert study.get("{}", 0) == ((Reading(1.0), Reading(None, 2.0)), 5)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(damage)
    if damage.startswith("ALTER"):
        Study(str(path), "q", 2).close()  # somebody's own column does no harm
        return
    with pytest.raises(StudyError) as caught:
        Study(str(path), "q", 2)
    assert caught.value.help


def test_a_question_is_the_same_in_every_process():
    """So that a study can go on in another one: no address of a function, no order of a set."""
    text = question(
        FLAT, {"retry.attempts": "1..6", "retry.delay": "1ms..1s:log", "retry.jitter": "none,full"},
        Objective("mean", -1), subject_to=["availability >= 50%"],
    ).question()  # fmt: skip
    assert " at 0x" not in text
    assert "retry.delay" in text


def test_impossible_candidates_cost_no_run():
    found = tune(
        question(FLAT, {"retry.attempts": "2,3", "retry.jitter": "none,banana"}, Objective("availability", +1),
                 requests=4_000),
        Alone(),
    )  # fmt: skip
    assert found.impossible >= 2
    assert found.candidates > found.impossible


# --- the space ----------------------------------------------------------------------------------------------------


def test_orders_of_the_stack_compete():
    """As names of policies as written, or whole stacks; the other settings apply to each."""
    text = FLAT.replace("]\n", ", {timeout: {after: 1s}}]\n")
    scenario = load_text(text, "x.yaml")
    vary = {
        "retry.attempts": "1..3",
        "stack": [["timeout", "retry"], ["retry", "timeout"], [{"retry": {"attempts": 9}}]],
    }
    space = space_of(scenario, vary.items())
    assert space.specs[0].path == "stack"
    kinds = {
        tuple(policy.kind for policy in space.plan(space.settings((at, 0.5))).stack) for at in (0.1, 0.5, 0.9)
    }  # fmt: skip
    assert kinds == {("timeout", "retry"), ("retry", "timeout"), ("retry",)}
    assert space.plan(space.settings((0.9, 0.99))).stack[0].attempts == 3


def test_without_vary_the_stack_says_what_may_change():
    specs = {spec.path: spec for spec in own_space(load("retry-storm"))}
    assert set(specs) == {"retry.attempts", "retry.delay", "retry.budget", "timeout.after"}
    assert specs["retry.attempts"].values() == ("1", "2", "3", "4", "5", "6", "7", "8", "9")
    assert specs["retry.delay"].continuous
    assert "stack" in {spec.path for spec in own_space(load("hard-outage"))}


def test_stacks_are_read_as_the_file_has_them_and_one_by_one():
    scenario = load_text(FLAT, "x.yaml")
    for text in ("[[retry],[timeout: {after: 1s}, retry]]", "[retry],[timeout: {after: 1s}, retry]"):
        (spec,) = space_of(scenario, [("stack", text)]).specs
        assert spec.choices == ("[{retry: {attempts: 3, delay: 100ms}}]",
                                "[{timeout: {after: 1s}}, {retry: {attempts: 3, delay: 100ms}}]")  # fmt: skip


def test_today_and_libraries_are_where_a_search_begins():
    space = space_of(load("retry-storm"), {"retry.attempts": "1..6", "retry.delay": "10ms..2s:log"}.items())
    assert space.settings(space.today()) == {"retry.attempts": "3", "retry.delay": "100ms"}
    assert all(path in ("retry.attempts", "retry.delay") for settings in space.defaults() for path in settings)


@given(st.integers(1, 6), st.integers(1, 200))
def test_points_fill_the_cube(dimensions, count):
    """No coordinate twice, and no gap much wider than 1 / count."""
    points = spread_evenly(count, dimensions, [0.25] * dimensions)
    for axis in range(dimensions):
        line = sorted(point[axis] for point in points)
        assert len(set(line)) == count
        gaps = [b - a for a, b in itertools.pairwise([0.0, *line, 1.0])]
        assert max(gaps) <= min(1.0, 12 / count)


def test_worlds_are_even_and_keyed():
    worlds = draw_worlds(WorldsConfig((0.8, 1.5), (0.5, 2.0), 32), 1)
    assert len(set(worlds)) == 32
    assert all(0.8 <= load <= 1.5 and 0.5 <= faults <= 2.0 for load, faults in worlds)
    assert sum(load for load, _ in worlds) / 32 == pytest.approx(1.15, abs=0.04)
    assert worlds != draw_worlds(WorldsConfig((0.8, 1.5), (0.5, 2.0), 32), 2)
    plan = load("retry-storm").plan
    harder = in_world(plan, (1.5, 2.0))
    assert harder.traffic.phases[0].rate == 90
    assert harder.faults[0].duration == 12_000_000_000
    assert in_world(plan, (1.0, 1.0)) == plan


# --- choosing -----------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.tuples(st.integers(0, 4), st.integers(0, 4)), st.sampled_from([0.0, 0.5])), min_size=1))
def test_ranking_puts_nobody_before_who_dominates_them(values):
    order = ranked(values)
    assert sorted(order) == list(range(len(values)))
    for before, after in itertools.combinations(order, 2):
        assert values[before][1] <= values[after][1]
        if values[before][1] == values[after][1]:
            assert not dominates(values[after][0], values[before][0])


def test_the_ends_of_a_front_have_all_the_room():
    assert crowding([(0.0, 3.0), (1.0, 1.0), (3.0, 0.0)]) == [float("inf"), pytest.approx(2.0), float("inf")]


@settings(max_examples=40)
@given(axes=st.integers(1, 3), data=st.data())
def test_what_a_point_adds_to_others_is_counted_cell_by_cell(axes, data):
    points = data.draw(st.lists(st.tuples(*[st.integers(0, 6)] * axes), min_size=1, max_size=5))
    point, *others = points

    def dominated(cell, by):
        return all(x <= y for x, y in zip(by, cell, strict=True))

    cells = itertools.product(range(5), repeat=axes)
    expected = sum(dominated(cell, point) and not any(dominated(cell, other) for other in others) for cell in cells)
    assert added_volume(point, others, (5,) * axes) == expected


def test_our_own_search_climbs():
    """On a sphere of two coordinates and one list it is near the top after thirty generations."""
    search = OwnSearch((0, 0, 7), 3)
    best = 9.0
    for _ in range(30):
        told = []
        for cube in search.propose(16):
            low = (cube[0] - 0.7) ** 2 + (cube[1] - 0.2) ** 2 + abs(int(cube[2] * 7) - 5)
            best = min(best, low)
            told.append((cube, (low,), 0.0))
        search.learn(told)
    assert best < 1e-3


# --- writing ------------------------------------------------------------------------------------------------------

EDITS = [
    {"retry.attempts": "4"}, {"retry.budget": "10%"}, {"retry.budget": "10%", "retry.attempts": "2"},
    {"service.queue": "5"}, {"service.latency": "{exponential: 5ms}"}, {"traffic.deadline": "1s"},
    {"client.threads": "8"}, {"stack": "[{timeout: {after: 1s}}]"}, {"service.failure_rate": "null"},
]  # fmt: skip


@pytest.mark.parametrize("settings", EDITS, ids=str)
@pytest.mark.parametrize("form", ["flow", "block", "bare"])
def test_settings_are_put_into_the_text(settings, form):
    """It says the same as ``--set``, and the comments stay where they were."""
    text = "# at the top\n" + ATTEMPTS + "# at the end\n"
    if form == "block":
        text = text.replace("  - retry: {attempts: 1}  # tries\n", "  - retry:\n      # tries\n      attempts: 1\n")
        text = text.replace(
            "service: {latency: 1ms, failure_rate: 50%}", "service:\n  latency: 1ms\n  failure_rate: 50%"
        )
    elif form == "bare":
        text = text.replace("{attempts: 1}", "").replace("retry: ", "retry")
    scenario = load_text(text, "x.yaml")
    written = text_with(scenario, settings)
    expected = scenario.with_settings([f"{path}={value}" for path, value in settings.items()])
    assert load_text(written, "x.yaml").plan == expected.plan
    kept = ["# at the top", "# at the end"] + ([] if "stack" in settings else ["# tries"])
    assert all(comment in written for comment in kept)


@pytest.mark.parametrize(
    ("stack", "kept"),
    [
        ("[{circuit_breaker: {}}, {retry: {attempts: 3}}, {timeout: {after: 1s}}]", "ABCDE"),
        ("[{timeout: {after: 1s}}, {retry: {attempts: 3}}]", "ACD"),
        ("[{timeout: {after: 2s}}, {retry: {attempts: 3}}]", "A"),
        ("[]", "A"),
    ],
)
def test_policies_take_their_comments_along(stack, kept):
    """Another order of what is written moves lines; what is not written there has none."""
    text = (
        FLAT[: FLAT.index("stack")]
        + """\
stack:  # A
  # D: above
  - retry:

      attempts: 3  # C: beside
  # B: above
  - circuit_breaker  # E: beside
  - timeout: {after: 1s}"""
    )
    scenario = load_text(text, "x.yaml")
    written = text_with(scenario, {"stack": stack})
    assert load_text(written, "x.yaml").plan == scenario.with_settings([f"stack={stack}"]).plan
    assert sorted(line.partition("#")[2].strip()[0] for line in written.splitlines() if "#" in line) == list(kept)
    if kept == "ABCDE":
        assert written.splitlines()[-6:] == [
            "  - circuit_breaker  # E: beside", "  # D: above", "  - retry:", "", "      attempts: 3  # C: beside",
            "  - timeout: {after: 1s}",
        ]  # fmt: skip


def test_every_shipped_scenario_can_be_written():
    from resilience_sim.scenario.text.shipped import names

    for name in names():
        scenario = load(name)
        changes = {"service.failure_rate": "7%"}
        changes |= {f"{each.id}.attempts": "2" for each in scenario.plan.stack if each.kind == "retry"}
        try:
            wanted = scenario.with_settings([f"{path}={value}" for path, value in changes.items()])
        except ScenarioError:
            continue
        written = text_with(scenario, changes)
        files = dict(scenario.files)
        again = load_text(written, scenario.path, files=files)
        assert replace(again.plan, name="") == replace(wanted.plan, name="")
        comments = [line for line in scenario.text.splitlines() if line.startswith("#")]
        assert [line for line in written.splitlines() if line.startswith("#")] == comments


# --- the command --------------------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    block = """\
tune:
  vary: {service.workers: 1..12}
  maximize: [utilization]
  subject_to: [availability == 100%]
"""
    (tmp_path / "workers.yaml").write_text("# keep me\n" + WORKERS + block)
    return tmp_path


ASK = ("tune", "workers.yaml", "--budget", "30k requests")


def test_the_command(here):
    """By the scenario's own block; what it writes runs and is what it says."""
    answer = resim(*ASK, "--write", "tuned.yaml", "--resume", "s.study", "--json")
    assert answer.code == 0
    document = answer.document
    assert document["verdict"] == "better"
    assert [each["set"] for each in document["front"]] == [{"service.workers": "5"}]
    assert document["front"][0]["margins"]["load"]["p50"] == pytest.approx(1.0, abs=0.05)
    assert document["certified_on"] == document["seeds"]
    written = (here / "tuned.yaml").read_text()
    assert written.startswith("# keep me\n")
    assert yaml.safe_load(written)["service"]["workers"] == 5
    again = resim(*ASK, "--resume", "s.study")
    assert again.code == 0
    assert "are known already" in again.err
    assert "service.workers=5" in again.out
    assert "Surely better settings were found." in again.out
    assert "utilization" in again.out


def test_cannot_tell_is_an_answer(here):
    answer = resim("tune", "workers.yaml", "--vary", "service.queue=0..2", "--maximize", "availability",
                   "--budget", "10k requests")  # fmt: skip
    assert answer.code == 4
    assert "Nothing is surely better than the settings as written." in answer.out
    assert "Surely better" not in answer.out


def test_settings_that_are_not_the_first_are_not_called_so(here):
    """Where those as written are, the next ones are compared with them."""
    (here / "most.yaml").write_text(ATTEMPTS.replace("attempts: 1", "attempts: 3"))
    ask = ("tune", "most.yaml", "--maximize", "availability", "--budget", "20k requests", "--vary")
    answer = resim(*ask, "retry.attempts=1..3", "--minimize", "attempts_per_request")
    assert "  1  as-written" in answer.out
    assert "--try retry.attempts=2  number 2 of these against today's, watched" in answer.out
    better = resim(*ask, "retry.attempts=3,5")
    assert "--try retry.attempts=5  the first of these against today's, watched" in better.out


def test_what_no_settings_can_meet_is_said_to_hold_nowhere(here):
    """B takes 100 ms: no load is small enough for 1 ms. Nothing of it is written, and that is said."""
    answer = resim(*ASK[:2], "--budget", "60k requests", "--subject-to", "p50 < 1ms", "--write", "tuned.yaml",
                   "--vary", "service.workers=8..9")  # fmt: skip
    assert answer.code == 1
    assert "holds  traffic not even at 0.062x" in answer.out
    assert "to 0.062x" not in answer.out
    assert "tuned.yaml is not written" in answer.err
    assert not (here / "tuned.yaml").exists()


def test_what_meets_the_constraints_is_not_called_better_than_what_does_not(here):
    """Three workers are busier than five, and serve three fifths of the requests: the objective got worse."""
    ask = (*ASK, "--set", "service.workers=3", "--out", "html=front.html")
    answer = resim(*ask)
    assert answer.code == 0
    assert "Settings were found that surely meet every constraint, which those as written do not." in answer.out
    assert "service.workers=5  surely meets every constraint" in answer.out
    assert "urely better" not in answer.out
    assert "surely meets every constraint" in (here / "front.html").read_text()
    entry = resim(*ask, "--force", "--json").document["front"][0]
    assert (entry["better"], entry["only_feasible"]) == (True, True)
    assert entry["utilization"]["delta_ci95"][1] < 0
    assert "only_feasible" not in resim(*ASK, "--json").document["front"][0]


def test_a_constraint_is_named_with_its_scope(here):
    """Two of the same text are told apart."""
    fault = "faults: [{outage: {id: out, at: 300ms, for: 300ms}}]\n"
    (here / "out.yaml").write_text(WORKERS + fault + "expect: [{that: availability >= 99%, after: out}, "
                                   "{that: availability >= 99%, during: out}]\n")  # fmt: skip
    ask = ("tune", "out.yaml", "--vary", "service.workers=8..9", "--budget", "10k requests")
    assert "not surely met: availability >= 99% during out\n" in resim(*ask).out
    assert resim(*ask, "--json").document["front"][0]["not_met"] == ["availability >= 99% during out"]
    held = resim("margins", "out.yaml", "--axis", "failing", "--runs", "2", "--until", "availability >= 99% after out")
    assert "`availability >= 99% after out` fails" in held.out


def test_what_had_no_data_is_named(here):
    """There is no breaker that could open: it is no setting's fault."""
    answer = resim(*ASK[:2], "--budget", "10k requests", "--subject-to", "opened < 3")
    assert answer.code == 1
    assert "`opened < 3` had no data in any run, with any of these settings." in answer.out
    assert "had no data" not in resim(*ASK).out


def test_none_in_the_block_is_the_default(here):
    """As it is on the command line, so that it is today's settings and no candidate that cannot be."""
    scenario = load_text(FLAT + "tune: {vary: {retry.budget: [none, 10%], retry.jitter: [none, full]}}\n", "x.yaml")
    space = space_of(scenario, scenario.tune.vary)
    assert [spec.choices for spec in space.specs] == [("null", "10%"), ("none", "full")]
    assert space.written() == {"retry.budget": "null", "retry.jitter": "none"}


def test_a_stack_without_settings_has_nothing_to_vary(here):
    """The place that is named is where it can be said, and the example works."""
    (here / "bare.yaml").write_text(WORKERS + "stack: []\n")
    answer = resim("tune", "bare.yaml")
    assert answer.code == 2
    assert answer.err.startswith("error: --vary: the stack has no settings to vary")
    assert resim("tune", "bare.yaml", "--vary", "service.workers=8..9", "--budget", "7k requests").code != 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--budget", "soon"], "is no budget"),
        (["--vary", "service.workers"], "no PATH=SPEC"),
        (["--vary", "service.wokers=1..3"], "workers"),
        (["--vary", "service.latency=1..3"], "--vary"),
        (["--vary", "stack=[retri]"], "no policy `retri`"),
        (["--vary", "stack=[],[{timeout: {}}]"], "`timeout` needs `after`"),
        (["--vary", "service.workers=2,three,4"], "not `three`"),
        (["--vary", "service.workers=3..0"], "out of range"),
        (["--vary", "seed=1,2"], "makes no difference"),
        (["--maximize", "availabilty"], "did you mean `availability`"),
        (["--maximize", "mean", "--minimize", "mean"], "high and low"),
        (["--subject-to", "mean"], "--subject-to"),
        (["--write", "workers.yaml"], "this command itself uses that file"),
        (["--write", "no/such/x.yaml"], "does not exist"),
        (["--resume", "workers.yaml"], "this command itself uses that file"),
        (["--out", "csv=x.csv"], "unknown format"),
    ],
)
def test_mistakes(here, arguments, words):
    before = (here / "workers.yaml").read_text()
    answer = resim(*ASK, *arguments)
    assert answer.code == 2
    assert words in answer.err
    assert (here / "workers.yaml").read_text() == before


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("tune: {vary: {a: []}}", "nothing to choose from"),
        ("tune: {minimise: [mean]}", "minimize"),
        ("tune: {minimize: [meen]}", "no metric"),
        ("tune: {worlds: {load: 0.8x..99x}}", "within 16x"),
        ("tune: {subject_to: [{that: mean < 1s, after: noon}]}", "no fault `noon`"),
    ],
)
def test_mistakes_in_the_block(here, block, words):
    (here / "x.yaml").write_text(WORKERS + block + "\n")
    answer = resim("validate", "x.yaml")
    assert answer.code == 2
    assert words in answer.err + answer.out


def test_run_ignores_the_block(here):
    """Same digest, with or without."""
    with_block = resim("run", "workers.yaml", "--json").document
    (here / "plain.yaml").write_text(WORKERS)
    without = resim("run", "plain.yaml", "--json").document
    digests = [each["variants"][0]["runs"][0]["digest"] for each in (with_block, without)]
    assert digests[0] == digests[1]
    assert with_block["scenario"]["digest"] == without["scenario"]["digest"]


def test_from_python(tmp_path):
    """The same answers as objects and rows."""
    scenario = resilience_sim.loads(WORKERS)
    asked = {"vary": {"service.workers": "1..12"}, "maximize": ["utilization"], "subject_to": ["availability == 100%"]}
    found = scenario.tune(**asked, requests=12_000, study=tmp_path / "s.study")
    assert found.verdict == "better"
    assert [each.settings for each in found] == [{"service.workers": "5"}]
    assert found.frame()[0]["service.workers"] == "5"
    assert "service.workers=5" in repr(found)
    swept = scenario.sweep({"service.workers": "1..3"}, "availability", seeds=2)
    assert [row["service.workers"] for row in swept.frame()] == ["1", "2", "3"]
    assert swept[2].metrics["availability"].mean > swept[0].metrics["availability"].mean
    assert "service.workers" in repr(swept)
    assert "<table>" in swept._repr_html_()
    for wrong in (lambda: scenario.sweep({"service.workers": "x..y"}), lambda: scenario.tune(minimize=["meen"])):
        with pytest.raises(ValueError, match=r"is no quantity|meen"):
            wrong()
    with pytest.raises(ScenarioError):
        scenario.tune({"service.workers": "0..3"}, requests=1000)
