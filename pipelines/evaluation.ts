import type { BrokenLine, DataSetKind, MissingVideo } from '../src/datasets/dataset.js'
import type { ErrorCode } from '../src/errors.js'
import type { ViewCount } from '../src/evaluate/plan.js'
import type { Scores } from '../src/evaluate/score.js'

export interface FailedVideo {
  readonly path: string
  readonly code: ErrorCode
  readonly message: string
  readonly hint: string
}

export interface Evaluation extends Partial<Scores> {
  readonly data: string
  readonly kind: DataSetKind
  readonly title: string
  readonly split: string
  readonly model: string
  readonly modelDigest: string
  readonly structure: string
  readonly engine: string
  /** Videos, or parts of them, that were to be scored; missing ones are not among them. */
  readonly videos: number
  /** Named by the annotations and not there; no score counts them. */
  readonly missing: readonly MissingVideo[]
  /** Lines of the annotations that could not be read, and were passed over. */
  readonly broken: readonly BrokenLine[]
  /** Videos that could not be read; no score counts them. */
  readonly failed: readonly FailedVideo[]
  /** What the run had to compute: what is in the cache is not among it. */
  readonly work: { readonly cached: number; readonly videos: number; readonly texts: number }
  readonly frames: number
  readonly views: ViewCount
  readonly notes: readonly string[]
  /** Where the page with the worst mistakes goes. */
  readonly report?: string
  /** False where a signal ended it before every video was embedded; then there are no scores. */
  readonly complete: boolean
}
