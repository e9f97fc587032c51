-- Takes the lock if it is free; if not, tells by whom and for how long it is not.
--
-- KEYS[1]  the lock's name
-- ARGV[1]  the value of who asks
-- ARGV[2]  the time to live to set, in milliseconds
--
-- Reply: {state, ttl}
--   state   1 taken
--           0 another owner's
--           2 it holds this very value already: another owner's as well, unless
--             this request was sent before and its reply was lost
--   ttl     of a key that was not taken: what it has left, in milliseconds;
--           -1 if it never expires, -2 if that may not be asked
-- A key of another type than string is an error, in the server's words.

if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
	return { 1, 0 }
end
local mine = redis.call('GET', KEYS[1]) == ARGV[1]
local ttl = redis.pcall('PTTL', KEYS[1])
return { mine and 2 or 0, type(ttl) == 'number' and ttl or -2 }
