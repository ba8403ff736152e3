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
  return kind === 'table' || SPLITS[kind] !== split ? [] : reported(kind)
}

export interface Elsewhere {
  /** Of the same data set, the one that papers report on. */
  readonly split: string
  /** What the figures are. */
  readonly measure: 'R@1' | 'top-1'
  readonly results: readonly PublishedResult[]
}

/** What papers report on this data set's test, where another split was evaluated. */
export function publishedElsewhere(kind: DataSetKind, split: string): Elsewhere | undefined {
  if (kind === 'table' || SPLITS[kind] === split) return undefined
  const measure = kind === 'kinetics' || kind === 'ssv2' ? 'top-1' : 'R@1'
  return { split: SPLITS[kind], measure, results: reported(kind) }
}

const reported = (kind: keyof typeof DATA): PublishedResult[] =>
  PUBLISHED_RESULTS.filter(({ data }) => data === DATA[kind])
