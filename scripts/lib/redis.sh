# Redis: a cache with a memory limit that evicts the least recently used keys.
# Each service has a user with access to the keys and channels under its own prefix.

prepare_redis() {
    mkdir -p data/redis
    (umask 077 && redis_configuration >config/redis.conf)
}

redis_configuration() {
    local service
    cat <<-EOF
	bind 127.0.0.1
	port $(port redis)
	dir data/redis
	save ""
	appendonly no
	maxmemory ${MARTLET_REDIS_MEMORY:-128mb}
	maxmemory-policy allkeys-lru
	user operator on >$(secret redis.operator) ~* &* +@all
	user default $([[ $kind == test ]] && echo 'on nopass ~* &* +@all' || echo off)
	EOF
    for service in $(service_names); do
        echo "user $service on >$(secret "redis.$service") resetchannels ~$service:* &$service:* +@all -@admin -@dangerous -scan -randomkey +info"
    done
}

run_redis() { exec redis-server config/redis.conf; }

redis_is_ready() {
    [[ $(REDISCLI_AUTH=$(secret redis.operator) redis-cli -p "$(port redis)" --user operator ping) == PONG ]]
}
