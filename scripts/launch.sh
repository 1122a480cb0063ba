#!/usr/bin/env bash
# `launch.sh <program> [instance]`: started by the supervisor in the directory of a stack.
# Writes its process id to run/<program>.pid, then replaces itself with the program, which keeps that id.
. scripts/lib/common.sh
stack=$PWD
for library in settings postgres pgbouncer rabbitmq redis service; do . "scripts/lib/$library.sh"; done
load_settings

name=$1 instance=${2:-1}
pid_file=run/$(program_name "$name" "$instance").pid
# Delays a restart by one second if the previous process started less than a second ago.
[[ -z $(find "$pid_file" -newermt '1 second ago' 2>/dev/null) ]] || sleep 1
echo $$ >"$pid_file"

limit=$(ulimit -Hn)
ulimit -Sn "$([[ $limit == unlimited || $limit -gt 65536 ]] && echo 65536 || echo "$limit")"
case $name in
postgres | pgbouncer | epmd | rabbitmq | redis) "run_$name" ;;
*) exec_service "$name" "$instance" ;;
esac
