-- Asks for one path again and again; the word NUMBER in it stands for a random one from 1 to the second argument.
function init(arguments)
  path, largest = arguments[1], tonumber(arguments[2] or "1")
  math.randomseed(os.time())
end

function request()
  return wrk.format("GET", (path:gsub("NUMBER", function() return string.format("%d", math.random(largest)) end)))
end

function done(summary, latency, requests)
  io.write(string.format(
    'FIGURES {"requests":%d,"microseconds":%d,"refused":%d,"broken":%d,"p50":%d,"p99":%d}\n',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
