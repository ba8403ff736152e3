import type { Table } from '@lancedb/lancedb'
import type { Label, Moment } from '../domain.js'
import { lance } from './errors.js'
import { condition, type Filter } from './filter.js'

/** A clip that was found. */
export interface FoundClip extends Moment {
  readonly sampling: string
  /** Cosine with what was looked for. */
  readonly score: number
  /** Best first. */
  readonly labels: readonly Label[]
}

export interface NearestOptions {
  readonly limit: number
  readonly filter?: Filter
  /** Compare with every vector, even where there is an index of them. */
  readonly exact?: boolean
}

const COLUMNS = [
  ...['clip_id', 'source', 'clip_index', 'start', 'end', 'sampling', 'frame_times'],
  ...['labels', 'scores', 'similarities'],
]
/** Partitions of the vectors' index that are looked into. */
const PROBES = 40
/** Candidates out of it that are compared exactly: so many for each clip wanted, and in all at least. */
const REFINE = 5
const LEAST_CANDIDATES = 500

/** The clips nearest to a vector `[dim]` of any length, the nearest first. */
export async function nearest(
  table: Table,
  vector: Float32Array,
  { limit, filter = {}, exact = false }: NearestOptions,
): Promise<readonly FoundClip[]> {
  const where = condition(filter)
  const rows = await lance('Cannot search the index', () => {
    let query = table.query().nearestTo(vector).distanceType('cosine').limit(limit)
    query = exact
      ? query.bypassVectorIndex()
      : query.nprobes(PROBES).refineFactor(Math.max(REFINE, Math.ceil(LEAST_CANDIDATES / limit)))
    if (where !== undefined) query = query.where(where)
    return query.select([...COLUMNS, '_distance']).toArray()
  })
  return rows.map((row: Row) => ({ ...clipOf(row), score: 1 - (row._distance ?? 1) }))
}

/** Clips that match, in no order. */
export async function clipsWhere(table: Table, filter: Filter, limit: number): Promise<readonly FoundClip[]> {
  const where = condition(filter)
  const rows = await lance('Cannot read the index', () => {
    const query = table.query().select(COLUMNS).limit(limit)
    return (where === undefined ? query : query.where(where)).toArray()
  })
  return rows.map((row: Row) => ({ ...clipOf(row), score: 0 }))
}

interface Row {
  readonly clip_id: string
  readonly source: string
  readonly clip_index: number
  readonly start: number
  readonly end: number
  readonly sampling: string
  readonly frame_times: Iterable<number>
  readonly labels: Iterable<string>
  readonly scores: Iterable<number>
  readonly similarities: Iterable<number>
  readonly _distance?: number
}

function clipOf(row: Row): Omit<FoundClip, 'score'> {
  const [scores, similarities] = [[...row.scores], [...row.similarities]]
  return {
    ...{ clipId: row.clip_id, source: row.source, clipIndex: row.clip_index },
    ...{ start: row.start, end: row.end, sampling: row.sampling, frameTimes: [...row.frame_times] },
    labels: [...row.labels].map((label, i) => ({
      label,
      score: scores[i] ?? 0,
      similarity: similarities[i] ?? 0,
    })),
  }
}
