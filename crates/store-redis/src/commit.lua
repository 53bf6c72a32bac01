-- Compare-and-set of a root with the puts that belong to it.
-- KEYS: root, index, puts...   ARGV: expected version or '', new entry, root's key, then entry and key of each put.
-- An entry is 8 bytes version, 4 bytes checksum, value.
local entry = ARGV[2]
if redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[1] then
  local held = redis.call('GET', KEYS[1])
  if not held then return {'conflict'} end
  if string.sub(held, 13) == string.sub(entry, 13) then
    -- Written again so that the WAIT that follows covers it: its first reply may have been lost before its own WAIT.
    redis.call('SET', KEYS[1], held)
    return {'applied', held}
  end
  return {'conflict', held}
end
local fresh = {}
for n = 3, #KEYS do
  local held = redis.call('GET', KEYS[n])
  if not held then
    fresh[#fresh + 1] = n
  elseif held ~= ARGV[2 * n - 2] then
    return {'rewritten', ARGV[2 * n - 1]}
  end
end
-- A script that fails half-way keeps what it has written, so what is listed comes first and the root last.
for _, n in ipairs(fresh) do
  redis.call('ZADD', KEYS[2], 0, ARGV[2 * n - 1])
  redis.call('SET', KEYS[n], ARGV[2 * n - 2])
end
redis.call('ZADD', KEYS[2], 0, ARGV[3])
redis.call('SET', KEYS[1], entry)
return {'applied', entry}
