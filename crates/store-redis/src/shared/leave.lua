-- Removes a member.   ARGV: member.
local name = ARGV[1]
remove('HDEL', held, split(redis.call('GET', list) or ''))
redis.call('UNLINK', list)
redis.call('HDEL', settled, name)
redis.call('HDEL', promised, name)
-- A write in any case: the WAIT that follows covers what this connection has written.
redis.call('HSET', turns, name, '')
redis.call('HDEL', turns, name)
return {'done'}
