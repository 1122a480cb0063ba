#!/usr/bin/env bash
# Prints the address of the HTTP API and an example request.
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
cd "$repository/.local"
. scripts/lib/settings.sh
load_settings
url=http://127.0.0.1:$(port bff)
cat <<EOF

Martlet listens on $url. Register a first user:

  curl -i $url/v1/users -H 'content-type: application/json' \\
    -d '{"username": "ada", "password": "correct horse battery", "displayName": "Ada"}'

Logs are in .local/log/.
EOF
