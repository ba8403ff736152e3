import type { DataSetKind } from '../datasets/dataset.js'
import { PUBLISHED_RESULTS, type PublishedResult } from '../model/published.js'

const COLUMNS = {
  ...{ msrvtt: 'msrvtt', didemo: 'didemo', lsmdc: 'lsmdc', kinetics: 'k400', ssv2: 'ssv2' },
} as const satisfies Partial<Record<DataSetKind, keyof PublishedResult>>

/** The split that papers report on, of each kind. */
const SPLITS: Readonly<Record<keyof typeof COLUMNS, string>> = {
  ...{ msrvtt: 'test', didemo: 'test', lsmdc: 'test', kinetics: 'val', ssv2: 'val' },
}

/** What papers report on this very test: R@1 from text to video, or top-1, in percent. None for other data. */
export function publishedOn(kind: DataSetKind, split: string): { model: string; percent: number }[] {
  if (kind === 'table' || SPLITS[kind] !== split) return []
  return PUBLISHED_RESULTS.flatMap((result) => {
    const percent = result[COLUMNS[kind]]
    return percent === undefined ? [] : [{ model: result.model, percent }]
  })
}
