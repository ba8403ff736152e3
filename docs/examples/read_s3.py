"""Reads the results of a backfill straight from a bucket: python read_s3.py s3://bucket/prefix

Needs pyarrow alone, and no code of stanflow's. Credentials come from the usual places (environment, profile, role);
AWS_ENDPOINT_URL_S3 names a server that is not AWS's.
"""

import os
import sys
from urllib.parse import urlsplit

import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow.fs import S3FileSystem


def file_system() -> S3FileSystem:
    endpoint = urlsplit(os.environ.get("AWS_ENDPOINT_URL_S3", ""))
    region = os.environ.get("AWS_REGION")
    if not endpoint.netloc:
        return S3FileSystem(region=region)
    return S3FileSystem(endpoint_override=endpoint.netloc, scheme=endpoint.scheme, region=region)


def main(place: str) -> None:
    fs = file_system()
    root = place.removeprefix("s3://").rstrip("/")

    embeddings = ds.dataset(f"{root}/embeddings", filesystem=fs, format="parquet", partitioning="hive")
    table = embeddings.to_table(columns=["clip_id", "source", "embedding"])
    print(f"{table.num_rows} clips of {len(pc.unique(table['source']))} videos, {table.schema.field('embedding').type}")

    labels = ds.dataset(f"{root}/labels", filesystem=fs, format="parquet", partitioning="hive")
    best = labels.to_table(columns=["source", "label", "score"], filter=pc.field("rank") == 1)
    for row in best.sort_by([("score", "descending")]).slice(0, 10).to_pylist():
        print(f"{row['score']:.3f}  {row['label']}  {row['source']}")


if __name__ == "__main__":
    main(sys.argv[1])
