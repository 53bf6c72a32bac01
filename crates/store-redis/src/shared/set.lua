-- Stands in front of every script of shared ids.
-- turns, settled, promised: hashes by member. ids: hash of ids, each with the batch in which it was taken last.
-- batches: hash of batches, each with its ids one behind the other, and 'last', the number of the newest.
-- times: sorted set of the batches that were delivered. holds: hash of the others, each with its member, and of ':' and
-- member with its batches.
local turns, settled, promised, ids, batches, times, holds = unpack(KEYS)
local id_bytes = 16

local function stale(standing)
  return {'stale', standing}
end

local function held_by(name)
  local held = {}
  for batch in string.gmatch(redis.call('HGET', holds, ':' .. name) or '', '%d+') do
    held[#held + 1] = batch
  end
  return held
end

local function state(name, turn)
  local settled_note, promised_note = redis.call('HGET', settled, name), redis.call('HGET', promised, name)
  local bytes = 0
  for _, batch in ipairs(held_by(name)) do
    bytes = bytes + redis.call('HSTRLEN', batches, batch)
  end
  return {'done', turn, settled_note, promised_note, bytes}
end

local function split(all)
  local parts = {}
  for n = 1, #all / id_bytes do
    parts[n] = string.sub(all, (n - 1) * id_bytes + 1, n * id_bytes)
  end
  return parts
end

-- As many as Lua can hand over in one call.
local function in_portions(all, call)
  for first = 1, #all, 1000 do
    call(first, math.min(first + 999, #all))
  end
end

local function remove(all)
  in_portions(all, function(first, last)
    redis.call('HDEL', ids, unpack(all, first, last))
  end)
end

-- Those ids of a batch that were not taken anew since, and how many it has in all.
local function standing_in(batch)
  local all, standing = split(redis.call('HGET', batches, batch) or ''), {}
  in_portions(all, function(first, last)
    local found = redis.call('HMGET', ids, unpack(all, first, last))
    for n = first, last do
      if found[n - first + 1] == batch then standing[#standing + 1] = all[n] end
    end
  end)
  return standing, #all
end

local function release(name)
  for _, batch in ipairs(held_by(name)) do
    -- A settlement that failed half-way has given it a time, from which on others may take its ids.
    remove(standing_in(batch))
    redis.call('HDEL', batches, batch)
    redis.call('ZREM', times, batch)
    redis.call('HDEL', holds, batch)
  end
  redis.call('HDEL', holds, ':' .. name)
end
