import type { SavedWatches } from '../../operators/index.js'
import type { Blobs } from '../../src/connect/blobs.js'
import type { Logger } from '../../src/telemetry/log.js'

const FOLDER = 'rule-state'

/** Where the rules stand at each camera, kept so that what goes on is not begun anew by the next run. */
export class RuleStates {
  readonly #blobs: Blobs | undefined
  readonly #log: Logger
  readonly #known = new Map<string, SavedWatches>()
  #writing: Promise<void> = Promise.resolve()

  private constructor(blobs: Blobs | undefined, log: Logger) {
    this.#blobs = blobs
    this.#log = log
  }

  /** Without a place they last as long as the process. @throws StanflowError OUTPUT_*, S3_* */
  static async open(blobs: Blobs | undefined, log: Logger): Promise<RuleStates> {
    const states = new RuleStates(blobs, log)
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
    const blobs = this.#blobs
    if (blobs === undefined) return
    const saved: Saved = { source, watches }
    const name = `${FOLDER}/${source.replace(/^camera:/, '')}.json`
    this.#writing = this.#writing
      .then(() => blobs.write(name, JSON.stringify(saved)))
      .catch((error: unknown) => {
        this.#log.warn({ source, reason: String(error) }, 'where rules stand was not kept')
      })
  }

  /** Resolves once all is written. */
  settled(): Promise<void> {
    return this.#writing
  }
}

interface Saved {
  readonly source: string
  readonly watches: SavedWatches
}
