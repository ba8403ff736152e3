import type { SavedWatches } from '../../operators/index.js'
import type { Blobs } from '../../src/connect/blobs.js'
import { type Again, patience, persist } from '../../src/persist.js'
import type { Logger } from '../../src/telemetry/log.js'
import { cameraId } from './camera-id.js'
import { PASSING } from './sink.js'

const FOLDER = 'rule-state'

export interface RuleStatesOptions {
  /** Without a place they last as long as the process. */
  readonly blobs: Blobs | undefined
  readonly log: Logger
  /** Aborted when what cannot be written is to be given up. */
  readonly giveUp: AbortSignal
}

/** Where the rules stand at each camera, kept so that what goes on is not begun anew by the next run. */
export class RuleStates {
  readonly #options: RuleStatesOptions
  readonly #again: Again
  readonly #known = new Map<string, SavedWatches>()
  /** Sources whose newest state is not written yet; where the place is away, older ones are not held. */
  readonly #changed = new Set<string>()
  #writing: Promise<void> | undefined

  private constructor(options: RuleStatesOptions) {
    this.#options = options
    this.#again = patience({ passing: PASSING, signal: options.giveUp })
  }

  /** @throws StanflowError OUTPUT_*, S3_* */
  static async open(options: RuleStatesOptions): Promise<RuleStates> {
    const { blobs, log } = options
    const states = new RuleStates(options)
    if (blobs === undefined) return states
    await blobs.open()
    for await (const name of blobs.list(FOLDER)) {
      const bytes = await blobs.read(name)
      if (bytes === undefined) continue
      try {
        const { source, watches } = JSON.parse(Buffer.from(bytes).toString()) as Saved
        states.#known.set(source, watches)
      } catch (error) {
        log.warn({ name, reason: String(error) }, 'where rules stood cannot be read: they begin anew')
      }
    }
    return states
  }

  get(source: string): SavedWatches | undefined {
    return this.#known.get(source)
  }

  put(source: string, watches: SavedWatches): void {
    this.#known.set(source, watches)
    if (this.#options.blobs === undefined) return
    this.#changed.add(source)
    this.#writing ??= this.#write(this.#options.blobs)
  }

  /** Resolves once all is written, or given up. */
  async settled(): Promise<void> {
    await this.#writing
  }

  /** What is to be written, until nothing is: then, in the same step, nothing is being written. */
  *#changes(): Generator<string, void, undefined> {
    for (let [source] = this.#changed; source !== undefined; [source] = this.#changed) yield source
    this.#writing = undefined
  }

  /** One after the other, each as it is when its turn comes. */
  async #write(blobs: Blobs): Promise<void> {
    for (const source of this.#changes()) {
      const name = `${FOLDER}/${cameraId(source)}.json`
      const write = (): Promise<void> => {
        this.#changed.delete(source)
        const saved: Saved = { source, watches: this.#known.get(source) ?? {} }
        return blobs.write(name, JSON.stringify(saved))
      }
      await persist(write, this.#again).catch((error: unknown) => {
        this.#options.log.warn({ source, reason: String(error) }, 'where rules stand was not kept')
      })
    }
  }
}

interface Saved {
  readonly source: string
  readonly watches: SavedWatches
}
