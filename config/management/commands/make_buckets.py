"""Make the two buckets, and say in their policies who may do what: into the hidden one web may only put."""

import json

from botocore.exceptions import ClientError
from django.core.files.storage import Storage, storages
from django.core.management.base import BaseCommand, CommandError

from ...storage import Bucket

# Large files go up in parts: who may send them may also call it off.
PUT = ["s3:PutObject", "s3:AbortMultipartUpload"]
ALL = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
NO_BUCKETS = "Files lie in folders here: set S3_BUCKET and S3_HIDDEN_BUCKET."


class Command(BaseCommand):
    help = "Make both buckets and set their policies, with the credential of whoever owns the storage."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--web", required=True, help="who the web process is to the storage")
        parser.add_argument("--worker", required=True, help="who the workers are to the storage")

    def handle(self, *args, web: str, worker: str, **options) -> None:
        for alias, rights in (("default", {web: ALL, worker: ALL}), ("hidden", {web: PUT, worker: ALL})):
            storage = storages[alias]
            if not isinstance(storage, Bucket):
                raise CommandError(NO_BUCKETS)
            make(storage)
            policy = json.dumps(policy_of(storage.bucket_name, rights))
            client(storage).put_bucket_policy(Bucket=storage.bucket_name, Policy=policy)
            self.stdout.write(f"The bucket {storage.bucket_name} is there, with its policy.")


def client(storage: Storage):
    return storage.connection.meta.client


def make(storage: Storage) -> None:
    try:
        client(storage).create_bucket(Bucket=storage.bucket_name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
            raise


def policy_of(bucket: str, rights: dict[str, list[str]]) -> dict:
    """Each is allowed what it needs; what is allowed to nobody is denied."""
    statements = [
        {
            "Effect": "Allow",
            "Principal": {"AWS": [who]},
            "Action": actions,
            "Resource": [f"arn:aws:s3:::{bucket}/*"],
        }
        for who, actions in rights.items()
    ]
    listing = [who for who, actions in rights.items() if actions == ALL]
    statements.append(
        {
            "Effect": "Allow",
            "Principal": {"AWS": listing},
            "Action": ["s3:ListBucket"],
            "Resource": [f"arn:aws:s3:::{bucket}"],
        }
    )
    return {"Version": "2012-10-17", "Statement": statements}
