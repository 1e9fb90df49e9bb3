"""Every stack of a Python file: decorated functions with what they call, and clients with their own retries."""

from __future__ import annotations

import ast
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from resilience_sim.interop.findings import NOT_MODELLED, Log, safe_name
from resilience_sim.interop.layers import Converted, Layer
from resilience_sim.interop.source import clients, hyx
from resilience_sim.interop.source.breakers import PARAMETERS as BREAKERS
from resilience_sim.interop.source.breakers import breaker
from resilience_sim.interop.source.known import CLIENTS, FUNCTIONS, ONCE, PARTS, POLICIES, REMEDIES, RETRIES, SESSIONS
from resilience_sim.interop.source.module import Module, Scope
from resilience_sim.interop.source.objects import STAMINA_CALLERS, Made, Objects, with_keywords
from resilience_sim.interop.source.reader import Reader
from resilience_sim.interop.source.repeated import Copy, spread
from resilience_sim.interop.traps import Trap

Node: TypeAlias = ast.expr | ast.stmt
NAME = "python"
_DEADLINES = ("asyncio.timeout", "async_timeout.timeout", "anyio.fail_after", "anyio.move_on_after")
_LOOKS = ("raise_for_status", "status_code", "status", "ok", "is_success", "is_error")
_LOOKING = re.compile(rf"\b(?:raise|{'|'.join(_LOOKS)})\b")
_RETRYING = ("tenacity.Retrying", "tenacity.AsyncRetrying")
_THROUGH = ("call", "call_async")  # breaker.call(requests.get, url)
_AROUND = ("wraps", "decorate")  # @retrying.wraps, @breaker.decorate
_RAISING = ("raise_for_status", "event_hooks", "hooks")
_WIRE = ("timeout", "refused", "reset")
_DEEPEST = 4


@dataclass(slots=True)
class Stack:
    """A stack with everything there is to say about it."""

    name: str
    line: int
    converted: Converted
    log: Log


class _Through(NamedTuple):
    """A call that is made through an object: what made the object, and the call itself."""

    made: Made
    call: ast.Call


@dataclass(slots=True)
class _Inside:
    """What a call inside a function goes through; ``seen``: it is one of a known client, so nothing else is there.
    ``around``: those layers that see how it ends.
    """

    layers: list[Layer] = field(default_factory=list)
    around: list[Layer] = field(default_factory=list)
    seen: bool = False
    method: str = "GET"
    library: str = ""
    reader: Reader | None = None

    @property
    def weight(self) -> int:
        """How many of its layers are more than a timeout."""
        return sum(layer.kind != "timeout" for layer in self.layers)


class Stacks:
    """All stacks of one module, in the order of the file."""

    def __init__(self, module: Module, traps: dict[str, Trap]) -> None:
        self.module, self.traps = module, traps
        self.objects = Objects(module, {*CLIENTS, *SESSIONS, *POLICIES})
        self.used: set[int] = set()
        self.found: list[Stack] = []
        self.mounts: dict[int, Made] = {}
        self.ten_minutes = False
        symbols = {module.symbol(call.func, module.home[id(call)]) for call in module.calls}
        self.callers = not symbols.isdisjoint((*_RETRYING, *STAMINA_CALLERS, *BREAKERS))
        self.wrapped = {id(call.func): call for call in module.calls if isinstance(call.func, ast.Call) and call.args}
        for made, calls in self.objects.uses.items():
            for call, scope in calls:
                if isinstance(call.func, ast.Attribute) and call.func.attr == "mount" and len(call.args) == 2:
                    self._mount(made, call, scope)
        for function in module.functions:
            self._function(function)
        for call in module.calls:
            if self.objects.is_another(call) or self.objects.is_of_a_class(call):
                self.objects.made(call, module.home[id(call)])
        derived = list(self.objects.derived.values())
        self.used |= self.objects.absorbed
        calls = [(call, module.home[id(call)]) for call in module.calls]
        for call, scope in (*calls, *derived):
            self._client(call, scope)
        for call, scope in (*calls, *derived):
            if id(call) not in self.used:
                self._part(call, scope)
                self._retried_otherwise(call, scope)
        self.found.sort(key=lambda each: each.line)
        self.samples: dict[str, Stack] = {}
        self.listed = self._listed()
        _tell_apart(self.listed)

    def _listed(self) -> list[Stack | Copy]:
        """All stacks of the file, those of the samples replaced by their copies."""
        without = self.module.without
        if without is None:
            return [*self.found]
        listed: list[Stack | Copy] = [each for each in self.found if each.line <= without.lines]
        lines = [each.line for each in self.found]
        for sample in without.samples:
            own = self.found[bisect_left(lines, sample.line) : bisect_right(lines, sample.end)]
            keys = [f"\0{len(self.samples) + at}" for at in range(len(own))]
            self.samples.update(zip(keys, own, strict=True))
            named = [
                (key, sample.text(each.name), each.line - sample.line) for key, each in zip(keys, own, strict=True)
            ]
            for place in sample.copies:
                listed += [Copy(name(place), place.line + line, key, sample, place) for key, name, line in named]
        listed.sort(key=lambda each: each.line)
        return listed

    def counts_copies(self) -> bool:
        """Whether it matters elsewhere how many copies there are: to what is said of an object that they spread
        arguments into.
        """
        without = self.module.without
        if without is None:
            return False
        inside = {id(call) for call in self.module.calls if call.lineno > without.lines}
        return any(
            made not in inside and spread(call for call, _ in calls if call.lineno > without.lines)
            for made, calls in self.objects.uses.items()
        )

    def _mount(self, made: int, call: ast.Call, scope: Scope) -> None:
        node, home, _ = self.module.follow(call.args[1], scope)
        if isinstance(node, ast.Call) and self.module.symbol(node.func, home) == "requests.HTTPAdapter":
            self.mounts.setdefault(made, (node, home))
            self.used.add(id(node))

    def _reader(self, name: str) -> Reader:
        return Reader(self.module, Log(traps=self.traps), name, used=self.used)

    def _add(self, reader: Reader, where: Node, layers: list[Layer], method: str = "GET") -> None:
        taken: set[str] = set()
        for layer in layers:
            known, number = layer.id, 2
            while layer.id in taken:
                layer.id, number = f"{known}-{number}", number + 1
            taken.add(layer.id)
        name, line = safe_name(reader.instance), where.lineno
        for index, inner in enumerate(layers):
            once = ONCE.get(inner.id.partition("-")[0], "") if inner.kind == "retry" else ""
            for outer in layers[:index] if once else ():
                outer.remedies = outer.remedies | {"RL005": f"retry in one place: {once} inside, or none here"}
        converted = Converted(NAME, f"Python, {name} (line {line})", name, layers, method=method)
        converted.unsure, converted.instead = list(dict.fromkeys(reader.unsure)), list(dict.fromkeys(reader.instead))
        converted.at = reader.at(where, name, name)
        reader.log.assumed += converted.unsure
        self.found.append(Stack(name, line, converted, reader.log))

    # --- functions ---------------------------------------------------------------------------------------------

    def _function(self, function: Scope) -> None:
        reader = self._reader(function.path)
        outer = self._decorators(reader, function)
        if not outer and not reader.log.found and not self._protects_itself(function):
            return
        inside = self._inside(reader, function, (function,))
        layers = [*outer, *inside.layers]
        if not outer and not inside.weight and not inside.seen and not reader.log.found:
            return
        node = function.node
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if not inside.seen and not any(layer.kind == "timeout" for layer in layers):
            layers.append(clients.assumed(reader, node.lineno))
        if inside.library in ("requests", "httpx", "aiohttp"):
            self._unseen_statuses(reader, function, [*outer, *inside.around], inside.library)
        self._add(reader, node, layers, inside.method)

    def _decorators(self, reader: Reader, function: Scope) -> list[Layer]:
        """The layers of the decorators, outermost first."""
        home = function.parent or function
        listed = function.node.decorator_list  # type: ignore[attr-defined]
        return [layer for each in listed if (layer := self._decorator(reader, each, home)) is not None]

    def _decorator(self, reader: Reader, node: ast.expr, scope: Scope) -> Layer | None:
        symbol = self.module.symbol(node, scope)
        if symbol in POLICIES:  # bare, without a call
            return self._layer(reader, ast.copy_location(ast.Call(node, [], []), node), scope, symbol)
        if isinstance(node, ast.Attribute) and node.attr in _AROUND:
            node = node.value
        made = self._policy(node, scope)
        return self._layer_of(reader, made) if made is not None else None

    def _layer_of(self, reader: Reader, made: Made) -> Layer | None:
        self.used.add(id(made[0]))
        return self._layer(reader, *made, self.module.symbol(made[0].func, made[1]))

    def _policy(self, node: ast.expr, scope: Scope) -> Made | None:
        """The call that made a decorator, a retrying object or a breaker."""
        if isinstance(node, ast.Call):
            whole = self._of_partials(node, scope)
            if whole is not None:
                return whole if self.module.symbol(whole[0].func, whole[1]) in RETRIES else None
        made = self.objects.made(node, scope)
        if made is None and isinstance(node, ast.Call):  # `@breaker(__pybreaker_call_async=True)`
            made = self.objects.made(node.func, scope)
        return made if made and self._is_policy(made) else None

    def _of_partials(self, node: ast.Call, scope: Scope) -> Made | None:
        """A call of what `functools.partial` made, as a call of what that was made of."""
        whole: Made | None = None
        for _ in range(_DEEPEST):
            partial, home, _ = self.module.follow(node.func, scope)
            if not (isinstance(partial, ast.Call) and self.module.symbol(partial.func, home) == "functools.partial"):
                break
            if not partial.args:
                break
            self.used.add(id(partial))
            kept = with_keywords(partial, node).keywords
            node = ast.copy_location(ast.Call(partial.args[0], [*partial.args[1:], *node.args], kept), node)
            scope = home
            whole = node, scope
        return whole

    def _is_policy(self, made: Made) -> bool:
        return self.module.symbol(made[0].func, made[1]) in POLICIES

    def _layer(self, reader: Reader, call: ast.Call, scope: Scope, symbol: str) -> Layer | None:
        """The policy; None for a retry that no failure of a call makes try again."""
        if symbol in BREAKERS:
            return breaker(reader.args(call, scope, BREAKERS[symbol]), symbol)
        if symbol in hyx.POLICIES:
            plain, parameters = hyx.POLICIES[symbol]
            made = plain(reader.args(call, scope, parameters), symbol)
            if made is not None and made.kind == "retry" and made.settings["attempts"].value == "10000":
                self._endless_retry(reader, call, symbol, True)
            return made
        read, names = RETRIES[symbol]
        policy = read(reader.args(call, scope, names), symbol)
        if policy.idle:
            at = reader.head(call, "retry", symbol)
            reader.log.add(NOT_MODELLED, "info", f"`{symbol}` is not modelled: {policy.idle}", at)
            return None
        if policy.endless:
            self._endless_retry(reader, call, symbol, policy.waits)
        if policy.judges:
            reader.judging.append(policy.layer)
        policy.layer.remedies = dict(REMEDIES[symbol.partition(".")[0]])
        return policy.layer

    @staticmethod
    def _endless_retry(reader: Reader, call: ast.Call, symbol: str, waits: bool) -> None:
        at = reader.head(call, "retry", symbol)
        if waits:
            reader.log.trap(
                "RL202",
                f"`{symbol}` never gives up: as long as B fails no caller gets an answer, and callers pile up",
                at,
                "limit the attempts or the time",
            )
            return
        reader.log.trap(
            "RL201",
            f"`{symbol}` has no end and no wait here: it tries for ever and at once, a tight loop of calls from every "
            "caller as long as B fails",
            at,
            "give it an end (`stop_after_attempt(3)`) and a random wait (`wait_exponential_jitter()`)"
            if symbol.startswith("tenacity")
            else "limit the attempts, and wait longer each time",
        )
        reader.instead += ["RL014", "RL016"]

    def _retried_otherwise(self, call: ast.Call, scope: Scope) -> None:
        """``fetch.retry_with(stop=…)``: the function with other arguments for its `@tenacity.retry`."""
        if not isinstance(call.func, ast.Attribute) or call.func.attr != "retry_with":
            return
        found = self.module.bindings(call.func.value, scope)
        function = found[0].node if len(found) == 1 else None
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            return
        inner = self.module.scopes[id(function)]
        for each in function.decorator_list:
            made = self._policy(each, inner.parent or inner)
            if made is None or self.module.symbol(made[0].func, made[1]) != "tenacity.retry":
                continue
            reader = self._reader(self.module.names.get(id(call)) or f"{inner.path}.retry_with")
            layer = self._layer(reader, with_keywords(made[0], call), made[1], "tenacity.retry")
            inside = self._inside(reader, inner, (inner,))
            layers = [*([layer] if layer else []), *inside.layers]
            if not inside.seen and not any(layer.kind == "timeout" for layer in layers):
                layers.append(clients.assumed(reader, call.lineno))
            self._add(reader, call, layers, inside.method)
            return

    # --- what a function calls ----------------------------------------------------------------------------------

    def _protects_itself(self, function: Scope) -> bool:
        """Whether there are retries or a breaker in the body."""
        entered = [item.context_expr for each in function.withs for item in each.items]
        if self.callers and any(self._caller(each, function) for each in function.calls):
            return True
        return any(self._policy_in(each, function) for each in [*(loop.iter for loop in function.loops), *entered])

    def _caller(self, call: ast.Call, scope: Scope) -> _Through | None:
        """The object that a call is made through: ``self.retrying(requests.get, url)``, ``breaker.call(get, url)``."""
        if not self.callers or not call.args or any(isinstance(each, ast.Starred) for each in call.args[:2]):
            return None
        target = call.func
        named = isinstance(target, ast.Attribute) and target.attr in _THROUGH
        made = self.objects.made(target.value if named and isinstance(target, ast.Attribute) else target, scope)
        symbol = self.module.symbol(made[0].func, made[1]) if made else ""
        skipped = 0
        if made and symbol in STAMINA_CALLERS and not any(each.arg == "on" for each in made[0].keywords):
            made, skipped = self.objects.bound_to(made, call.args[0], call), 1
        known = symbol in BREAKERS if named else symbol in (*_RETRYING, *STAMINA_CALLERS)
        if made is None or not known or len(call.args) <= skipped:
            return None
        return _Through(
            made, ast.copy_location(ast.Call(call.args[skipped], call.args[skipped + 1 :], call.keywords), call)
        )

    def _policy_in(self, node: ast.expr, scope: Scope) -> Made | None:
        """``Retrying(...)``, a name of one, ``breaker.calling()``, ``breaker``."""
        made = self.objects.behind(node, scope) if isinstance(node, ast.Call) else None
        made = made or self.objects.made(node, scope)
        return made if made and self._is_policy(made) else None

    def _inside(self, reader: Reader, function: Scope, visited: tuple[Scope, ...]) -> _Inside:
        """The layers around the most protected call in a body."""
        best: _Inside | None = None
        where: ast.Call | None = None
        for call in function.calls:
            found = self._callee(call, function, visited)
            if found is not None and (best is None or found.weight > best.weight):
                best, where = found, call
        around = self._around(reader, function, where)
        if best is None:
            return _Inside(around, around)
        if best.reader is not None:
            reader.take(best.reader)
        return _Inside([*around, *best.layers], [*around, *best.around], best.seen, best.method, best.library)

    def _around(self, reader: Reader, function: Scope, call: ast.Call | None) -> list[Layer]:
        """Loops of retries, breakers and deadlines in the body that hold the call (or any, without one)."""
        found: list[tuple[int, int, Layer]] = []
        for loop in function.loops:
            made = self._policy_in(loop.iter, function) if _holds(loop, call) else None
            layer = self._layer_of(reader, made) if made is not None else None
            if layer is not None:
                found.append((loop.lineno, loop.col_offset, layer))
        for block in function.withs:
            for item in block.items if _holds(block, call) else ():
                layer_or_none = self._entered(reader, item.context_expr, function)
                if layer_or_none is not None:
                    found.append((block.lineno, item.context_expr.col_offset, layer_or_none))
        for each in function.calls:
            if call is None or each is call or not _holds(each, call):
                continue
            if self.module.symbol(each.func, function) == "asyncio.wait_for":
                args = reader.args(each, function, ("fut", "timeout"))
                limit = clients.deadline(args, "timeout", "wait_for")
                found += [(each.lineno, each.col_offset, layer) for layer in limit]
        return [layer for _, _, layer in sorted(found, key=lambda one: one[:2])]

    def _entered(self, reader: Reader, node: ast.expr, scope: Scope) -> Layer | None:
        if isinstance(node, ast.Call) and self.module.symbol(node.func, scope) in _DEADLINES:
            args = reader.args(node, scope, ("timeout",))
            name = "timeout" if "timeout" in args else "delay"
            limit = clients.deadline(args, name, self.module.symbol(node.func, scope))
            return limit[0] if limit else None
        made = self._policy_in(node, scope)
        if made is None or self.module.symbol(made[0].func, made[1]) in RETRIES:
            return None
        return self._layer_of(reader, made)

    def _callee(self, call: ast.Call, function: Scope, visited: tuple[Scope, ...]) -> _Inside | None:
        """What one call goes through, if it is of a known client or of a function of this module."""
        reader = self._reader(visited[0].path)
        symbol = self.module.symbol(call.func, function)
        verb = symbol.rpartition(".")[2]
        if symbol in FUNCTIONS:
            library = FUNCTIONS[symbol]
            limit = clients.timeout(
                reader.args(call, function, ()), "timeout", 5.0 if library == "httpx" else None, library
            )
            if not limit and library == "requests":
                self._endless(reader, call, f"requests.{verb}")
            return _Inside(limit, [], True, _method(verb, call), library, reader)
        through = self._caller(call, function)
        if through is not None:
            outer = [layer for layer in [self._layer_of(reader, through.made)] if layer is not None]
            below = self._callee(through.call, function, visited)
            if below is None:
                return _Inside([*outer, clients.assumed(reader, call.lineno)], outer, seen=True, reader=reader)
            if below.reader is not None:
                reader.take(below.reader)
            around = [*outer, *below.around]
            return _Inside([*outer, *below.layers], around, True, below.method, below.library, reader)
        if isinstance(call.func, ast.Attribute):
            made = self.objects.behind(call.func, function)
            of = self.module.symbol(made[0].func, made[1]).partition(".")[0] if made is not None else ""
            http = of in ("requests", "httpx", "aiohttp", "aiohttp_retry")
            if http and call.func.attr not in clients.CALLS:
                return None  # `session.close()`, and what is done with an answer
            if made is not None and made[0] is not call and not self._is_policy(made):
                layers = self._client_layers(reader, made, [(call, function)])
                if of == "requests" and not any(layer.kind == "timeout" for layer in layers):
                    self._endless(reader, call, f"{call.func.attr} of a session")
                raising = any(each.arg in _RAISING for each in (*made[0].keywords, *call.keywords))
                method = _method(call.func.attr, call) if http else "GET"
                return _Inside(layers, [], True, method, "" if raising else of, reader)
        found = self.module.bindings(call.func, function)
        if len(found) != 1 or found[0].kind != "def" or found[0].node is None:
            return None
        inner = self.module.scopes[id(found[0].node)]
        if inner in visited or len(visited) >= _DEEPEST:
            return None
        outer = self._decorators(reader, inner)
        inside = self._inside(reader, inner, (*visited, inner))
        if not outer and not inside.layers and not inside.seen:
            return None
        layers = [*outer, *inside.layers]
        if not inside.seen and not any(layer.kind == "timeout" for layer in layers):
            layers.append(clients.assumed(reader, call.lineno))
        return _Inside(layers, [], True, inside.method, "", reader)  # what it does with an answer is its own matter

    @staticmethod
    def _endless(reader: Reader, call: ast.Call, what: str) -> None:
        reader.log.trap(
            "RL203",
            f"`{what}` without `timeout=`: requests has no default, and a server that does not answer holds the caller "
            "for ever",
            reader.head(call, "timeout", what.partition(" ")[0]),
            "write `timeout=(3, 10)`: seconds to connect, and between bytes",
        )
        reader.instead.append("RL004")

    def _client_layers(self, reader: Reader, made: Made, uses: clients.Uses) -> list[Layer]:
        symbol = self.module.symbol(made[0].func, made[1])
        if symbol in SESSIONS:
            mounted = self.mounts.get(id(made[0]))
            retry: list[Layer] = []
            if mounted is not None:
                names = PARTS["requests.HTTPAdapter"][1]
                retry = clients.adapter_retry(reader.args(*mounted, names))
            return [*retry, *clients.session_timeout(reader.args(*made, ()), uses)]
        read, names, _ = CLIENTS[symbol]
        return read(reader.args(*made, names), uses)

    def _unseen_statuses(self, reader: Reader, function: Scope, outer: list[Layer], library: str) -> None:
        """An answer of 503 is no exception for HTTP clients: a retry of exceptions never sees it."""
        for node in ast.walk(function.node) if self.module.may_say(_LOOKING, function.node) else ():
            if isinstance(node, ast.Raise) or (isinstance(node, ast.Attribute) and node.attr in _LOOKS):
                return
        for layer in outer:
            tried = layer.settings.get("on")
            words = _WIRE if tried is None else [each for each in _WIRE if each in tried.value]
            seen = any(each is layer for each in reader.judging)
            if layer.kind != "retry" or seen or (tried is not None and "unavailable" not in tried.value):
                continue
            layer.put("on", list(words), None, "")
            layer.remarks.append("an answer with an error status raises nothing here and is not retried")
            if layer.at is not None:
                reader.log.trap(
                    "RL204",
                    f"an answer of 503 is not retried: {library} raises nothing for a status, and this function does "
                    "not look at it",
                    layer.at,
                    "call `raise_for_status()` on the answer",
                )

    # --- clients and their parts --------------------------------------------------------------------------------

    def _client(self, call: ast.Call, scope: Scope) -> None:
        symbol = self.module.symbol(call.func, scope)
        if symbol in SESSIONS:
            if id(call) not in self.mounts:
                return
        elif symbol in CLIENTS:
            said = CLIENTS[symbol][2]
            if said is not None and not any(each.arg in said for each in call.keywords):
                return
        else:
            return
        reader = self._reader(self._name_of(call, scope, symbol))
        layers = self._client_layers(reader, (call, scope), self._calls_on(call))
        if any(each.code == "RL208" for each in reader.log.found):  # once a file: SDKs are made in many places
            reader.log.found = [each for each in reader.log.found if each.code != "RL208" or not self.ten_minutes]
            self.ten_minutes = True
        self._add(reader, call, layers)

    def _calls_on(self, call: ast.Call) -> list[Made]:
        """The requests made with an object, as far as they are seen."""
        wanted = (*clients.CALLS, "with_options")
        listed = self.objects.uses.get(id(call), [])
        return [
            each
            for each in listed
            if isinstance(each[0].func, ast.Attribute)
            and each[0].func.attr in wanted
            and not self.objects.is_another(each[0])
        ]

    def _part(self, call: ast.Call, scope: Scope) -> None:
        """A retry, a breaker or an adapter that belongs to something which is not seen here."""
        symbol = self.module.symbol(call.func, scope)
        reader = self._reader(self._name_of(call, scope, symbol))
        if symbol in POLICIES and symbol not in ("hyx.timeout", "hyx.bulkhead"):
            layer = self._layer(reader, call, scope, symbol)
            layers = [layer] if layer is not None else []
        elif symbol in PARTS:
            read, names = PARTS[symbol]
            layers = read(reader.args(call, scope, names), ())
        else:
            return
        if id(call) in self.used or not (layers or reader.log.found):
            return
        wrapping = self.wrapped.get(id(call)) if symbol in POLICIES else None  # `fetch = retry(...)(fetch)`
        inside = self._of_function(wrapping.args[0], scope) if wrapping is not None else None
        if inside is not None:
            layers += inside.layers
            if inside.reader is not None:
                reader.take(inside.reader)
        if not any(layer.kind == "timeout" for layer in layers):
            layers.append(clients.assumed(reader, call.lineno))
        self._add(reader, call, layers, inside.method if inside is not None else "GET")

    def _of_function(self, node: ast.expr, scope: Scope) -> _Inside | None:
        """What a call of a function of this file goes through."""
        if any(each.kind == "def" for each in self.module.bindings(node, scope)):
            return self._callee(ast.copy_location(ast.Call(node, [], []), node), scope, (scope,))
        return None

    def _name_of(self, call: ast.Call, scope: Scope, symbol: str) -> str:
        """What it is assigned to, else where it stands."""
        known = self.module.names.get(id(call))
        if known is not None:
            return known
        return scope.path or symbol.partition(".")[2]


def _tell_apart(stacks: Iterable[Stack | Copy]) -> None:
    seen: dict[str, int] = {}
    for stack in stacks:
        seen[stack.name] = number = seen.get(stack.name, 0) + 1
        if number > 1:
            stack.name = f"{stack.name}#{number}"
        if isinstance(stack, Stack):
            stack.converted.instance = stack.name


def _holds(outer: ast.stmt | ast.expr, inner: ast.expr | None) -> bool:
    """Whether one node lies inside another, by position."""
    if inner is None:
        return True
    start, end = (outer.lineno, outer.col_offset), (outer.end_lineno or 0, outer.end_col_offset or 0)
    return start <= (inner.lineno, inner.col_offset) and (inner.end_lineno or 0, inner.end_col_offset or 0) <= end


def _method(verb: str, call: ast.Call) -> str:
    """POST for what says so and carries no headers that could hold a key; GET is the harmless rest."""
    headers: Iterable[ast.expr] = (each.value for each in call.keywords if each.arg == "headers")
    first = call.args[0] if call.args else None
    said = verb == "post" or (
        verb in ("request", "stream") and isinstance(first, ast.Constant) and first.value == "POST"
    )
    return "POST" if said and all(_keyless(each) for each in headers) else "GET"


def _keyless(headers: ast.expr) -> bool:
    if not isinstance(headers, ast.Dict):
        return False
    names = [key.value for key in headers.keys if isinstance(key, ast.Constant)]
    return len(names) == len(headers.keys) and not any("idempot" in str(name).lower() for name in names)
