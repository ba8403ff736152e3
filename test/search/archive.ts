import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Segment } from '../../pipelines/archive/segment.js'
import { clipId, embeddingRecord, labelsRecord } from './records.js'

/** Files as `stanflow archive` writes them, with a clip of 2 s for each of these. */
export async function writeParquetArchive(
  to: string,
  clips: readonly { readonly source: string; readonly start: number }[],
): Promise<readonly string[]> {
  const ids = clips.map((_, n) => clipId(n))
  for (const kind of ['embeddings', 'labels'] as const) {
    const segment = new Segment({ topic: `t${randomBytes(4).toString('hex')}.${kind}`, partition: 0 })
    for (const [n, { source, start }] of clips.entries()) {
      const facts = { offset: BigInt(n), timestamp: Date.now(), bytes: 100 }
      const place = { source, start, end: start + 2 }
      segment.add(
        kind === 'embeddings'
          ? { ...facts, kind, value: { ...embeddingRecord(n), ...place } }
          : { ...facts, kind, value: { ...labelsRecord(n), ...place } },
      )
    }
    const path = join(to, segment.key)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, segment.encode())
  }
  return ids
}
