-- Lets wrk send the requests of a file in turn: `wrk … -s requests.lua <url> -- <file>`.
-- The file holds complete HTTP requests, separated by zero bytes. A number that differs in each request replaces
-- the placeholder `@@@@@@@@@@@@@@@@`. Prints one line of JSON at the end.
local requests, sent = {}, 0

function init(arguments)
    local file = assert(io.open(arguments[1], "rb"))
    for text in file:read("*a"):gmatch("[^%z]+") do
        local before, after = text:match("^(.-)@@@@@@@@@@@@@@@@(.*)$")
        requests[#requests + 1] = {before or text, after}
    end
    file:close()
    -- Numbers have 16 digits. They begin with the second of the start, so that runs do not repeat them.
    unique = os.time() % 10000000 * 100000000
end

function request()
    sent = sent + 1
    local parts = requests[sent % #requests + 1]
    if not parts[2] then return parts[1] end
    return parts[1] .. string.format("%016.0f", unique + sent) .. parts[2]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"rate": %.1f, "p50": %.4f, "p99": %.4f, "requests": %d, "refused": %d, "failed": %d}\n',
        summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
