import Redis

/// The atomic steps of the cache, as Lua scripts. ``CacheEntry`` defines the layout of an entry; Lua counts
/// from 1.
///
/// The invariant that holds under eviction, expiry and delays: a value enters an empty key only through a
/// lease. A load takes the lease before it reads the store, and an eviction removes the lease. A load that
/// still finds its lease has therefore missed no write.
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

    /// Before a load. ARGV: the lease time in milliseconds, then one lease per key.
    ///
    /// Returns null where it stored the lease, else the present entry.
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

    /// After a load. ARGV, three per key: the stamp of the lease or an empty string, the time to live in
    /// milliseconds, the entry. The stamp may also be that of an entry which the loader could not decode: an
    /// entry of the same version replaces it then.
    ///
    /// Returns 1 when the entry was stored, 0 when it may not be the newest, else the present entry, which is
    /// as new or newer.
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

    /// After a commit. ARGV, two per key: the time to live in milliseconds, the entry.
    ///
    /// Returns 1 where readers get exactly this entry, 0 where they load or get a newer one.
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

    /// After a commit whose new values are not at hand. ARGV: the lease time in milliseconds; '1' with
    /// versions, else '0'; then one lease per key, whose version is the minimum that readers may get. Returns
    /// the number of keys.
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
