"""Reads an index that `stanflow index` made, with lancedb and pyarrow alone: pip install lancedb duckdb

    python docs/examples/search_index.py INDEX

INDEX is a folder, or s3://bucket/prefix (credentials as object stores take them: AWS_ACCESS_KEY_ID and so on).
"""

import sys

import duckdb
import lancedb


def main(place):
    index = lancedb.connect(place)

    # Which model is searched, and which table has its clips.
    marks = {row["key"]: row["value"] for row in index.open_table("marks").to_arrow().to_pylist()}
    models = {row["digest"]: row for row in index.open_table("models").to_arrow().to_pylist()}
    model = models[marks["model"]]
    clips = index.open_table(model["table"])
    print(f"{clips.count_rows()} clips of {model['name'] or model['digest'][:12]}, {model['dim']} dimensions")

    # The clips most like one clip. Vectors have unit length.
    first = clips.search().select(["source", "start", "end", "vector"]).limit(1).to_list()[0]
    found = (
        clips.search(first["vector"], vector_column_name="vector")
        .distance_type("cosine")
        .select(["source", "start", "end", "label", "_distance"])
        .limit(5)
        .to_list()
    )
    print(f"most like {first['source']} at {first['start']:.1f} s:")
    for row in found:
        print(f"  {1 - row['_distance']:.3f}  {row['source']}  {row['start']:.1f}-{row['end']:.1f}  {row['label']}")

    # SQL over what is not a vector.
    rows = clips.search().select(["source", "start", "end", "label", "label_score"]).limit(1_000_000).to_arrow()
    counts = duckdb.sql(
        "select label, count(*) as clips, round(avg(label_score), 2) as score from rows group by label order by clips desc"
    ).fetchall()
    for label, count, score in counts:
        print(f"  {count} clips  {label}  {score}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
