-- Tells whose a lock is, and for how long, and changes nothing.
--
-- KEYS[1]  the lock's name
-- ARGV[1]  the value of who asks
--
-- Reply: {state, ttl}
--   state   1 the key holds this value, 0 another owner's, -1 absent
--   ttl     what the key has left, in milliseconds; -1 if it never expires

local value = redis.call('GET', KEYS[1])
if not value then
	return { -1, 0 }
end
return { value == ARGV[1] and 1 or 0, redis.call('PTTL', KEYS[1]) }
