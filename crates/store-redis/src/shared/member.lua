-- What the set knows about a member.   ARGV: member.
local standing = redis.call('HGET', turns, ARGV[1])
if not standing then return stale(false) end
return state(ARGV[1], standing)
