// Traces of opossum and cockatiel, made by the libraries themselves on a clock that only the script moves.
//
//   npm install opossum@9.0.0 cockatiel@3.2.1     (in a folder of your own)
//   NODE_PATH=that/node_modules node tests/conformance/generators/node.mjs tests/conformance/traces
//
// The clock: Date.now, setTimeout and setInterval of Node are replaced; a timer lasts whole milliseconds, at least one,
// as Node's do. Timers due up to the time of a step fire before it.
import { createRequire } from 'module';
import fs from 'fs';
import path from 'path';
import stories from './node_stories.mjs';

const require = createRequire(path.join(process.env.NODE_PATH.split(':')[0], 'x.js'));
let now = 0, serial = 0, timers = new Map(), drawn = [];
const UNITS = Array.from({ length: 64 }, (_, i) => ((i * 0.6180339887498949) + 0.35) % 1);
const EPOCH = 1_700_000_040_000; // a whole minute
Date.now = () => EPOCH + now;
Math.random = () => { drawn.push(UNITS[drawn.length]); return drawn[drawn.length - 1]; };
const whole = ms => Math.max(1, Math.trunc(ms) || 1);
const add = (fn, ms, every) => {
  const id = ++serial;
  timers.set(id, { at: now + whole(ms), fn, every: every ? whole(ms) : 0, id });
  return { id, unref () { return this; }, ref () { return this; }, [Symbol.toPrimitive]: () => id };
};
globalThis.setTimeout = (fn, ms, ...args) => add(() => fn(...args), ms, false);
globalThis.setInterval = (fn, ms, ...args) => add(() => fn(...args), ms, true);
globalThis.clearTimeout = globalThis.clearInterval = t => { if (t) timers.delete(t.id); };
const breathe = () => new Promise(resolve => setImmediate(resolve)); // all microtasks

async function until (t) {
  for (;;) {
    let next = null;
    for (const each of timers.values()) {
      if (each.at <= t && (!next || each.at < next.at || (each.at === next.at && each.id < next.id))) next = each;
    }
    if (!next) break;
    now = next.at;
    if (next.every) next.at += next.every; else timers.delete(next.id);
    next.fn();
    await breathe();
  }
  now = t;
}
const restart = () => { now = 0; serial = 0; timers = new Map(); drawn = []; };
const seconds = ms => Math.round(ms * 1000) / 1e6;

// --- breakers: who stands behind each op ---

function opossum (config) {
  const Breaker = require('opossum');
  const options = { timeout: false, ...ms(config) };
  const ignored = options.ignored;
  delete options.ignored;
  options.errorFilter = e => ignored === true && e.outcome === 'ignored';
  const breaker = new Breaker(call => call(), options);
  return {
    run: call => breaker.fire(call),
    state: () => breaker.opened ? 'open' : breaker.halfOpen ? 'half-open' : 'closed',
    rejected: e => e.code === 'EOPENBREAKER',
    seen: () => ({ fires: breaker.stats.fires, failures: breaker.stats.failures }),
    force: to => to === 'open' ? breaker.open() : breaker.close()
  };
}

function cockatielBackoff (c, config) {
  if (config.ExponentialBackoff) {
    const given = ms(config.ExponentialBackoff);
    if (given.generator) given.generator = c[given.generator];
    return new c.ExponentialBackoff(given);
  }
  return config.IterableBackoff_s && new c.IterableBackoff(config.IterableBackoff_s.map(s => s * 1000));
}

function cockatiel (config) {
  const c = require('cockatiel');
  const breaker = config.CountBreaker ? new c.CountBreaker(ms(config.CountBreaker))
    : config.SamplingBreaker ? new c.SamplingBreaker(ms(config.SamplingBreaker))
      : new c.ConsecutiveBreaker(config.ConsecutiveBreaker ?? 5);
  const handled = c.handleWhen(e => e.outcome !== 'ignored');
  const policy = c.circuitBreaker(handled, {
    halfOpenAfter: cockatielBackoff(c, config) || (config.halfOpenAfter_s ?? 10) * 1000, breaker
  });
  let isolated = null;
  return {
    run: call => policy.execute(call),
    state: () => c.CircuitState[policy.state].toLowerCase(),
    rejected: e => e instanceof c.BrokenCircuitError,
    seen: () => ({}),
    force: to => { if (to === 'isolated') isolated = policy.isolate(); else isolated.dispose(); }
  };
}

const ms = config => Object.fromEntries(Object.entries(config).map(([k, v]) =>
  k.endsWith('_s') ? [k.slice(0, -2), v * 1000] : [k, v]));

async function breakerTrace (story) {
  const made = { opossum, cockatiel }[story.library](story.config);
  const calls = new Map();
  const steps = [];
  const begin = async () => {
    const call = { decision: null };
    call.promise = made.run(() => { call.decision = 'allow'; return new Promise((resolve, reject) => Object.assign(call, { resolve, reject })); });
    call.promise.catch(e => { if (call.decision === null) call.decision = made.rejected(e) ? 'reject' : 'other'; });
    await breathe();
    return call;
  };
  const finish = async (call, outcome) => {
    if (outcome === 'success') call.resolve('ok');
    else { const e = new Error(outcome); e.outcome = outcome; call.reject(e); }
    await breathe();
  };
  for (const [t, op, a, b] of story.steps) {
    await until(t * 1000);
    const step = { t, op };
    const expect = {};
    if (op === 'call') {
      step.outcome = a;
      const call = await begin();
      expect.decision = call.decision ?? 'wait';
      if (call.decision === 'allow') await finish(call, a);
    } else if (op === 'start') {
      step.id = a;
      const call = await begin();
      calls.set(a, call);
      expect.decision = call.decision ?? 'wait';
    } else if (op === 'finish') {
      Object.assign(step, { id: a, outcome: b });
      await finish(calls.get(a), b);
    } else if (op === 'asked') { // what became of a call that waited
      step.id = a;
      expect.decision = calls.get(a).decision ?? 'wait';
    } else if (op === 'force') {
      step.to = a;
      made.force(a);
      await breathe();
    }
    expect.state = made.state();
    Object.assign(expect, made.seen());
    steps.push({ ...step, expect });
  }
  return { steps };
}

// --- cockatiel's retry: one call, each attempt ends as it is told to, after its time ---

async function retryTrace (story) {
  const c = require('cockatiel');
  const { maxAttempts, ConstantBackoff_s: constant, ...rest } = story.config;
  const backoff = cockatielBackoff(c, rest) || new c.ConstantBackoff((constant ?? 0) * 1000);
  const policy = c.retry(c.handleAll, { ...(maxAttempts === undefined ? {} : { maxAttempts }), backoff });
  const steps = [];
  let over = null;
  const attempt = () => new Promise((resolve, reject) => {
    const [outcome, lasts] = story.ends[steps.length] ?? ['success', 0.1];
    const begun = now;
    if (steps.length) Object.assign(steps.at(-1).expect, { decision: 'retry', delay: seconds(begun - steps.at(-1).ended) });
    const step = { t: seconds(begun), n: steps.length + 1, outcome, duration: lasts, expect: { decision: 'finish' }, ended: begun + lasts * 1000 };
    steps.push(step);
    step.expect.t_end = seconds(step.ended);
    setTimeout(() => outcome === 'success' ? resolve('ok') : reject(new Error(outcome)), lasts * 1000);
  });
  policy.execute(attempt).then(() => { over = 'returned'; }, () => { over = 'raised'; });
  await breathe();
  while (over === null) await until(Math.min(...[...timers.values()].map(each => each.at)));
  const slept = steps.reduce((sum, step) => sum + (step.expect.delay ?? 0), 0);
  steps.forEach(step => delete step.ended);
  return { u: drawn, steps, final: { result: over, t: seconds(now), attempts: steps.length, total_sleep: Math.round(slept * 1e6) / 1e6, draws_consumed: drawn.length } };
}

const count = {};
for (const story of stories) {
  restart();
  const version = JSON.parse(fs.readFileSync(path.join(process.env.NODE_PATH.split(':')[0], story.library, 'package.json'))).version;
  const n = String(count[story.library] = (count[story.library] ?? 0) + 1).padStart(3, '0');
  const kind = story.ends ? 'retry' : 'circuit_breaker';
  const trace = await (story.ends ? retryTrace : breakerTrace)(story);
  const document = { format: 1, id: `${story.library}-${n}`, kind, library: story.library, version, origin: 'executed', source: 'scripted', title: story.title, why: story.why, config: story.config, ...trace };
  const file = `${story.library}-${n}-${story.name}.json`;
  fs.writeFileSync(path.join(process.argv[2], file), JSON.stringify(document, null, 1) + '\n');
  console.log(file, trace.final ? JSON.stringify(trace.final) : trace.steps.map(s => `${s.t}:${s.expect.decision ?? ''}/${s.expect.state}`).join(' '));
}
