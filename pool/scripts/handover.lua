-- Gives back a lock that is held, to the first of those who stand in line for it; and
-- takes a value out of the line that no longer waits.
--
-- KEYS[1]  the lock's name
-- KEYS[2]  its line, as wait.lua has it
-- ARGV[1]  the value of who holds the lock, or waits for it
-- ARGV[2]  what to do: 'hand' the lock to somebody rather than delete it, 'leave' the line,
--          or 'hand leave'
-- ARGV[3]  the inbox of who leaves, whether it listens there or not
-- ARGV[4]  the member of the line that is to have the lock, if it still waits; empty, and
--          else, for the first
--
-- Reply: 1 done, 0 another owner's, -1 absent
--
-- The lock is kept for whoever is given it for 300 ms. Those in the line who are told, but
-- do not listen any more, are left out. Who is the first since the first has left is told
-- as well: it finds out itself of which.

local owner = redis.call('GET', KEYS[1])
if ARGV[2] ~= 'hand' then
	local was = redis.pcall('ZRANGE', KEYS[2], 0, 0)[1]
	redis.pcall('ZREM', KEYS[2], ARGV[3] .. ' ' .. ARGV[1], ' ' .. ARGV[1])
	local is = redis.pcall('ZRANGE', KEYS[2], 0, 0)[1]
	if is and is ~= was and owner ~= ARGV[1] then
		local inbox, value = string.match(is, '^(%S*) (.*)$')
		redis.pcall('PUBLISH', inbox, value)
	end
end
if owner ~= ARGV[1] then
	return owner and 0 or -1
end

local who
if ARGV[2] ~= 'leave' then
	if ARGV[4] ~= '' and redis.pcall('ZREM', KEYS[2], ARGV[4]) == 1 then
		who = ARGV[4]
	else
		who = redis.pcall('ZPOPMIN', KEYS[2])[1]
	end
end
while who do
	local inbox, value = string.match(who, '^(%S*) (.*)$')
	local heard = inbox ~= '' and redis.pcall('PUBLISH', inbox, value)
	if heard ~= 0 then -- one that polls finds out by itself, as does one that may not be told
		redis.call('SET', KEYS[1], value, 'PX', 300)
		return 1
	end
	who = redis.pcall('ZPOPMIN', KEYS[2])[1]
end
return redis.call('DEL', KEYS[1])
