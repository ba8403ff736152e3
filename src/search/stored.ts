import type { Table } from '@lancedb/lancedb'
import { lance } from './errors.js'
import type { ClipLabels, IndexedClip } from './rows.js'
import { textList } from './sql.js'

/** A clip as the index has it. */
export type StoredClip = Omit<IndexedClip, 'vector' | 'modelDigest'> & { readonly vector?: Float32Array }

const COLUMNS = [
  ...['clip_id', 'source', 'clip_index', 'start', 'end', 'sampling', 'frame_times', 'origin', 'indexed_at'],
  ...['labels', 'scores', 'similarities', 'label_set'],
]

/** Those of these clips that the table has. */
export async function storedClips(
  table: Table,
  ids: readonly string[],
  { vectors = false }: { readonly vectors?: boolean } = {},
): Promise<ReadonlyMap<string, StoredClip>> {
  const rows = await rowsOf(table, ids, vectors ? [...COLUMNS, 'vector'] : COLUMNS)
  return new Map(rows.map((row) => [row.clip_id, storedClip(row)]))
}

export async function labelsWaiting(
  table: Table,
  ids: readonly string[],
): Promise<ReadonlyMap<string, ClipLabels>> {
  const rows = await rowsOf(table, ids, ['clip_id', 'labels', 'scores', 'similarities', 'label_set'])
  return new Map(rows.flatMap((row) => [[row.clip_id, labelsOf(row)] as const]).filter(isThere))
}

const isThere = (entry: readonly [string, ClipLabels | undefined]): entry is readonly [string, ClipLabels] =>
  entry[1] !== undefined

async function rowsOf(
  table: Table,
  ids: readonly string[],
  columns: string[],
): Promise<readonly StoredRow[]> {
  const wanted = [...new Set(ids)]
  if (wanted.length === 0) return []
  return lance('Cannot read the index', async () => {
    await table.checkoutLatest()
    return table
      .query()
      .where(`clip_id IN (${textList(wanted)})`)
      .select(columns)
      .toArray() as Promise<readonly StoredRow[]>
  })
}

interface StoredRow {
  readonly clip_id: string
  readonly source: string
  readonly clip_index: number
  readonly start: number
  readonly end: number
  readonly sampling: string
  readonly frame_times: Iterable<number>
  readonly origin: string
  readonly indexed_at: number
  readonly labels: Iterable<string>
  readonly scores: Iterable<number>
  readonly similarities: Iterable<number>
  readonly label_set: string | null
  readonly vector?: { toArray(): Float32Array }
}

function storedClip(row: StoredRow): StoredClip {
  const labels = labelsOf(row)
  return {
    ...{ clipId: row.clip_id, source: row.source, clipIndex: row.clip_index, start: row.start, end: row.end },
    ...{ sampling: row.sampling, frameTimes: [...row.frame_times], origin: row.origin },
    indexedMs: Number(row.indexed_at),
    ...(labels !== undefined && { labels }),
    ...(row.vector !== undefined && { vector: row.vector.toArray() }),
  }
}

function labelsOf({
  clip_id: clipId,
  label_set: labelSet,
  labels,
  scores,
  similarities,
}: Pick<StoredRow, 'clip_id' | 'label_set' | 'labels' | 'scores' | 'similarities'>): ClipLabels | undefined {
  if (labelSet === null) return undefined
  const [score, similarity] = [[...scores], [...similarities]]
  return {
    ...{ clipId, labelSet },
    labels: [...labels].map((label, i) => ({ label, score: score[i] ?? 0, similarity: similarity[i] ?? 0 })),
  }
}
