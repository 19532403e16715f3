#!/bin/sh
# At the first start of PostgreSQL: the role that the site is, and its database. It is no superuser, who could run
# programs on the server's machine; restoring a backup takes the right to create databases, and no other.
set -eu
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres <<'EOF'
\set password `cat "$DATABASE_PASSWORD_FILE"`
CREATE ROLE faultline LOGIN NOSUPERUSER NOCREATEROLE CREATEDB PASSWORD :'password';
CREATE DATABASE faultline OWNER faultline;
EOF
