-- Takes ids, all or none.   ARGV: member, turn, expired_ms, ids one behind the other.
local name, turn, expired_ms, ids = ARGV[1], ARGV[2], tonumber(ARGV[3]), split(ARGV[4])
local standing = redis.call('HGET', turns, name)
if standing ~= turn then return stale(standing) end
local answer, fresh, seen, again, other = {'taken', 0}, {}, {}, {}, nil
in_portions(ids, function(first, last)
  if other then return end
  local holders = redis.call('HMGET', held, unpack(ids, first, last))
  local times = redis.call('ZMSCORE', delivered, unpack(ids, first, last))
  for n = first, last do
    local id, holder, at_ms = ids[n], holders[n - first + 1], tonumber(times[n - first + 1])
    if holder and holder ~= name then
      other = holder
      return
    elseif not holder and at_ms and at_ms > expired_ms then
      answer[#answer + 1], answer[#answer + 2] = n - 1, at_ms
    elseif not holder and not seen[id] then
      seen[id] = true
      fresh[#fresh + 1] = id
      if at_ms then again[#again + 1] = id end
    end
  end
end)
if other then return {'held', other} end
-- Written also where nothing is new: the WAIT that follows covers what this connection has written, and an earlier call
-- whose reply was lost may have come by another.
redis.call('HSET', turns, name, turn)
if #fresh > 0 then
  -- First of all: what the list does not hold is never settled.
  redis.call('APPEND', list, table.concat(fresh))
  write_pairs('HSET', held, fresh, function(id) return id, name end)
  remove('ZREM', delivered, again)
end
answer[2] = redis.call('ZCARD', delivered) + redis.call('HLEN', held)
return answer
