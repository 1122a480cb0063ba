import Redis

/// The steps that must not be torn apart. Layout of an entry: see ``Entry``; Lua counts from 1.
///
/// What makes them right, whatever is evicted, expires or is late: a value enters an empty key only through a lease. The lease is taken before the store is
/// read, and it is gone when the key was evicted in between; so whoever still finds it knows of every write since.
enum Scripts {
    private static let common = """
        local function order(a, b)
            local a1, a2 = struct.unpack('>I4I4', a, 3)
            local b1, b2 = struct.unpack('>I4I4', b, 3)
            if a1 ~= b1 then return a1 < b1 and -1 or 1 end
            if a2 ~= b2 then return a2 < b2 and -1 or 1 end
            return 0
        end
        local function header(key) return redis.call('GETRANGE', key, 0, 17) end
        local function state(entry) return string.sub(entry, 2, 2) end
        local function answers(entry) return state(entry) == 'V' or state(entry) == 'A' end
        local function with(entry, state, stamp)
            return string.sub(entry, 1, 1) .. state .. string.sub(entry, 3, 10) .. stamp .. string.sub(entry, 19)
        end

        """

    /// Before a load. ARGV: milliseconds of a lease, then one lease per key. Answers null where it was taken, else what is there.
    static let lease = RedisScript(
        common + """
            local found = {}
            for i, key in ipairs(KEYS) do
                local present = redis.call('GET', key)
                if not present or #present < 18 then
                    redis.call('SET', key, ARGV[i + 1], 'PX', ARGV[1])
                    found[i] = false
                else
                    if not answers(present) then redis.call('PEXPIRE', key, ARGV[1]) end
                    found[i] = present
                end
            end
            return found
            """)

    /// After a load. ARGV, three for each key: the stamp of the lease or nothing, milliseconds, the entry. The stamp may also be that of an answer which the
    /// loader could not read: then as new a one replaces it.
    /// Answers 1: it is there now; 0: nobody can tell whether it is the newest; else the entry that is there, as new or newer.
    static let fill = RedisScript(
        common + """
            local found = {}
            for i, key in ipairs(KEYS) do
                local stamp, life, entry = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]
                local present = header(key)
                found[i] = 0
                if #present == 18 and answers(present) then
                    local how = order(present, entry)
                    if how < 0 or how == 0 and string.sub(present, 11, 18) == stamp then
                        redis.call('SET', key, entry, 'PX', life)
                        found[i] = 1
                    else
                        found[i] = redis.call('GET', key)
                    end
                elseif #present == 18 and string.sub(present, 11, 18) == stamp then
                    if state(present) ~= 'L' and order(present, entry) >= 0 then
                        local written = redis.call('GET', key)
                        written = with(written, state(written) == 'W' and 'V' or 'A', string.sub(entry, 11, 18))
                        redis.call('SET', key, written, 'PX', life)
                        found[i] = written
                    elseif order(present, entry) <= 0 then
                        redis.call('SET', key, entry, 'PX', life)
                        found[i] = 1
                    end
                end
            end
            return found
            """)

    /// After a commit. ARGV, two for each key: milliseconds, the entry. Answers 1 where readers find this very entry now, 0 where they load or find a newer one.
    static let put = RedisScript(
        common + """
            local found = {}
            for i, key in ipairs(KEYS) do
                local life, entry = ARGV[2 * i - 1], ARGV[2 * i]
                local present = header(key)
                found[i] = 0
                if #present == 18 and order(present, entry) <= 0 then
                    if answers(present) then
                        redis.call('SET', key, entry, 'PX', life)
                        found[i] = 1
                    else
                        local state = state(entry) == 'V' and 'W' or 'B'
                        redis.call('SET', key, with(entry, state, string.sub(present, 11, 18)), 'KEEPTTL')
                    end
                end
            end
            return found
            """)

    /// After a commit whose outcome is not at hand. ARGV: milliseconds of a lease; '1' when versions are known, else '0'; then one lease per key, its version
    /// the least that readers may find. Answers the number of keys.
    static let fence = RedisScript(
        common + """
            for i, key in ipairs(KEYS) do
                local lease = ARGV[i + 2]
                local present = header(key)
                if #present < 18 then
                    redis.call('SET', key, lease, 'PX', ARGV[1])
                elseif ARGV[2] == '0' then
                    redis.call('SET', key, with(order(present, lease) > 0 and present or lease, 'L', string.sub(lease, 11, 18)), 'PX', ARGV[1])
                elseif order(present, lease) < 0 then
                    local stamp = string.sub(answers(present) and lease or present, 11, 18)
                    redis.call('SET', key, with(lease, 'L', stamp), 'PX', ARGV[1])
                end
            end
            return #KEYS
            """)
}
