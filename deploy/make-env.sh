#!/bin/sh
# Writes .env from .env.example with fresh keys. Leaves an existing .env alone: its password opens an existing database.
set -eu
cd "$(dirname "$0")/.."
if [ -e .env ]; then
  echo '.env exists already, nothing changed' >&2
  exit 1
fi

# Hexadecimal digits: fit for keys, and for URLs without encoding.
random() {
  od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'
}

umask 077
sed -e "s/^INNGEST_EVENT_KEY=.*/INNGEST_EVENT_KEY=$(random 24)/" \
    -e "s/^INNGEST_SIGNING_KEY=.*/INNGEST_SIGNING_KEY=$(random 32)/" \
    -e "s/^# POSTGRES_PASSWORD=.*/POSTGRES_PASSWORD=$(random 24)/" \
    -e "s/^# GRAFANA_ADMIN_PASSWORD=.*/GRAFANA_ADMIN_PASSWORD=$(random 12)/" \
    .env.example >.env
echo '.env is written: docker compose up'
