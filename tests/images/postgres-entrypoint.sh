#!/bin/sh
# An empty cluster at the first start of the server; anything else is run as it is.
set -eu
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb --auth=trust --username=postgres --encoding=UTF8 >/dev/null
    echo "host all all all ${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
    # Connections of the suites go over TCP; the directory of the socket belongs to a service that does not run here.
    echo "unix_socket_directories = '/tmp'" >>"$PGDATA/postgresql.conf"
fi
exec "$@"
