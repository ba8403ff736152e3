import type { WindowSampling } from '../../operators/index.js'
import type { Event, LabelledEmbedding } from '../../src/domain.js'
import type { ErrorCode } from '../../src/errors.js'

/** A clip's result, ready to go. */
export interface Result {
  readonly sampling: WindowSampling
  readonly embedding: LabelledEmbedding
  /** Digest of its camera's label set; absent where nothing is labelled. */
  readonly labelSet: string | undefined
}

/** Where results and events go. What a call rejects with ends the run, or, for events, is lost. */
export interface LiveSink {
  /** Whether results are there only once `onStored` was told of them; else they are once `results` has resolved. */
  readonly storesLater?: boolean
  /** Takes results, in order; blocks while it has no room. */
  results(results: readonly Result[]): Promise<void>
  events(events: readonly Event[]): Promise<void>
  /** Stores what was taken. */
  flush?(): Promise<void>
  close(): Promise<void>
}

/** What passes by itself, so that it is waited for. */
export const PASSING: readonly ErrorCode[] = [
  'KAFKA_UNREACHABLE',
  'KAFKA_REGISTRY',
  'S3_UNAVAILABLE',
  'OUTPUT_FULL',
]
