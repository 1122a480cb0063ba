#!/usr/bin/env bash
# `make simulate`: builds the tests and runs only the simulations. They need no servers.
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
cd "$repository"
swift build --build-tests --explicit-target-dependency-import-check error
NO_COLOR=1 "$(swift build --show-bin-path)/martletPackageTests.xctest" --testing-library swift-testing --filter '^SimulationTests\.' 2>&1 |
    grep --line-buffered -v '◇'
