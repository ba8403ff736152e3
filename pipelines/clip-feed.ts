import { Worker } from 'node:worker_threads'
import { StanflowError } from '../src/errors.js'
import type { ReaderName } from '../src/media/reader.js'
import type { DecodedClips } from '../src/train/on-data/batch.js'
import type { ClipRequest } from '../src/train/on-data/draw.js'

export interface ClipFeedOptions {
  readonly reader: 'auto' | ReaderName
  readonly frames: number
  /** Pixels of a side. */
  readonly size: number
  /** Videos decoded at once. */
  readonly concurrency: number
}

export interface FeedQuestion {
  readonly id: number
  readonly requests: readonly ClipRequest[]
}

export type FeedAnswer = { readonly id: number } & (
  | { readonly clips: DecodedClips }
  | { readonly error: string }
)

/** Decodes clips in a thread of its own: TensorFlow holds the thread that trains for as long as a step takes. */
export class ClipFeed {
  readonly #worker: Worker
  readonly #waiting = new Map<
    number,
    { resolve: (clips: DecodedClips) => void; reject: (error: unknown) => void }
  >()
  readonly #exited: Promise<unknown>
  #dead: StanflowError | undefined
  #next = 0

  constructor(options: ClipFeedOptions) {
    this.#worker = new Worker(new URL('./clip-feed-thread.js', import.meta.url), { workerData: options })
    this.#worker.on('message', (answer: FeedAnswer) => {
      const asked = this.#waiting.get(answer.id)
      this.#waiting.delete(answer.id)
      if ('clips' in answer) asked?.resolve(answer.clips)
      else asked?.reject(new StanflowError('MEDIA_CRASH', answer.error))
    })
    const die = (cause: unknown): void => {
      this.#dead ??= new StanflowError('MEDIA_CRASH', 'the thread that decodes ended', { cause })
      const error = this.#dead
      for (const { reject } of this.#waiting.values()) reject(error)
      this.#waiting.clear()
    }
    this.#worker.on('error', die)
    this.#worker.on('exit', die)
    this.#exited = new Promise((resolve) => this.#worker.once('exit', resolve))
  }

  /** uint8 `[requests · T, S, S, 3]`; those that cannot be decoded are black, and said. */
  clips(requests: readonly ClipRequest[]): Promise<DecodedClips> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead)
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage({ id, requests } satisfies FeedQuestion)
    })
  }

  async close(): Promise<void> {
    this.#worker.postMessage('close')
    await this.#exited
  }
}
