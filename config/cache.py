"""The cache holds counts of rate limits and locks that save work, nothing more: the site runs without it."""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

AWAY = "Redis does not answer, so nothing is counted and no rate limit holds: %s"
PAUSE_SECONDS = 2.0


class Json:
    """Pickles would let whoever can write to Redis run code here."""

    def dumps(self, value: Any) -> bytes:
        return json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


class OpenCache(RedisCache):
    """Redis, or while it is away a cache that forgets at once.

    After a failure it is left alone for a moment, so that a page does not wait for it ten times over.
    """

    left_alone_until = 0.0

    def ask(self, call: Callable, otherwise: Any) -> Any:
        if time.monotonic() < self.left_alone_until:
            return otherwise
        try:
            return call()
        except (RedisError, OSError) as error:
            logger.error(AWAY, error)
            self.left_alone_until = time.monotonic() + PAUSE_SECONDS
            return otherwise

    def get(self, key, default=None, version=None):
        ask = super().get
        return self.ask(lambda: ask(key, default, version), default)

    def get_many(self, keys, version=None):
        ask = super().get_many
        return self.ask(lambda: ask(keys, version), {})

    def has_key(self, key, version=None):
        ask = super().has_key
        return self.ask(lambda: ask(key, version), False)

    def add(self, *args, **kwargs):
        # Who asks for a lock gets it.
        ask = super().add
        return self.ask(lambda: ask(*args, **kwargs), True)

    def set(self, *args, **kwargs):
        ask = super().set
        self.ask(lambda: ask(*args, **kwargs), None)

    def set_many(self, *args, **kwargs):
        ask = super().set_many
        return self.ask(lambda: ask(*args, **kwargs), [])

    def touch(self, *args, **kwargs):
        ask = super().touch
        return self.ask(lambda: ask(*args, **kwargs), False)

    def delete(self, key, version=None):
        ask = super().delete
        return self.ask(lambda: ask(key, version), False)

    def delete_many(self, keys, version=None):
        ask = super().delete_many
        self.ask(lambda: ask(keys, version), None)
