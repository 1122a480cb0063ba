#!/usr/bin/env bash
# `make reset`: stops what runs under .local/ and removes all of it.
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
cd "$repository"
stop_stacks .local
stop_stacks .local/test
rm -rf .local
