import type { WindowSampling } from '../../operators/index.js'
import type { Event, LabelledEmbedding } from '../../src/domain.js'

/** A clip's result, ready to go. */
export interface Result {
  readonly sampling: WindowSampling
  readonly embedding: LabelledEmbedding
  /** Digest of its camera's label set; absent where nothing is labelled. */
  readonly labelSet: string | undefined
}

/** Where results and events go. What a call resolves for is there; what it rejects with ends the run. */
export interface LiveSink {
  /** @returns how many of them, in order, could not be taken and never will be */
  results(results: readonly Result[]): Promise<void>
  events(events: readonly Event[]): Promise<void>
  close(): Promise<void>
}
