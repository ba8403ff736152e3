import type { LabelledEmbedding } from '../../domain.js'
import type { Again } from '../../persist.js'
import type { Lock } from '../blobs.js'
import type { Recipe, ResultFormat } from '../store.js'
import type { DeadLetters } from './dead-letters.js'
import type { PartNames } from './layout.js'
import type { PartWriter } from './part-writer.js'
import type { VideoIndex } from './video-index.js'

/** What opening the folder had to do before it could be written to. */
export interface OpenReport {
  /** Files of a run ended by force: temporary, or never committed. */
  readonly leftoversRemoved: number
  /** Clips of earlier runs given new labels or another format. */
  readonly clipsCompleted: number
  /** Those of them that were given labels. */
  readonly clipsRelabelled: number
}

/** What an open store works with. */
export interface FileStoreParts {
  readonly recipe: Recipe
  readonly format: ResultFormat
  readonly version: string
  readonly checkpointSeconds: number
  readonly checkpointClips?: number
  readonly writer: PartWriter
  readonly index: VideoIndex
  readonly letters: DeadLetters
  readonly lock: Lock
  /** Changes committed parts, while no other run does. */
  readonly rewrite: (change: () => Promise<void>) => Promise<void>
  readonly partNames: PartNames
  readonly opened: OpenReport
  /** Whether a commit that failed is tried again; until it holds, results gather up to `checkpointClips`. Default: never. */
  readonly again?: Again
  /** Told what a commit has made durable. */
  readonly onStored?: (rows: readonly LabelledEmbedding[]) => void
}
