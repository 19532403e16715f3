"""The two buckets and who may do what in them, against an S3-compatible server."""

import json

import boto3
import pytest
from django.core.management import CommandError, call_command
from moto import mock_aws

WEB, WORKER = "faultline-web", "faultline-worker"
ALL = {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"}


@pytest.fixture
def buckets(settings):
    options = {"access_key": "root", "secret_key": "root", "region_name": "us-east-1"}
    settings.STORAGES = settings.STORAGES | {
        alias: {"BACKEND": "config.storage.Bucket", "OPTIONS": {"bucket_name": name, **options}}
        for alias, name in (("default", "open"), ("hidden", "closed"))
    }
    with mock_aws():
        yield boto3.client("s3", "us-east-1")


def allowed(client, bucket: str, who: str) -> set[str]:
    policy = json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])
    return {
        action
        for statement in policy["Statement"]
        if who in statement["Principal"]["AWS"] and statement["Effect"] == "Allow"
        for action in statement["Action"]
    }


def test_web_may_only_put_into_the_hidden_bucket(buckets):
    for _ in range(2):  # again changes nothing
        call_command("make_buckets", web=WEB, worker=WORKER)
        assert allowed(buckets, "closed", WEB) == {"s3:PutObject", "s3:AbortMultipartUpload"}
        assert allowed(buckets, "closed", WORKER) == ALL | {"s3:ListBucket"}
        assert allowed(buckets, "open", WEB) == ALL | {"s3:ListBucket"}
        assert allowed(buckets, "open", WORKER) == ALL | {"s3:ListBucket"}


def test_it_names_no_resource_but_its_own_bucket(buckets):
    call_command("make_buckets", web=WEB, worker=WORKER)
    for bucket in ("open", "closed"):
        policy = json.loads(buckets.get_bucket_policy(Bucket=bucket)["Policy"])
        resources = {resource for statement in policy["Statement"] for resource in statement["Resource"]}
        assert resources == {f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"}


def test_folders_have_no_policies(db):
    with pytest.raises(CommandError, match="set S3_BUCKET"):
        call_command("make_buckets", web=WEB, worker=WORKER)
