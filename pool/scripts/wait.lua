-- Takes the lock if it is free, or kept for who asks; if not, who asks stands in line.
--
-- KEYS[1]  the lock's name
-- KEYS[2]  its line: a sorted set of those who wait, by when they began to, in
--          microseconds on this server's clock. A member is an inbox, a space, and a
--          value; the inbox is empty if it polls.
-- ARGV[1]  the value of who asks
-- ARGV[2]  the time to live to set, in milliseconds
-- ARGV[3]  the inbox of who asks, whether it listens there or not
-- ARGV[4]  how long it has waited, in microseconds
-- ARGV[5]  how long its place lasts, in milliseconds
-- ARGV[6]  what else, any of: 'listens' there; 'again' if it may be in line already; 'next'
--          if it wants to know who is first in line when it has taken the lock
--
-- Reply: {state, ttl, place, owner, next}
--   state   1 taken, 0 another owner's
--   ttl     of a key that was not taken: what it has left, in milliseconds;
--           -1 if it never expires, -2 if that may not be asked
--   place   of who has not taken it: 1 if nobody is before it who is told when the lock
--           is handed over, or more; -1 if it has just joined, 0 if there is no line. Of who
--           has taken it: -1
--   owner   the value that the key holds, if it was not taken
--   next    the first in line, or empty
-- A key of another type than string is an error, in the server's words. Whatever may not
-- be done to the line is left out.

local value = ARGV[1]
local listens, again = string.find(ARGV[6], 'listens'), string.find(ARGV[6], 'again')
local owner = redis.call('GET', KEYS[1])

-- who is the member at a place of the line, counted from 0, or nil.
local function who(place)
	local members = redis.pcall('ZRANGE', KEYS[2], place, place)
	return members[1]
end

if not owner or owner == value then
	redis.call('SET', KEYS[1], value, 'PX', ARGV[2])
	if again and not owner then
		redis.pcall('ZREM', KEYS[2], ARGV[3] .. ' ' .. value, ' ' .. value)
	end
	return { 1, 0, -1, '', string.find(ARGV[6], 'next') and who(0) or '' }
end

local ttl = redis.pcall('PTTL', KEYS[1])
ttl = type(ttl) == 'number' and ttl or -2
local now = redis.pcall('TIME')
local me = (listens and ARGV[3] or '') .. ' ' .. value
local joined = now[1] and redis.pcall('ZADD', KEYS[2], 'NX', now[1] * 1000000 + now[2] - ARGV[4], me)
if type(joined) ~= 'number' then
	return { 0, ttl, 0, owner, '' }
end
redis.pcall('PEXPIRE', KEYS[2], ARGV[5])
if not again then
	return { 0, ttl, -1, owner, '' }
end
if joined == 1 and ARGV[3] ~= '' then -- it may have polled before, and listens now, or the other way round
	redis.pcall('ZREM', KEYS[2], (listens and '' or ARGV[3]) .. ' ' .. value)
end

-- Those before it who are gone are taken out. One that polls looks after itself.
local before = 0
while true do
	local other = who(before)
	if not other or other == me then
		return { 0, ttl, 1, owner, '' }
	end
	local inbox = string.match(other, '^(%S*) ')
	if inbox == '' and listens then
		before = before + 1
	elseif inbox ~= '' and redis.pcall('PUBSUB', 'NUMSUB', inbox)[2] == 0 then
		redis.pcall('ZREM', KEYS[2], other)
	else
		local rank = redis.pcall('ZRANK', KEYS[2], me)
		return { 0, ttl, type(rank) == 'number' and rank + 1 or 1, owner, '' }
	end
end
