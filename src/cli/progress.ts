import type { BackfillProgress } from '../../pipelines/backfill.js'
import { printable } from './format.js'
import { drawnLines, plainLine } from './progress-lines.js'
import { type Pace, Rates } from './rates.js'
import type { About, Reporter } from './reporter.js'

const PLAIN_SECONDS = 5
const HIDE_CURSOR = '\u001B[?25l'
const SHOW_CURSOR = '\u001B[?25h'
const CLEAR_TO_END = '\u001B[J'
const STOPPING = 'Finishing what is in flight; once more stops at once.'

/** Where progress is drawn: `process.stderr`. */
type Output = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number }

/** For people: two redrawn lines on a terminal, else a line every five seconds. */
export function progressReporter(out: Output): Reporter {
  return out.isTTY === true && process.env.TERM !== 'dumb' ? new DrawnReporter(out) : new PlainReporter(out)
}

/** What is said before work starts. */
function opening({ model, modelDigest, engine, reader, notes }: About): string {
  const facts = `model ${model} (${modelDigest.replace(/^sha256:/, '').slice(0, 12)}) on ${engine}, reader ${reader}`
  return [facts, ...notes.map((note) => `note: ${note}`)].map((line) => `${printable(line)}\n`).join('')
}

class DrawnReporter implements Reporter {
  readonly #out: Output
  readonly #rates = new Rates()
  readonly #colour: boolean
  #drawn = false
  #hidden = false
  #stopping = false
  #last: readonly [BackfillProgress, Pace] | undefined

  constructor(out: Output) {
    this.#out = out
    this.#colour = (process.env.NO_COLOR ?? '') === ''
  }

  started(about: About): void {
    this.#out.write(opening(about))
  }

  progress(progress: BackfillProgress): void {
    this.#last = [progress, this.#rates.add(progress)]
    this.#draw()
  }

  stopping(): void {
    this.#stopping = true
    this.#clear()
    this.#out.write(`${STOPPING}\n`)
    this.#draw()
  }

  readonly end = (): void => {
    this.#clear()
    if (this.#hidden) this.#out.write(SHOW_CURSOR)
    this.#hidden = false
    process.off('exit', this.end)
  }

  #draw(): void {
    if (this.#last === undefined) return
    if (!this.#hidden) {
      this.#hidden = true
      this.#out.write(HIDE_CURSOR)
      // A second signal ends the process at once: the cursor has to come back then too.
      process.on('exit', this.end)
    }
    const look = { width: this.#out.columns || 80, colour: this.#colour, stopping: this.#stopping }
    const [first, second] = drawnLines(...this.#last, look)
    this.#out.write(`${this.#drawn ? '\u001B[1A\r' : ''}${CLEAR_TO_END}${first}\n${second}\r`)
    this.#drawn = true
  }

  #clear(): void {
    if (this.#drawn) this.#out.write(`\u001B[1A\r${CLEAR_TO_END}`)
    this.#drawn = false
  }
}

class PlainReporter implements Reporter {
  readonly #out: Output
  readonly #rates = new Rates()
  #next = PLAIN_SECONDS
  #stopping = false
  #last: readonly [BackfillProgress, Pace] | undefined
  #said = true

  constructor(out: Output) {
    this.#out = out
  }

  started(about: About): void {
    this.#out.write(opening(about))
  }

  progress(progress: BackfillProgress): void {
    this.#last = [progress, this.#rates.add(progress)]
    this.#said = false
    if (progress.seconds >= this.#next) this.#say()
  }

  stopping(): void {
    this.#stopping = true
    this.#out.write(`${STOPPING}\n`)
  }

  end(): void {
    if (!this.#said) this.#say()
  }

  #say(): void {
    if (this.#last === undefined) return
    const [progress, pace] = this.#last
    this.#next = progress.seconds + PLAIN_SECONDS
    this.#said = true
    this.#out.write(`${plainLine(progress, pace, this.#stopping)}\n`)
  }
}
