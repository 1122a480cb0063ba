#!/usr/bin/env bash
# `make run`: starts the stack, says where it is, and stays in front until Ctrl-C. It is built already.
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
cd "$repository"
stack=.local
. scripts/lib/settings.sh

stop() {
    trap '' INT TERM HUP
    say $'\nStopping…'
    scripts/stack.sh "$stack" down
    exit "$1"
}

supervisor_pid() { cat "$stack/run/supervisor.pid" 2>/dev/null; }

welcome() {
    (cd "$stack" && load_settings && echo "
Martlet answers at http://127.0.0.1:$(port bff) — try:

  curl -i http://127.0.0.1:$(port bff)/v1/users -H 'content-type: application/json' \\
    -d '{\"username\": \"ada\", \"password\": \"correct horse battery\", \"displayName\": \"Ada\"}'

Logs are in $stack/log/.")
}

if supervisor_pid >/dev/null; then
    scripts/stack.sh "$stack" up
    welcome
    echo "It runs in the background: \`make down\` stops it."
    exit
fi
trap 'stop 0' INT
trap 'stop 143' TERM HUP
scripts/stack.sh "$stack" up || stop 1
welcome
echo "Ctrl-C stops it."
tail --pid="$(supervisor_pid)" --follow /dev/null &
wait $!
