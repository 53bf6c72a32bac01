-- Keeps a note beside what a member holds.   ARGV: member, turn, note.
local standing = redis.call('HGET', turns, ARGV[1])
if standing ~= ARGV[2] then return stale(standing) end
redis.call('HSET', promised, ARGV[1], ARGV[3])
return {'done'}
