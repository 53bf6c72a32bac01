-- A member's new owner.   ARGV: member, epoch, nonce. A turn is epoch, nonce and number, 20 digits each.
local name, epoch, nonce = unpack(ARGV)
local standing, number = redis.call('HGET', turns, name), 1
if standing then
  local held_epoch, held_nonce = string.sub(standing, 1, 20), string.sub(standing, 21, 40)
  if epoch < held_epoch or (epoch == held_epoch and nonce ~= held_nonce) then return stale(standing) end
  -- One for each entry and settlement: far below the 2^53 up to which numbers are exact here.
  number = tonumber(string.sub(standing, 41)) + 1
end
local turn = epoch .. nonce .. string.format('%020.0f', number)
redis.call('HSET', turns, name, turn)
return state(name, turn)
