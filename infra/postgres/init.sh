#!/usr/bin/env bash
# Runs once, when the image of Postgres makes a new cluster.
set -eu
psql --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" --no-psqlrc --quiet --set=ON_ERROR_STOP=1 \
  --set=database="$POSTGRES_DB" --set=owner_password="$WARREN_OWNER_PASSWORD" --set=password="$WARREN_PASSWORD" \
  --file=/etc/warren/roles.sql
