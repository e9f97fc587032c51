-- Gives back a lock that is held.
--
-- KEYS[1]  the lock's name
-- ARGV[1]  the value of who holds it
--
-- Reply: 1 done, 0 another owner's, -1 absent

local value = redis.call('GET', KEYS[1])
if value == ARGV[1] then
	return redis.call('DEL', KEYS[1])
end
return value and 0 or -1
