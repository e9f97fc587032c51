-- Tells whose a lock is, and for how long, and changes nothing.
--
-- KEYS[1]  the lock's name
-- ARGV[1]  the value of who asks
--
-- Reply: {state, ttl}
--   state   1 the key holds this value, 0 another owner's, -1 absent
--   ttl     what the key has left, in milliseconds; -1 if it never expires, -2 if that may
--           not be asked

local value = redis.call('GET', KEYS[1])
if not value then
	return { -1, 0 }
end
local ttl = redis.pcall('PTTL', KEYS[1])
return { value == ARGV[1] and 1 or 0, type(ttl) == 'number' and ttl or -2 }
