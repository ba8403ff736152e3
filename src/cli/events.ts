import type { BackfillProgress } from '../../pipelines/backfill.js'
import type { DeadLetter } from '../connect/store.js'
import { Rates } from './rates.js'
import type { About, Reporter } from './reporter.js'

const EVERY_SECONDS = 1

/** For machines: one JSON object a line, told apart by `event`. */
export class JsonReporter implements Reporter {
  readonly #out: NodeJS.WritableStream
  readonly #rates = new Rates()
  #next = 0

  constructor(out: NodeJS.WritableStream) {
    this.#out = out
  }

  started(about: About): void {
    this.#write('started', about)
  }

  progress(progress: BackfillProgress): void {
    const pace = this.#rates.add(progress)
    if (progress.seconds < this.#next) return
    this.#next = progress.seconds + EVERY_SECONDS
    this.#write('progress', { ...progress, ...pace })
  }

  failed(letter: Pick<DeadLetter, 'source' | 'path' | 'code' | 'message' | 'hint'>): void {
    this.#write('failed', letter)
  }

  stopping(): void {
    this.#write('stopping', {})
  }

  end(): void {}

  #write(event: string, data: object): void {
    this.#out.write(`${JSON.stringify({ event, ...data })}\n`)
  }
}
