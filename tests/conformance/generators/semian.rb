# Traces of semian's classic circuit breaker, made by its own source on a clock that only the script moves.
#
#   git clone https://github.com/Shopify/semian (traces: 0.28.2, 8835b3d)
#   ruby tests/conformance/generators/semian.rb SEMIAN/lib tests/conformance/traces
#
# Needs Ruby's standard library only: of concurrent-ruby nothing is used by the `Simple` implementation.
require "json"
require "forwardable"

$LOADED_FEATURES << "concurrent.rb"
module Kernel
  alias_method :plain_require, :require
  def require(name) = name == "concurrent" ? true : plain_require(name)
end
module Concurrent; end

module Semian
  OpenCircuitError = Class.new(StandardError)
  class << self
    def notify(*) = nil
    def logger = @logger ||= Class.new { def info(_) = nil }.new
  end
end
lib, out = ARGV
%w[simple_sliding_window simple_integer simple_state circuit_breaker].each { |name| load File.join(lib, "semian", "#{name}.rb") }
require_relative File.expand_path(File.join(lib, "semian/version.rb"))

$now = 0.0
module Process
  class << self
    def clock_gettime(*) = 1_000_000.0 + $now
  end
end

Failure = Class.new(StandardError)
Ignored = Class.new(StandardError)

def calls(t, n, outcome, gap = 0) = Array.new(n) { |i| [(t + i * gap).round(3), "call", outcome] }

STORIES = [
  { name: "three-errors", title: "three errors open it", why: "successes between them change nothing", config: { error_threshold: 3, error_timeout_s: 10, success_threshold: 2 },
    steps: [[0, "call", "failure"], [1, "call", "success"], [2, "call", "failure"], [3, "call", "success"], [4, "call", "failure"], [5, "call", "success"]] },
  { name: "strictly-after", title: "its time is over strictly after it", why: "and a call notices", config: { error_threshold: 1, error_timeout_s: 10, success_threshold: 1 },
    steps: [[0, "call", "failure"], [10, "call", "success"], [10.001, "peek"], [10.001, "call", "success"]] },
  { name: "errors-age", title: "errors older than the window are forgotten", why: "error_threshold_timeout, strictly", config: { error_threshold: 3, error_timeout_s: 10, success_threshold: 1, error_threshold_timeout_s: 5 },
    steps: [[0, "call", "failure"], [4, "call", "failure"], [5.001, "call", "failure"], [9, "call", "failure"]] },
  { name: "window-edge", title: "an error exactly as old as the window counts", why: "err_time + timeout < now", config: { error_threshold: 2, error_timeout_s: 10, success_threshold: 1, error_threshold_timeout_s: 5 },
    steps: [[0, "call", "failure"], [5, "call", "failure"]] },
  { name: "window-default", title: "without a window of its own it is error_timeout", why: "error_threshold_timeout || error_timeout", config: { error_threshold: 2, error_timeout_s: 3, success_threshold: 1 },
    steps: [[0, "call", "failure"], [3.001, "call", "failure"], [6, "call", "failure"]] },
  { name: "no-window", title: "errors that never age", why: "error_threshold_timeout_enabled: false", config: { error_threshold: 2, error_timeout_s: 1, success_threshold: 1, error_threshold_timeout_enabled: false },
    steps: [[0, "call", "failure"], [1000, "call", "failure"]] },
  { name: "success-threshold", title: "successes close it", why: "two of them, one failure opens it again", config: { error_threshold: 1, error_timeout_s: 1, success_threshold: 2 },
    steps: [[0, "call", "failure"], [1.5, "call", "success"], [1.6, "call", "failure"], [2.6, "call", "success"], [2.7, "call", "success"], [2.8, "call", "success"]] },
  { name: "half-open-lets-all-in", title: "half open it lets everybody in", why: "request_allowed? is true", config: { error_threshold: 1, error_timeout_s: 1, success_threshold: 3 },
    steps: [[0, "call", "failure"], [2, "start", "a"], [2, "start", "b"], [2, "start", "c"], [2.1, "finish", "a", "success"], [2.2, "finish", "b", "success"], [2.3, "start", "d"], [2.4, "finish", "c", "success"], [2.5, "finish", "d", "failure"]] },
  { name: "late-error-extends", title: "a late error while open", why: "its time runs from the last error, not from the opening", config: { error_threshold: 1, error_timeout_s: 2, success_threshold: 1 },
    steps: [[0, "start", "old"], [0, "call", "failure"], [1.5, "finish", "old", "failure"], [2.5, "call", "success"], [3.5, "call", "success"], [3.501, "call", "success"]] },
  { name: "late-error-half-open", title: "a late error while half open opens it", why: "the state it comes in takes it", config: { error_threshold: 1, error_timeout_s: 1, success_threshold: 2 },
    steps: [[0, "start", "old"], [0, "call", "failure"], [1.5, "call", "success"], [1.6, "finish", "old", "failure"], [2.6, "call", "success"], [2.601, "call", "success"]] },
  { name: "late-success-half-open", title: "a late success helps to close it", why: "mark_success asks for the state only", config: { error_threshold: 1, error_timeout_s: 1, success_threshold: 2 },
    steps: [[0, "start", "old"], [0, "call", "failure"], [1.5, "call", "success"], [1.6, "finish", "old", "success"]] },
  { name: "lumping", title: "errors close together are one", why: "lumping_interval from the last one kept", config: { error_threshold: 3, error_timeout_s: 10, success_threshold: 1, lumping_interval_s: 2 },
    steps: [[0, "call", "failure"], [0.5, "call", "failure"], [1.999, "call", "failure"], [2, "call", "failure"], [3, "call", "failure"], [4, "call", "failure"], [5, "call", "success"]] },
  { name: "lumped-probe", title: "a probe whose error is lumped", why: "the time runs from the error before it", config: { error_threshold: 2, error_timeout_s: 2, success_threshold: 1, lumping_interval_s: 2 },
    steps: [[0, "call", "failure"], [2, "call", "failure"], [4.001, "start", "probe"], [4.001, "start", "b"], [5, "finish", "b", "failure"], [5.5, "finish", "probe", "failure"], [7, "call", "success"], [7.001, "call", "success"]] },
  { name: "backoff", title: "a short time that grows", why: "exponential_backoff, up to error_timeout; closing begins anew", config: { error_threshold: 1, error_timeout_s: 5, success_threshold: 1, exponential_backoff_error_timeout: true, exponential_backoff_initial_timeout_s: 1, exponential_backoff_multiplier: 2 },
    steps: [[0, "call", "failure"], [1, "call", "success"], [1.001, "call", "failure"], [3.001, "call", "success"], [3.002, "call", "failure"], [7.002, "call", "success"], [7.003, "call", "failure"], [12.003, "call", "success"], [12.004, "call", "success"], [13, "call", "failure"], [14.001, "call", "success"]] },
  { name: "not-listed", title: "an exception that is not listed", why: "neither failure nor success", config: { error_threshold: 2, error_timeout_s: 1, success_threshold: 1 },
    steps: [[0, "call", "failure"], [0.1, "call", "ignored"], [0.2, "call", "failure"], [1.3, "call", "ignored"], [1.4, "call", "success"]] },
  { name: "cleared-by-closing", title: "closing forgets the errors", why: "@errors.clear", config: { error_threshold: 2, error_timeout_s: 1, success_threshold: 1, error_threshold_timeout_s: 60 },
    steps: [[0, "call", "failure"], [0, "call", "failure"], [1.5, "call", "success"], [1.6, "call", "failure"], [1.7, "call", "failure"]] },
]

STORIES.each_with_index do |story, index|
  $now = 0.0
  args = story[:config].to_h { |k, v| [k.to_s.delete_suffix("_s").to_sym, v] }
  breaker = Semian::CircuitBreaker.new("b", exceptions: [Failure], implementation: Semian::Simple, **args)
  fibers = {}
  begin_call = lambda do
    Fiber.new do
      breaker.acquire do
        outcome = Fiber.yield("allow")
        raise Failure if outcome == "failure"
        raise Ignored if outcome == "ignored"
      end
      "returned"
    rescue Semian::OpenCircuitError
      "reject"
    rescue Failure, Ignored
      "raised"
    end
  end
  steps = story[:steps].map do |t, op, a, b|
    $now = t.to_f
    step, expect = { t: t, op: op }, {}
    case op
    when "call"
      step[:outcome] = a
      fiber = begin_call.call
      expect[:decision] = fiber.resume
      fiber.resume(a) if expect[:decision] == "allow"
    when "start"
      step[:id] = a
      fibers[a] = begin_call.call
      expect[:decision] = fibers[a].resume
    when "finish"
      step.update(id: a, outcome: b)
      fibers[a].resume(b)
    end
    expect[:state] = breaker.state.value.to_s
    expect[:errors] = breaker.instance_variable_get(:@errors).size
    step.merge(expect: expect)
  end
  id = format("semian-%03d", index + 1)
  document = { format: 1, id: id, kind: "circuit_breaker", library: "semian", version: Semian::VERSION, origin: "executed", source: "scripted",
               title: story[:title], why: story[:why], config: story[:config], steps: steps }
  File.write(File.join(out, "#{id}-#{story[:name]}.json"), JSON.pretty_generate(document, indent: " ") + "\n")
  puts "#{id} #{story[:name]}: " + steps.map { |s| "#{s[:t]}:#{s[:expect][:decision]}/#{s[:expect][:state]}" }.join(" ")
end
