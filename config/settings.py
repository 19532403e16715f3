"""The one settings file. Everything that differs between machines comes from the environment.

Without DATABASE_URL or CELERY_BROKER_URL the embedded services of FAULTLINE_DATA are meant
(config/embedded.py starts them), so `manage.py` works by hand while they run.
"""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
import plotly
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from . import logs, sentry
from .embedded import embedded_urls
from .environment import env, flag

BASE_DIR = Path(__file__).resolve().parent.parent
FAULTLINE_DATA = Path(env("FAULTLINE_DATA") or BASE_DIR / "var").resolve()


SECRET_KEY_CHARACTERS = 50
KEY_TOO_SHORT = (
    "SECRET_KEY is missing or shorter than 50 characters. Make one with: "
    "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
)


def secret_key() -> str:
    key_file = FAULTLINE_DATA / "secret_key"
    return env("SECRET_KEY") or (key_file.read_text().strip() if key_file.exists() else "")


GIVEN = {name: env(name) for name in ("DATABASE_URL", "CELERY_BROKER_URL")}
URLS = GIVEN if all(GIVEN.values()) else embedded_urls(FAULTLINE_DATA) | {k: v for k, v in GIVEN.items() if v}
DEBUG = flag("DEBUG")
SECRET_KEY = secret_key()
# What an earlier key signed or sealed (sessions, links, second factors) counts while it stands here.
SECRET_KEY_FALLBACKS = [key for key in env("SECRET_KEY_FALLBACKS").split(",") if key]
if not DEBUG and len(SECRET_KEY) < SECRET_KEY_CHARACTERS:
    raise ImproperlyConfigured(KEY_TOO_SHORT)
ALLOWED_HOSTS = env("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [origin for origin in env("CSRF_TRUSTED_ORIGINS", "").split(",") if origin]
SITE_URL = env("SITE_URL", "http://127.0.0.1:8000")
# What addresses in mails and files name (config.middleware.OneName); a trial goes by what it is called.
SITE_HOST = "" if DEBUG else urlsplit(SITE_URL).netloc.lower()
# Browsers leave these out where they name an origin.
SITE_HOST = SITE_HOST.removesuffix(":443" if SITE_URL.startswith("https:") else ":80")
if not DEBUG and not SITE_HOST:
    raise ImproperlyConfigured("SITE_URL is no address: write https://NAME.")

INSTALLED_APPS = [
    "config",
    "audits",
    "bounty",
    "common",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "config.static.StaticFiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "bootstrap",
    "csp",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "rest_framework",
]
MIDDLEWARE = [
    "config.requests.observed",
    "config.middleware.OneName",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "config.middleware.Headers",
    "config.middleware.SecondFactor",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    },
]

# Data

try:
    # Kept by a pool rather than by each thread: heartbeats come and go with their jobs.
    DATABASE = dj_database_url.parse(URLS["DATABASE_URL"], conn_max_age=0, conn_health_checks=True)
except ValueError as error:
    raise ImproperlyConfigured(
        "DATABASE_URL is no address of a database: write postgresql://USER:PASSWORD@HOST:PORT/NAME."
    ) from error
DATABASE.setdefault("OPTIONS", {})["pool"] = {
    "min_size": 1,
    "max_size": int(env("DATABASE_POOL", "10")),
    "timeout": 10,
}
DATABASES = {"default": DATABASE}
# knox's own token table is swapped for ours and would only stand in the way.
MIGRATION_MODULES = {"knox": None}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CELERY_BROKER_URL = URLS["CELERY_BROKER_URL"]
CACHES = {
    "default": {
        "BACKEND": "config.cache.OpenCache",
        "LOCATION": CELERY_BROKER_URL.replace("redis+socket://", "unix://"),
        "KEY_PREFIX": "cache",
        # Short: a page is not to wait for counts of requests.
        "OPTIONS": {
            "serializer": "config.cache.Json",
            "socket_connect_timeout": 0.5,
            "socket_timeout": 0.5,
        },
    }
}


def storage_of(bucket: str, folder: str, public_url: str = "") -> dict:
    """A bucket where there is one, else a folder of FAULTLINE_DATA."""
    if not bucket:
        modes = {"file_permissions_mode": 0o600, "directory_permissions_mode": 0o700}
        return {
            "BACKEND": "config.storage.PrivateStorage",
            "OPTIONS": {"location": FAULTLINE_DATA / folder, **modes},
        }
    return {
        "BACKEND": "config.storage.Bucket",
        "OPTIONS": {
            "bucket_name": bucket,
            "endpoint_url": env("S3_ENDPOINT_URL") or None,
            "region_name": env("S3_REGION", "us-east-1"),
            "access_key": env("S3_ACCESS_KEY"),
            "secret_key": env("S3_SECRET_KEY"),
            "public_url": public_url,
        },
    }


# Two, so that in production the web process needs no right to read what is hidden.
STORAGES = {
    "default": storage_of(env("S3_BUCKET"), "private", env("S3_PUBLIC_URL")),
    "hidden": storage_of(env("S3_HIDDEN_BUCKET"), "hidden"),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_000_000
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_000_000
FILE_UPLOAD_HANDLERS = [
    "config.uploads.CappedUpload",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
TABLE_MAX_BYTES = 1_000_000_000
MODEL_MAX_BYTES = 20_000_000
AUDIT_MAX_BYTES = 2_000_000_000
AUDIT_BYTES_PER_USER = int(env("AUDIT_BYTES_PER_USER", "10_000_000_000"))

# The worker

CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
# A wake-up that cannot be sent is not waited for: the reaper sends the next.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Remote control stays on: by its connection a worker whose processes are all busy notices that Redis is gone;
# without it, it would never take a wake-up again.
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_MAX_TASKS_PER_CHILD = None
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# Who serves a page waits this long for Redis, no longer; a worker asks again.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 1,
    "socket_timeout": 3,
    "health_check_interval": 5,
    "connect_retries_timeout": 1,
}
# The reaper goes before the wake-ups that have gathered: on Redis 0 comes first.
CELERY_TASK_ROUTES = {f"{app}.tasks.work": {"priority": 9} for app in ("bounty", "audits")}
# Nothing expires: it would by the clock of the worker.
CELERY_BEAT_SCHEDULE = {
    f"reap {app}": {"task": f"{app}.tasks.reap", "schedule": 5.0} for app in ("bounty", "audits")
} | {"forget": {"task": "config.tasks.forget", "schedule": 86_400.0}}
CELERY_BEAT_SCHEDULE_FILENAME = str(FAULTLINE_DATA / "celerybeat-schedule")
LEASE_SECONDS = 15
HEARTBEAT_SECONDS = 4
JOB_TRIES = 3

# People

AUTHENTICATION_BACKENDS = ["config.accounts.Backend"]
VALIDATORS = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{VALIDATORS}.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": f"{VALIDATORS}.UserAttributeSimilarityValidator"},
    {"NAME": f"{VALIDATORS}.CommonPasswordValidator"},
    {"NAME": f"{VALIDATORS}.NumericPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 2 * 3600
ACCOUNT_ADAPTER = "config.accounts.Adapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
# Outside a trial, an address that nobody has confirmed is nobody's: quotas are counted by account.
ACCOUNT_EMAIL_VERIFICATION = env("ACCOUNT_EMAIL_VERIFICATION", "optional" if DEBUG else "mandatory")
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Faultline] "
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_USERNAME_MIN_LENGTH = 2
ACCOUNT_USERNAME_VALIDATORS = "config.accounts.username_validators"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
# AMOUNT/DURATION/of whom: a network address, a user, or the name or address that was typed.
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "20/m/ip,5/5m/key",
    "second_factor": "20/d/key",
    "signup": "20/m/ip,100/d/ip",
    "reset_password": "10/m/ip,3/10m/key",
    "reset_password_from_key": "10/m/ip",
    "confirm_email": "1/3m/key",
    "manage_email": "10/m/user,50/d/user",
    "change_password": "5/m/user",
    "reauthenticate": "10/m/user",
}
# Organisers and staff need a second factor: for every site that is more than a trial.
MFA_REQUIRED = flag("MFA_REQUIRED")
MFA_ADAPTER = "config.mfa.Adapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "config.mfa.SignInForm",
    "reauthenticate": "config.mfa.AgainForm",
}
MFA_TOTP_ISSUER = "Faultline"
MFA_RECOVERY_CODES_SHOW_ONCE = True
# Where nobody has to confirm an address, nobody has to for this.
MFA_ALLOW_UNVERIFIED_EMAIL = ACCOUNT_EMAIL_VERIFICATION != "mandatory"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
EMAIL_BACKEND = env("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
EMAIL_HOST = env("EMAIL_HOST", "localhost")
EMAIL_PORT = int(env("EMAIL_PORT", "25"))
EMAIL_HOST_USER = env("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = flag("EMAIL_USE_TLS")
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", "Faultline <faultline@localhost>")

# API

KNOX_TOKEN_MODEL = "config.ApiToken"  # noqa: S105 -- a name
REST_KNOX = {
    "AUTH_HEADER_PREFIX": "Bearer",
    "TOKEN_TTL": timedelta(days=90),
    "TOKEN_PREFIX": "flt_",
    "AUTO_REFRESH": False,
}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "config.api.BearerToken",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticatedOrReadOnly"],
    "DEFAULT_PARSER_CLASSES": ["config.api.JsonBody", "config.api.MultipartBody"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "config.api.CursorPages",
    "PAGE_SIZE": 50,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.api_errors.exception_handler",
    # Pages count under the same rates (common.throttle.is_too_fast).
    "DEFAULT_THROTTLE_CLASSES": [
        "common.throttle.OfStrangers",
        "common.throttle.OfUsers",
        "common.throttle.OfScopes",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "anon": env("THROTTLE_ANON", "120/min"),
        "user": env("THROTTLE_USER", "600/min"),
        "samples": env("THROTTLE_SAMPLES", "30/min"),
        "checks": env("THROTTLE_CHECKS", "120/min"),
        "submissions": env("THROTTLE_SUBMISSIONS", "120/min"),
        "audits": env("THROTTLE_AUDITS", "30/min"),
        "tokens": "20/hour",
        "people": "30/hour",
    },
    "NUM_PROXIES": int(env("NUM_PROXIES", "0")),
    "UPLOADED_FILES_USE_URL": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Faultline API",
    "DESCRIPTION": "Submit finds and fixes to bias bounties and read leaderboards; audit tables of results "
    "by group. "
    "Sign requests with `Authorization: Bearer <token>`; tokens are made on the page *API tokens*.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "OAS_VERSION": "3.1.1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.api_schema.document_errors",
    ],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "AuditKind": "audits.serializers.KIND_KEYS",
        "SubmissionKind": "bounty.serializers.KIND_KEYS",
    },
    "SCHEMA_PATH_PREFIX": "/api/v1",
}

# Pages

STATIC_URL = "static/"
STATIC_ROOT = Path(env("STATIC_ROOT") or FAULTLINE_DATA / "static")
STATICFILES_DIRS = [BASE_DIR / "static", ("plotly", Path(plotly.__file__).parent / "package_data")]
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = False
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
BEHIND_PROXY = flag("BEHIND_PROXY")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
HTTPS = SITE_URL.startswith("https://")
SECURE_SSL_REDIRECT = flag("SECURE_SSL_REDIRECT", "1" if HTTPS and BEHIND_PROXY else "0")
# Asked from inside, past the proxy.
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
if HTTPS:
    # Browsers take these names only from this very host, over TLS: no neighbouring subdomain can set them.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
# In the session rather than in a third cookie.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS and flag("HSTS_SUBDOMAINS", "1")
# A promise to every browser that is slow to take back: whoever owns the domain makes it, not this code.
SECURE_HSTS_PRELOAD = SECURE_HSTS_INCLUDE_SUBDOMAINS and flag("HSTS_PRELOAD")
SILENCED_SYSTEM_CHECKS = ["security.W021"]

# Seen from outside

LOGGING = logs.config(env("LOG_FORMAT", "line"), env("LOG_LEVEL", "INFO"))
METRICS_TOKEN = env("METRICS_TOKEN")
sentry.begin(env("SENTRY_DSN"), "debug" if DEBUG else "production")
