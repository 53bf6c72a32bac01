-- Removes a member.   ARGV: member.
local name = ARGV[1]
release(name)
redis.call('HDEL', settled, name)
redis.call('HDEL', promised, name)
-- A write in any case: the WAIT that follows covers what this connection has written.
redis.call('HSET', turns, name, '')
redis.call('HDEL', turns, name)
return {'done'}
