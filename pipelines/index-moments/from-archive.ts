import type { Blobs } from '../../src/connect/blobs.js'
import { parquetCodec } from '../../src/connect/files/formats/parquet.js'
import { parquetMetadata } from '../../src/connect/files/formats/parquet-file.js'
import { partOf } from '../../src/connect/files/layout.js'
import { StanflowError } from '../../src/errors.js'
import type { Feed } from './feed.js'
import { groupLabels } from './from-store.js'

/** What an archive wrote, file by file: those that have not been read. A file of an archive never changes. */
export async function fromArchive(blobs: Blobs, feed: Feed): Promise<void> {
  const { writer, index, signal } = feed
  for (const kind of ['embeddings', 'labels'] as const) {
    const names: string[] = []
    for await (const name of blobs.list(kind)) {
      const base = name.slice(name.lastIndexOf('/') + 1)
      if (base.endsWith('.parquet') && partOf(base) === undefined) names.push(name)
    }
    const markOf = (name: string): string => `file ${blobs.location} ${name}`
    const done = await index.marksOf(names.map(markOf))
    const due = names.filter((name) => !done.has(markOf(name))).sort()
    feed.expect(due.length)
    for (const name of due) {
      if (signal.aborted) return
      const bytes = await blobs.read(name)
      if (bytes === undefined) continue
      const facts = factsOf(blobs, name, bytes)
      if (feed.wants(facts.modelDigest)) await take(kind, name, bytes, facts, feed)
      writer.mark({ key: markOf(name), value: String(bytes.byteLength) })
      await feed.settle()
      feed.read()
    }
  }
}

interface Facts {
  readonly modelDigest: string
  readonly sampling: string
  readonly dim: number
}

function factsOf(blobs: Blobs, name: string, bytes: Uint8Array): Facts {
  const metadata = parquetMetadata(bytes)
  const [modelDigest, sampling] = [metadata.get('stanflow.model_digest'), metadata.get('stanflow.sampling')]
  if (modelDigest === undefined || sampling === undefined) {
    throw new StanflowError('OUTPUT_CORRUPT', `${blobs.at(name)} is no file that stanflow wrote.`)
  }
  return { modelDigest, sampling, dim: Number(metadata.get('stanflow.dim') ?? 0) }
}

async function take(
  kind: 'embeddings' | 'labels',
  name: string,
  bytes: Uint8Array,
  { modelDigest, sampling, dim }: Facts,
  feed: Feed,
): Promise<void> {
  if (kind === 'labels') {
    const rows = parquetCodec.decodeLabels([bytes]).filter((row) => !feed.isOld(row))
    for (const labels of groupLabels(rows).values()) {
      await feed.writer.label({ ...labels, modelDigest, early: true })
    }
    return
  }
  await feed.writer.admit(modelDigest, dim)
  for (const clip of parquetCodec.decodeEmbeddings([bytes], { vectors: true })) {
    const { vector } = clip
    if (vector !== undefined) await feed.add({ ...clip, vector, sampling, origin: name })
  }
}
