-- Deletes keys of one task together with their names. KEYS: index, keys...   ARGV: names.
for n = 2, #KEYS do
  redis.call('UNLINK', KEYS[n])
  redis.call('ZREM', KEYS[1], ARGV[n - 1])
end
return #KEYS - 1
