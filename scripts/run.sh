#!/usr/bin/env bash
# `make run`: starts the stack, prints its address, and stays in the foreground. Ctrl-C stops the stack.
# Expects an up-to-date release build.
# If the stack already runs in the background, restarts the services with newer binaries and exits.
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
    echo "The stack runs in the background. Stop it with \`make down\`."
    exit
fi
trap 'stop 0' INT
trap 'stop 143' TERM HUP
scripts/stack.sh .local up || stop 1
scripts/welcome.sh
echo "Press Ctrl-C to stop."
tail --pid="$(supervisor_pid)" --follow /dev/null &
wait $!
