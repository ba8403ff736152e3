import { Worker } from 'node:worker_threads'
import { StanflowError } from '../errors.js'
import type { Batch } from './batches.js'
import type { ClipSource } from './clips.js'
import type { Stage } from './config.js'

export interface BatchWish {
  readonly clips: ClipSource
  readonly pictures?: ClipSource
  /** `tokenizer.json`. */
  readonly tokenizer: object
  readonly frames: number
  readonly size: number
  readonly seed: string
}

export interface BatchQuestion {
  readonly stage: Stage
  readonly step: number
}

interface Pending {
  readonly resolve: (batches: readonly Batch[]) => void
  readonly reject: (cause: unknown) => void
}

/** Makes the next step's batches on a thread of their own while this step is computed. */
export class BatchesAhead {
  readonly #worker: Worker
  /** Questions whose answers are still to come; they come in this order. */
  readonly #pending: Pending[] = []
  #ahead: (BatchQuestion & { readonly batches: Promise<readonly Batch[]> }) | undefined
  #broken: unknown

  constructor(wish: BatchWish) {
    this.#worker = new Worker(new URL('./batch-worker.js', import.meta.url), { workerData: wish })
    this.#worker.on('message', (batches: readonly Batch[]) => this.#pending.shift()?.resolve(batches))
    this.#worker.on('error', (thrown) => {
      const cause = revived(thrown)
      this.#broken = cause
      for (const { reject } of this.#pending.splice(0)) reject(cause)
    })
  }

  /** A step's batches, one for each part that its gradient is averaged over. */
  async take(stage: Stage, step: number): Promise<readonly Batch[]> {
    const { stage: expected, step: number, batches } = this.#ahead ?? {}
    const mine =
      batches !== undefined && expected === stage && number === step ? batches : this.#ask(stage, step)
    this.#ahead = undefined
    const taken = await mine
    if (step + 1 < stage.steps) {
      const next = this.#ask(stage, step + 1)
      // Whoever takes it hears of a failure; nobody may.
      next.catch(() => undefined)
      this.#ahead = { stage, step: step + 1, batches: next }
    }
    return taken
  }

  #ask(stage: Stage, step: number): Promise<readonly Batch[]> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken)
    return new Promise((resolve, reject) => {
      this.#pending.push({ resolve, reject })
      this.#worker.postMessage({ stage, step } satisfies BatchQuestion)
    })
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }
}

/** Errors lose their class between threads, and keep their fields. */
function revived(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || thrown.name !== 'StanflowError') return thrown
  const { code, message, hint } = thrown as StanflowError
  return new StanflowError(code, message, { hint, cause: thrown })
}
