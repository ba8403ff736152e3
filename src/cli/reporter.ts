import type { BackfillHooks, BackfillProgress } from '../../pipelines/backfill.js'
import type { DeadLetter } from '../connect/store.js'

export type About = Parameters<NonNullable<BackfillHooks['onStart']>>[0]

/** Tells on stderr how a run goes, until `end`. */
export interface Reporter {
  started(about: About): void
  progress(progress: BackfillProgress): void
  /** A video failed. People see a count here and the whole in the summary. */
  failed?(letter: Pick<DeadLetter, 'source' | 'path' | 'code' | 'message' | 'hint'>): void
  /** A signal asked the run to stop. */
  stopping(): void
  /** Leaves the stream clean; may be called again. */
  end(): void
}
