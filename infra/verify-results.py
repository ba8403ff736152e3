#!/usr/bin/env python3
"""Opens every Parquet file of an output folder with pyarrow and with DuckDB and checks what is promised of it.

usage: verify-results.py DIR

Embeddings: fixed_size_list<float32>[dim], unit length, each clip_id once per recipe. Labels: each belongs to a stored
clip, ranks 1..k. Prints a table; exit status 1 and the faults when something is not as promised.
"""

import pathlib
import sys

try:
    import duckdb
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as error:
    sys.exit(f"{error}. Install what reads the files: pip install duckdb numpy pyarrow")


def embeddings_of(recipe, faults):
    """Reads a recipe's embeddings with pyarrow. Returns clip ids and dimension."""
    ids, dims = [], set()
    for path in sorted(recipe.rglob("*.parquet")):
        table = pq.ParquetFile(path).read()
        column = table.schema.field("embedding").type
        if not pa.types.is_fixed_size_list(column) or column.value_type != pa.float32():
            faults.append(f"{path}: embedding is {column}")
            continue
        metadata = table.schema.metadata or {}
        if metadata.get(b"stanflow.dim") != str(column.list_size).encode():
            faults.append(f"{path}: stanflow.dim is {metadata.get(b'stanflow.dim')}, not {column.list_size}")
        if set(table["model_digest"].to_pylist()) != {metadata.get(b"stanflow.model_digest", b"").decode()}:
            faults.append(f"{path}: model_digest is not the file's stanflow.model_digest")
        vectors = table["embedding"].combine_chunks().flatten().to_numpy().reshape(-1, column.list_size)
        off = np.abs(np.linalg.norm(vectors.astype(np.float64), axis=1) - 1).max(initial=0)
        if not off < 1e-3:
            faults.append(f"{path}: a vector's length is off by {off:.2g}")
        ids += table["clip_id"].to_pylist()
        dims.add(column.list_size)
    if len(dims) > 1:
        faults.append(f"{recipe}: several dimensions, {sorted(dims)}")
    if len(set(ids)) < len(ids):
        faults.append(f"{recipe}: {len(ids) - len(set(ids))} clips are there more than once")
    return ids, max(dims, default=0)


def labels_of(folder, ids, faults):
    """Reads a label set with pyarrow. Returns its number of rows."""
    tables = [pq.ParquetFile(path).read() for path in sorted(folder.rglob("*.parquet"))]
    if not tables:
        return 0
    table = pa.concat_tables(tables)
    strangers = set(table["clip_id"].to_pylist()) - set(ids)
    if strangers:
        faults.append(f"{folder}: labels of {len(strangers)} clips that are not stored")
    unlabelled = set(ids) - set(table["clip_id"].to_pylist())
    if unlabelled:
        faults.append(f"{folder}: {len(unlabelled)} stored clips have no labels")
    ranks = {}
    for clip, rank in zip(table["clip_id"].to_pylist(), table["rank"].to_pylist()):
        ranks.setdefault(clip, []).append(rank)
    if any(sorted(found) != list(range(1, len(found) + 1)) for found in ranks.values()):
        faults.append(f"{folder}: ranks of a clip are not 1..k")
    return table.num_rows


def duckdb_counts(recipe, labels, ids, dim, faults):
    """Asks DuckDB for the same: rows, distinct clips, unit length in FLOAT[dim], labels that join."""
    rows, clips, off = duckdb.execute(
        f"""select count(*), count(distinct clip_id),
            max(abs(sqrt(array_inner_product(embedding::FLOAT[{dim}], embedding::FLOAT[{dim}])) - 1))
            from read_parquet(?, hive_partitioning = true)""",
        [f"{recipe}/**/*.parquet"],
    ).fetchone()
    if (rows, clips) != (len(ids), len(set(ids))) or not off < 1e-3:
        faults.append(f"{recipe}: DuckDB finds {rows} rows, {clips} clips, length off by {off}")
    for folder, count in labels.items():
        if count == 0:
            continue
        (joined,) = duckdb.execute(
            "select count(*) from read_parquet(?) l join read_parquet(?) e using (clip_id)",
            [f"{folder}/**/*.parquet", f"{recipe}/**/*.parquet"],
        ).fetchone()
        if joined != count:
            faults.append(f"{folder}: DuckDB joins {joined} of {count} labels")


def main(directory):
    root, faults = pathlib.Path(directory), []
    recipes = sorted(root.glob("embeddings/model=*/sample=*"))
    recipes = [recipe for recipe in recipes if any(recipe.rglob("*.parquet"))]
    print(f"{'model':<14}{'sampling':<22}{'dim':>5}{'clips':>9}{'labels':>9}")
    for recipe in recipes:
        ids, dim = embeddings_of(recipe, faults)
        folders = sorted(root.glob(f"labels/{recipe.parent.name}/{recipe.name}/labels=*"))
        labels = {folder: labels_of(folder, ids, faults) for folder in folders}
        if dim > 0:
            duckdb_counts(recipe, labels, ids, dim, faults)
        model, sampling = recipe.parent.name.partition("=")[2], recipe.name.partition("=")[2]
        print(f"{model:<14}{sampling:<22}{dim:>5}{len(ids):>9}{sum(labels.values()):>9}")
    if not recipes:
        faults.append(f"{root}: no Parquet files of embeddings")
    for fault in faults:
        print(f"FAULT {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
