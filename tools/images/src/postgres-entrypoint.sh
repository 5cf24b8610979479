#!/bin/sh
# As far as the chart's development servers use the official image: a new folder gets the password and the database, arguments are the server's.
set -eu
export PATH="/usr/local/pgsql/bin:$PATH"
if [ ! -d "$PGDATA" ]; then
  rm -rf "$PGDATA.new"
  initdb --pgdata="$PGDATA.new" --username=postgres --pwfile="$POSTGRES_PASSWORD_FILE" --auth=scram-sha-256 \
    --encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8 >/dev/null
  echo "host all all all scram-sha-256" >>"$PGDATA.new/pg_hba.conf"
  echo "create database $POSTGRES_DB;" | postgres --single -D "$PGDATA.new" postgres >/dev/null
  mv "$PGDATA.new" "$PGDATA"
fi
exec postgres -c listen_addresses='*' "$@"
