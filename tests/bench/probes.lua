-- wrk asks for probes and counts those that did not succeed. Prints RESULT with counts and microseconds.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

local addresses = 8
local turn = 0

function request()
  turn = turn % addresses + 1
  return wrk.format(nil, (wrk.path:gsub("*", turn, 1)))
end

function init()
  failed = 0
end

function response(status, _, body)
  if status ~= 200 or not body:find("\nprobe_success 1\n", 1, true) then
    failed = failed + 1
  end
end

function done(summary, latency)
  local refused = 0
  for _, thread in ipairs(threads) do
    refused = refused + thread:get("failed")
  end
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests, summary.duration, refused, broken,
                         latency:percentile(50), latency:percentile(99)))
end
