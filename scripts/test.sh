#!/usr/bin/env bash
# `make test`: builds the tests, starts a stack in .local/test, runs the tests, and always stops the stack.
# Warnings and undeclared imports are build errors. Arguments go to Swift Testing, such as `--filter Bus`.
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
cd "$repository"
stack=.local/test
mkdir -p .local
exec 8>.local/test.lock
flock --nonblock 8 || die "another \`make test\` is running in this directory"

clean_up() {
    local result=$?
    trap '' INT TERM HUP
    stop_stacks "$stack"
    rm -rf "$stack"/{,*/}data
    exit "$result"
}

# A killed run may have left its servers running.
stop_stacks "$stack"
rm -rf "$stack"

swift build --build-tests --explicit-target-dependency-import-check error
tests=$(swift build --show-bin-path)/martletPackageTests.xctest
# The build whose services the tests start: debug, or release as it is shipped.
configuration=debug
if [[ ${MARTLET_TEST_RELEASE:-} ]]; then
    configuration=release
    swift build -c release --static-swift-stdlib
fi
MARTLET_BIN=$(swift build -c "$configuration" --show-bin-path)
export MARTLET_BIN

# Test passwords need no protection, so their hashes are cheap. The parallelism is low because all servers of
# the stack share the processors with the tests.
export MARTLET_USERS_PASSWORD_OPERATIONS=1 MARTLET_USERS_PASSWORD_MEMORY=8 MARTLET_USERS_PASSWORD_QUEUE=1000
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=${SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH:-8}

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
scripts/stack.sh "$stack" up 8>&-
eval "$(scripts/stack.sh "$stack" env)"
# Runs the test binary directly: `swift test` would block other builds until the tests end. The width is
# limited because more tests at once would only wait for each other's connections. Lines about started tests
# (◇) appear in the log only; they matter when a test never ends.
tests() {
    # Longer than all tests take on two busy cores, so that a test that hangs fails the run.
    local time_limit="$((30 + ${MARTLET_TEST_FAULTS_MINUTES:-0}))m"
    NO_COLOR=1 timeout --foreground --kill-after=10 "$time_limit" \
        "$tests" --testing-library swift-testing \
        --experimental-maximum-parallelization-width $((4 * $(nproc))) "$@" 2>&1 8>&- |
        tee --append "$stack/log/tests.log" | grep --line-buffered -v '◇'
}
if (($#)); then
    tests "$@"
else
    # Fault tests kill and overload whole stacks. They run alone, because other tests would distort the results.
    result=0
    tests --skip '^FaultTests\.' || result=$?
    tests --filter '^FaultTests\.' || result=$?
    exit "$result"
fi
