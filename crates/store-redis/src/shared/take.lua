-- Takes ids, all or none.   ARGV: member, turn, expired_ms, ids one behind the other.
local name, turn, expired_ms, asked = ARGV[1], ARGV[2], tonumber(ARGV[3]), split(ARGV[4])
local standing = redis.call('HGET', turns, name)
if standing ~= turn then return stale(standing) end
-- When a batch was delivered, or who holds it.
local known = {}
local function state_of(batch)
  local found = known[batch]
  if found == nil then
    found = tonumber(redis.call('ZSCORE', times, batch) or '') or redis.call('HGET', holds, batch)
    known[batch] = found
  end
  return found
end
local answer, fresh, seen, other = {'taken', 0}, {}, {}, nil
in_portions(asked, function(first, last)
  if other then return end
  local found = redis.call('HMGET', ids, unpack(asked, first, last))
  for n = first, last do
    local id, batch = asked[n], found[n - first + 1]
    local held = batch and state_of(batch)
    if type(held) == 'number' and held > expired_ms then
      answer[#answer + 1], answer[#answer + 2] = n - 1, held
    elseif type(held) == 'string' then
      if held ~= name then
        other = held
        return
      end
    elseif not seen[id] then
      seen[id] = true
      fresh[#fresh + 1] = id
    end
  end
end)
if other then return {'held', other} end
-- Written also where nothing is new: the WAIT that follows covers what this connection has written, and an earlier call
-- whose reply was lost may have come by another.
redis.call('HSET', turns, name, turn)
in_portions(fresh, function(first, last)
  local batch = string.format('%.0f', redis.call('HINCRBY', batches, 'last', 1))
  -- First of all: what is in none of the member's batches is never settled.
  local held = redis.call('HGET', holds, ':' .. name) or ''
  redis.call('HSET', holds, ':' .. name, held .. batch .. ' ', batch, name)
  redis.call('HSET', batches, batch, table.concat(fresh, '', first, last))
  local arguments = {}
  for n = first, last do
    arguments[2 * (n - first) + 1], arguments[2 * (n - first) + 2] = fresh[n], batch
  end
  redis.call('HSET', ids, unpack(arguments))
end)
answer[2] = redis.call('HLEN', ids)
return answer
