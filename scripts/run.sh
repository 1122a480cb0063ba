#!/usr/bin/env bash
# `make run`: starts the stack, says where it is, and stays in front until Ctrl-C. It is built already.
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
cd "$repository"

stop() {
    trap '' INT TERM HUP
    log $'\nStopping…'
    scripts/stack.sh .local down
    exit "$1"
}

supervisor_pid() { cat .local/run/supervisor.pid 2>/dev/null; }

if supervisor_pid >/dev/null; then
    scripts/stack.sh .local up
    scripts/welcome.sh
    echo "It runs in the background: \`make down\` stops it."
    exit
fi
trap 'stop 0' INT
trap 'stop 143' TERM HUP
scripts/stack.sh .local up || stop 1
scripts/welcome.sh
echo "Ctrl-C stops it."
tail --pid="$(supervisor_pid)" --follow /dev/null &
wait $!
