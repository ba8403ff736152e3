import type { DataSetKind } from '../datasets/dataset.js'
import { PUBLISHED_RESULTS, type PublishedData, type PublishedResult } from '../model/published.js'

const DATA = {
  ...{ msrvtt: 'msrvtt', didemo: 'didemo', lsmdc: 'lsmdc', kinetics: 'k400', ssv2: 'ssv2' },
} as const satisfies Partial<Record<DataSetKind, PublishedData>>

/** The split that papers report on, of each kind. */
const SPLITS: Readonly<Record<keyof typeof DATA, string>> = {
  ...{ msrvtt: 'test', didemo: 'test', lsmdc: 'test', kinetics: 'val', ssv2: 'val' },
}

/** What papers report on this very test. None for other data. */
export function publishedOn(kind: DataSetKind, split: string): PublishedResult[] {
  if (kind === 'table' || SPLITS[kind] !== split) return []
  return PUBLISHED_RESULTS.filter(({ data }) => data === DATA[kind])
}
