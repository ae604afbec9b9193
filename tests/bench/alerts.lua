-- wrk's script: POSTs Alertmanager v4 notifications of ALERTS alerts; no alert is ever sent twice.
-- Environment: ALERTS (1), NAME (the alert's name), SALT (8 hex digits, another one for each run).
local alerts = tonumber(os.getenv("ALERTS") or "1")
local name = os.getenv("NAME") or "BenchAlert"
local salt = os.getenv("SALT") or "00000000"

local head = '{"version":"4","groupKey":"{}/{bench=\\"true\\"}:{alertname=\\"' .. name ..
  '\\"}","truncatedAlerts":0,"status":"firing","receiver":"heal-webhook","groupLabels":{"alertname":"' .. name ..
  '"},"commonLabels":{"alertname":"' .. name .. '","severity":"critical","job":"node"},' ..
  '"commonAnnotations":{"summary":"' .. string.rep("what the whole group has in common; ", 12) ..
  '"},"externalURL":"http://alertmanager.example:9093","alerts":['
local filler = string.rep("the runbook says what to look at first; ", 24)
local first = '{"status":"firing","labels":{"alertname":"' .. name .. '","instance":"host-'
local second = '.example:9100","job":"node","severity":"critical","cluster":"west-2","team":"platform","service":"web",' ..
  '"target":"'
local third = '"},"annotations":{"summary":"the service does not answer","description":"' .. filler ..
  '"},"startsAt":"2026-01-02T03:04:05.678Z","endsAt":"0001-01-01T00:00:00Z",' ..
  '"generatorURL":"http://prometheus.example:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1","fingerprint":"'

local count = 0
local headers = {["Content-Type"] = "application/json"}

function request()
  local parts = {head}
  for i = 1, alerts do
    count = count + 1
    local fingerprint = salt .. string.format("%08x", count)
    parts[#parts + 1] = first .. fingerprint .. second .. (count % 64) .. third .. fingerprint .. '"}' ..
      (i < alerts and "," or "")
  end
  parts[#parts + 1] = "]}"
  return wrk.format("POST", nil, headers, table.concat(parts))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d %f %f\n", summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(50) / 1000,
    latency:percentile(99) / 1000))
end
