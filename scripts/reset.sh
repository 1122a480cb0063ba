#!/usr/bin/env bash
# `make reset`: stops what runs under .local/ and removes all of it.
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
cd "$repository"
for stack in .local .local/test; do
    if [[ -d $stack/config ]]; then scripts/stack.sh "$stack" down; fi
done
rm -rf .local
