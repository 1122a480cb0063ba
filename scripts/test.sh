#!/usr/bin/env bash
# `make test`: builds with warnings and undeclared imports as errors, starts servers of its own in .local/test,
# tests, and stops them again whatever happens. Arguments are those of Swift Testing, such as `--filter Bus`.
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
cd "$repository"
stack=.local/test
mkdir -p .local
exec 8>.local/test.lock
flock --nonblock 8 || die "\`make test\` is running here already"

clean_up() {
    local result=$?
    trap '' INT TERM HUP
    stop_stacks "$stack"
    rm -rf "$stack"/{,*/}data
    exit "$result"
}

# A run that was killed may have left its servers.
stop_stacks "$stack"
rm -rf "$stack"

swift build --build-tests --explicit-target-dependency-import-check error
tests=$(swift build --show-bin-path)/martletPackageTests.xctest
# The services that the tests start: of the debug build, or as they are shipped.
configuration=debug
if [[ ${MARTLET_TEST_RELEASE:-} ]]; then
    configuration=release
    swift build -c release --static-swift-stdlib
fi
MARTLET_BIN=$(swift build -c "$configuration" --show-bin-path)
export MARTLET_BIN

# Passwords of tests are worth nothing: hash them cheaply. Two cores are shared by many servers: a few tests at a time.
export MARTLET_USERS_PASSWORD_OPERATIONS=1 MARTLET_USERS_PASSWORD_MEMORY=8 MARTLET_USERS_PASSWORD_QUEUE=1000
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=${SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH:-8}

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
scripts/stack.sh "$stack" up 8>&-
eval "$(scripts/stack.sh "$stack" env)"
# Not through `swift test`, which would keep everybody from building until the tests end. All tests at once would
# only wait for one another's connections. What merely started (◇) is of interest only if it never ends: then the
# log has it.
tests() {
    # Longer than all of them take on two busy cores: one that hangs must fail, not hold everybody up.
    local time_limit="$((30 + ${MARTLET_TEST_FAULTS_MINUTES:-0}))m"
    NO_COLOR=1 timeout --foreground --kill-after=10 "$time_limit" \
        "$tests" --testing-library swift-testing \
        --experimental-maximum-parallelization-width $((4 * $(nproc))) "$@" 2>&1 8>&- |
        tee --append "$stack/log/tests.log" | grep --line-buffered -v '◇'
}
if (($#)); then
    tests "$@"
else
    # What kills and starves whole stacks comes by itself: beside everything else it would only show how busy the machine is.
    result=0
    tests --skip '^FaultTests\.' || result=$?
    tests --filter '^FaultTests\.' || result=$?
    exit "$result"
fi
