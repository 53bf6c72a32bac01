-- Settles what a member holds.   ARGV: member, turn, next turn, then at_ms and note where it was delivered.
local name, turn, following, at_ms, note = unpack(ARGV)
local standing = redis.call('HGET', turns, name)
if standing ~= turn and standing ~= following then return stale(standing) end
if standing ~= following then
  local ids = split(redis.call('GET', list) or '')
  if at_ms then
    write_pairs('ZADD', delivered, ids, function(id) return at_ms, id end)
    redis.call('HSET', settled, name, note)
  end
  remove('HDEL', held, ids)
  redis.call('UNLINK', list)
  redis.call('HDEL', promised, name)
end
-- Last, so that nothing is taken for settled that is not; and again, so that the WAIT that follows covers it.
redis.call('HSET', turns, name, following)
return {'done'}
