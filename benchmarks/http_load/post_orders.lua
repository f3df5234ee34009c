-- Posts orders, each with an id of its own.
local threads = 0
local posted = 0

function setup(thread)
  thread:set("thread_number", threads)
  threads = threads + 1
end

function init(arguments)
  prefix = string.format("%s-%d-", arguments[1] or "order", thread_number)
end

function request()
  posted = posted + 1
  local body = string.format(
    '{"order_id":"%s%d","user_id":"user-%d","item_ids":["85123A","71053","84406B"],"total_amount":"%d.50"}',
    prefix, posted, posted % 1000, posted % 500)
  return wrk.format("POST", "/orders", { ["Content-Type"] = "application/json" }, body)
end

function done(summary, latency, requests)
  io.write(string.format(
    'FIGURES {"requests":%d,"microseconds":%d,"refused":%d,"broken":%d,"p50":%d,"p99":%d}\n',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
