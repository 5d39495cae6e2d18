-- A request for wrk, from the environment; what came of it, in one line of JSON.
wrk.method = os.getenv("BENCH_METHOD")
wrk.body = os.getenv("BENCH_BODY")
for name, value in os.getenv("BENCH_HEADERS"):gmatch("([^:\n]+): ([^\n]*)") do
  wrk.headers[name] = value
end

-- Pairs of a percentile and the microseconds that so many took at the most. The more exact the rarer, so that the
-- percentiles of several runs together can be told.
function steps(latency)
  local told = {}
  for _, range in ipairs({{1, 98, 1}, {99, 99.85, 0.1}, {99.9, 99.995, 0.01}}) do
    for percentile = range[1], range[2], range[3] do
      told[#told + 1] = string.format("[%.2f, %d]", percentile, latency:percentile(percentile))
    end
  end
  told[#told + 1] = string.format("[100, %d]", latency.max)
  return table.concat(told, ", ")
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"seconds": %f, "requests": %d, "bytes": %.0f, "errors": %d, "latencies": [%s]}\n',
    summary.duration / 1e6, summary.requests, summary.bytes,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout, steps(latency)))
end
