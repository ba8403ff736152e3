"""Reads stanflow's results with other people's programs only: confluent-kafka for topics, pyarrow for Parquet.

    pip install "confluent-kafka[avro,schemaregistry]" numpy pyarrow
    python read_results.py --brokers 127.0.0.1:9092 --prefix stanflow. [--registry http://127.0.0.1:8081] [--parquet out]

Prints one JSON line for each place it read.
"""

import argparse
import base64
import json
import uuid

import numpy as np
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition


def read_topic(brokers, topic):
    """All committed records of a topic, as (key, value bytes, headers)."""
    consumer = Consumer({
        "bootstrap.servers": brokers,
        "group.id": f"example-{uuid.uuid4()}",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    })
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
    ended = set()
    while len(ended) < len(partitions):
        message = consumer.poll(30)
        if message is None:
            raise SystemExit(f"nothing came of {topic}")
        if message.error():
            ended.add(message.partition())  # the end of a partition
            continue
        yield message.key().decode(), message.value(), dict(message.headers() or [])
    consumer.close()


def decoder(registry):
    """Bytes of a value to a dict: JSON, or Avro with its schema in the registry."""
    if registry is None:
        return lambda topic, value: json.loads(value)
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroDeserializer
    from confluent_kafka.serialization import MessageField, SerializationContext

    deserialize = AvroDeserializer(SchemaRegistryClient({"url": registry}))
    return lambda topic, value: deserialize(value, SerializationContext(topic, MessageField.VALUE))


def vector(value):
    """`vector` is float32, little-endian: bytes in Avro, base64 of them in JSON."""
    raw = value["vector"]
    return np.frombuffer(base64.b64decode(raw) if isinstance(raw, str) else raw, dtype="<f4")


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--brokers", required=True)
    args.add_argument("--prefix", default="stanflow.")
    args.add_argument("--registry")
    args.add_argument("--parquet")
    args = args.parse_args()
    decode = decoder(args.registry)

    topic = f"{args.prefix}embeddings"
    clips = {}
    for key, raw, headers in read_topic(args.brokers, topic):
        value = decode(topic, raw)
        assert key == value["source"] and headers["ce_id"].decode() == value["clip_id"]
        clips[value["clip_id"]] = vector(value)
        assert abs(np.linalg.norm(clips[value["clip_id"]]) - 1) < 1e-4
    print(json.dumps({"topic": topic, "clips": len(clips), "dim": len(next(iter(clips.values())))}))

    topic = f"{args.prefix}labels"
    best = {}
    for _, raw, _ in read_topic(args.brokers, topic):
        value = decode(topic, raw)
        best[value["clip_id"]] = value["labels"][0]["label"]
    assert best.keys() == clips.keys()
    print(json.dumps({"topic": topic, "clips": len(best), "labels": sorted(set(best.values()))}))

    if args.parquet:
        import pyarrow.dataset as ds

        table = ds.dataset(f"{args.parquet}/embeddings", format="parquet", partitioning="hive").to_table()
        ids = table["clip_id"].to_pylist()
        matrix = np.stack(table["embedding"].to_numpy(zero_copy_only=False))
        assert sorted(ids) == sorted(clips)
        assert all(np.array_equal(matrix[i], clips[clip]) for i, clip in enumerate(ids))
        print(json.dumps({"parquet": args.parquet, "clips": len(ids), "dim": int(matrix.shape[1])}))


main()
