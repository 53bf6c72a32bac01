-- Removes the oldest batches, until so many ids were looked at.   ARGV: until_ms, how many.
local until_ms, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local removed, looked, oldest, verdict = 0, 0, false, 'nothing'
while looked < most do
  local batch, at_ms = unpack(redis.call('ZRANGE', times, 0, 0, 'WITHSCORES'))
  if not batch then break end
  local standing, count = standing_in(batch)
  if tonumber(at_ms) > until_ms and #standing > 0 then
    oldest = tonumber(at_ms)
    break
  end
  remove(standing)
  redis.call('HDEL', batches, batch)
  redis.call('ZREM', times, batch)
  removed, looked, verdict = removed + #standing, looked + math.max(count, 1), 'done'
end
return {verdict, removed, looked < most and 0 or 1, redis.call('HLEN', ids), oldest}
