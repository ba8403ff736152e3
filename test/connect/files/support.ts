import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { Folder } from '../../../src/connect/files/folder-blobs.js'
import { type FileStore, type FileStoreOptions, openStore } from '../../../src/connect/files/store.js'
import { Bucket } from '../../../src/connect/s3/bucket.js'
import { S3 } from '../../../src/connect/s3/client.js'
import { isS3 } from '../../../src/connect/s3/uri.js'
import type { Recipe } from '../../../src/connect/store.js'
import type { LabelledEmbedding, Video } from '../../../src/domain.js'

export const DIM = 8

export const sha = (text: string) => createHash('sha256').update(text).digest('hex')

export const RECIPE: Recipe = {
  modelDigest: sha('model'),
  dim: DIM,
  sampling: { kind: 'window', frames: 4, length: 2, stride: 1 },
  model: { name: 'test' },
  labelSetDigest: sha('labels'),
}

/** A folder of the system's, gone after the test. */
export async function inFolder<T>(test: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'stanflow-test-'))
  try {
    return await test(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** `dir`: a folder, or `s3://bucket/prefix` for a child process that the environment tells of the server. */
export function open(dir: string, options: Partial<FileStoreOptions> = {}): Promise<FileStore> {
  const blobs = isS3(dir) ? new Bucket(new S3(), dir) : new Folder(dir)
  return openStore({
    blobs,
    recipe: RECIPE,
    format: 'parquet',
    checkpointSeconds: 3600,
    version: '0.0.0',
    ...options,
  })
}

/** A video; `content` stands for its bytes. */
export function video(source: string, content = source): Video {
  return {
    source,
    path: `/videos/${source}`,
    bytes: 1000 + content.length,
    modifiedMs: Number.parseInt(sha(content).slice(0, 10), 16),
    fingerprint: sha(content),
  }
}

/** Clips `[from, to)` of a video, each with a unit vector and three labels that follow from its id. */
export function clips(of: Video, from: number, to: number, recipe = RECIPE): LabelledEmbedding[] {
  return Array.from({ length: to - from }, (_, i) => clip(of, from + i, recipe))
}

function clip(of: Video, clipIndex: number, recipe: Recipe): LabelledEmbedding {
  const clipId = sha(`${of.source} ${of.fingerprint} ${clipIndex} ${recipe.modelDigest}`)
  const raw = Array.from({ length: recipe.dim }, (_, i) => clipId.charCodeAt(i) - 70.5)
  const norm = Math.hypot(...raw)
  return {
    clipId,
    source: of.source,
    clipIndex,
    start: clipIndex,
    end: clipIndex + 2,
    frameTimes: [0.25, 0.75, 1.25, 1.75].map((time) => clipIndex + time),
    modelDigest: recipe.modelDigest,
    vector: Float32Array.from(raw, (value) => value / norm),
    labels: ['run', 'fall', 'sit'].map((label, i) => ({
      label,
      score: 0.5 / (i + 1),
      similarity: 0.25 - i / 100,
    })),
  }
}

/** Writes a whole video. */
export async function store(into: FileStore, of: Video, count: number, recipe = RECIPE): Promise<void> {
  await into.write(of, clips(of, into.progress(of).clips, count, recipe))
  await into.finish(of, count)
}

/** Every file below a folder, relative to it, sorted. */
export async function tree(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .sort()
}

const database = await DuckDBInstance.create(':memory:')

/** Rows of a query; `$dir` in it is the folder. DuckDB reads the files, none of stanflow's code does. */
export async function sql(dir: string, query: string): Promise<Record<string, unknown>[]> {
  const connection = await database.connect()
  try {
    const reader = await connection.runAndReadAll(query.replaceAll('$dir', dir))
    return reader.getRowObjectsJson()
  } finally {
    connection.closeSync()
  }
}

/** `source → clip indices`, as DuckDB finds them in all Parquet files of embeddings; a clip stored twice shows twice. */
export async function stored(dir: string): Promise<Record<string, number[]>> {
  if (!(await tree(dir)).some((path) => /^embeddings.*\.parquet$/.test(path))) return {}
  const rows = await sql(
    dir,
    "select source, clip_index from '$dir/embeddings/**/*.parquet' order by source, clip_index",
  )
  const found: Record<string, number[]> = {}
  for (const { source, clip_index } of rows) {
    const indices = found[String(source)] ?? []
    indices.push(Number(clip_index))
    found[String(source)] = indices
  }
  return found
}
