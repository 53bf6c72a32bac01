-- Settles what a member holds.   ARGV: member, turn, next turn, then at_ms and note where it was delivered.
local name, turn, following, at_ms, note = unpack(ARGV)
local standing = redis.call('HGET', turns, name)
if standing ~= turn and standing ~= following then return stale(standing) end
if standing ~= following then
  if at_ms then
    for _, batch in ipairs(held_by(name)) do
      redis.call('ZADD', times, at_ms, batch)
      redis.call('HDEL', holds, batch)
    end
    redis.call('HSET', settled, name, note)
    redis.call('HDEL', holds, ':' .. name)
  else
    release(name)
  end
  redis.call('HDEL', promised, name)
end
-- Last, so that nothing is taken for settled that is not; and again, so that the WAIT that follows covers it.
redis.call('HSET', turns, name, following)
return {'done'}
