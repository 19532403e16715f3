"""Whether a worker of this machine, or container, is alive: for the health check of a container."""

import socket

import psycopg
from django.core.management.base import BaseCommand, CommandError

from common.models import ALIVE_SECONDS
from config.workers import connect

SILENT = "No worker of {host} has shown itself in the last {seconds} seconds: see its log, or start it again."
NO_DATABASE = "The database does not answer, so nothing is known of the worker."
ALIVE = """
    SELECT count(*), sum(processes) FROM common_worker
    WHERE host = %s AND seen > now() - make_interval(secs => %s)
"""


class Command(BaseCommand):
    help = "Ends with 0 when a worker of this machine reaches its broker and the database, else with 1."
    requires_system_checks = ()

    def handle(self, **options) -> None:
        host = socket.gethostname()
        try:
            with connect() as database:
                workers, processes = database.execute(ALIVE, (host, ALIVE_SECONDS)).fetchone()
        except psycopg.Error as error:
            raise CommandError(NO_DATABASE) from error
        if not workers:
            raise CommandError(SILENT.format(host=host, seconds=ALIVE_SECONDS))
        self.stdout.write(f"{workers} alive, {processes} processes")
