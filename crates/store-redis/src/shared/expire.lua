-- Removes the oldest ids, so many at a time.   ARGV: until_ms, how many at most.
local due = redis.call('ZCOUNT', delivered, '-inf', ARGV[1])
local removed = math.min(due, tonumber(ARGV[2]))
if removed > 0 then redis.call('ZREMRANGEBYRANK', delivered, 0, removed - 1) end
local left = redis.call('ZCARD', delivered) + redis.call('HLEN', held)
local oldest = redis.call('ZRANGE', delivered, 0, 0, 'WITHSCORES')
return {removed > 0 and 'done' or 'nothing', removed, due - removed, left, tonumber(oldest[2]) or false}
