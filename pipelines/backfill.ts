import type { DeadLetter, ResultFormat } from '../src/connect/store.js'
import type { Sampling } from '../src/domain.js'
import { StanflowError } from '../src/errors.js'
import type { ReaderName } from '../src/media/reader.js'

/** What one backfill does; every field is decided (the command line's configuration fills in defaults). */
export interface BackfillOptions {
  /** Files, folders, globs, `.txt` and `.jsonl` lists. */
  readonly inputs: readonly string[]
  readonly to: string
  /** Sources are named relative to this folder. */
  readonly root: string
  /** A folder in the Hugging Face CLIP layout, or `default` for the embedded model. */
  readonly model: string
  /** A safetensors file with the temporal branch; default: `branch.safetensors` in the model's folder, if any. */
  readonly branch?: string
  readonly structure: 'auto' | 'mean' | 'stan-self'
  readonly precision: 'fp32'
  readonly sampling: Sampling
  /** Label texts; empty: embeddings only. */
  readonly labels: readonly string[]
  /** Templates with `{}` for the label; their embeddings are averaged. */
  readonly prompts: readonly string[]
  readonly top: number
  /** Clips in one run of the model. */
  readonly batch: number
  /** Videos decoded at once. */
  readonly concurrency: number
  readonly reader: 'auto' | ReaderName
  readonly format: ResultFormat
  /** Seconds of work that a crash may cost at most. */
  readonly checkpointSeconds: number
  /** List what would be done, decode nothing. */
  readonly dryRun: boolean
}

/** Where a run stands; reported several times a second. */
export interface BackfillProgress {
  /** Videos found so far; `listed` once the inputs have all been walked. */
  readonly found: number
  readonly listed: boolean
  readonly skipped: number
  readonly done: number
  readonly failed: number
  readonly clips: number
  readonly frames: number
  readonly seconds: number
}

export interface BackfillSummary extends BackfillProgress {
  readonly to: string
  readonly modelDigest: string
  readonly model: string
  readonly engine: string
  readonly reader: string
  /** True where a signal ended the run before every video was done. */
  readonly drained: boolean
  readonly dryRun: boolean
  /** Failures of this run. */
  readonly deadLetters: readonly DeadLetter[]
  /** Sentences a person must read, such as that the model's weights are random. */
  readonly notes: readonly string[]
}

export interface BackfillHooks {
  /** Aborting drains: nothing new is started, clips in flight are finished and stored. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: BackfillProgress) => void
  /** A video failed; the run goes on. */
  readonly onDeadLetter?: (letter: DeadLetter) => void
  /** Said once, before work starts: model, engine, reader, notes. */
  readonly onStart?: (
    about: Pick<BackfillSummary, 'model' | 'modelDigest' | 'engine' | 'reader' | 'notes'>,
  ) => void
}

/** Videos in, labelled clip embeddings out: walks the inputs, skips what `to` already has, does the rest. */
export async function backfill(
  _options: BackfillOptions,
  _hooks: BackfillHooks = {},
): Promise<BackfillSummary> {
  throw new StanflowError('INTERNAL', 'not written yet')
}
