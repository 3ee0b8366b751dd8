-- wrk's script of `make load`: posts the images of a folder's list in turn, and prints the figures as JSON.
local bodies, at = {}, 0

function init(args)
  for name in io.lines(args[1]) do
    local file = io.open(name, "rb")
    bodies[#bodies + 1] = file:read("*a")
    file:close()
  end
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "image/jpeg"
end

function request()
  at = at % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[at])
end

function done(summary, latency, _)
  local wrong = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format('FIGURES {"requests": %d, "seconds": %f, "wrong": %d, "p50": %f, "p95": %f, "p99": %f}\n',
    summary.requests, summary.duration / 1e6, wrong,
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3))
end
