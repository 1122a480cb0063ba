#!/usr/bin/env bash
# What the supervisor runs: notes its own process id, then becomes the program. `launch.sh <program> [instance]`
. scripts/lib/common.sh
stack=$PWD
for library in settings postgres pgbouncer rabbitmq redis service; do . "scripts/lib/$library.sh"; done
load_settings

name=$1 instance=${2:-1}
pid_file=run/$(program_name "$name" "$instance").pid
# A program that died within a second of its start waits for a second; any other comes back at once.
[[ -z $(find "$pid_file" -newermt '1 second ago' 2>/dev/null) ]] || sleep 1
echo $$ >"$pid_file"

limit=$(ulimit -Hn)
ulimit -Sn "$([[ $limit == unlimited || $limit -gt 65536 ]] && echo 65536 || echo "$limit")"
case $name in
postgres | pgbouncer | epmd | rabbitmq | redis) "run_$name" ;;
*) exec_service "$name" "$instance" ;;
esac
