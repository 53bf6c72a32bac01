-- Stands in front of every script of shared ids.
-- turns, settled, promised: hashes by member. held: hash of ids, with who holds each. delivered: sorted set of ids by time.
-- list: the ids that the member holds, one behind the other.
local turns, settled, promised, held, delivered, list = unpack(KEYS)
local id_bytes = 16

local function stale(standing)
  return {'stale', standing}
end

local function state(name, turn)
  local settled_note, promised_note = redis.call('HGET', settled, name), redis.call('HGET', promised, name)
  return {'done', turn, settled_note, promised_note, redis.call('STRLEN', list)}
end

local function split(all)
  local ids = {}
  for n = 1, #all / id_bytes do
    ids[n] = string.sub(all, (n - 1) * id_bytes + 1, n * id_bytes)
  end
  return ids
end

-- As many as Lua can hand over in one call.
local function in_portions(ids, call)
  for first = 1, #ids, 1000 do
    call(first, math.min(first + 999, #ids))
  end
end

-- `command key a b a b ..`, with the id for one of the two.
local function write_pairs(command, key, ids, pair)
  in_portions(ids, function(first, last)
    local arguments = {}
    for n = first, last do
      arguments[#arguments + 1], arguments[#arguments + 2] = pair(ids[n])
    end
    redis.call(command, key, unpack(arguments))
  end)
end

local function remove(command, key, ids)
  in_portions(ids, function(first, last)
    redis.call(command, key, unpack(ids, first, last))
  end)
end
