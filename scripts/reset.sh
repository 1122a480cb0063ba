#!/usr/bin/env bash
# `make reset`: stops all stacks under .local/ and removes that directory.
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
cd "$repository"
stop_stacks .local
stop_stacks .local/test
rm -rf .local
