const DRAW_MS = 100
const PLAIN_MS = 5000

/** One line of progress on stderr: redrawn on a terminal, now and then in a log, never with `--json`. */
export class ProgressLine {
  readonly #json: boolean
  #last = Number.NEGATIVE_INFINITY
  #drawn = false
  /** Came too soon after another for a log. */
  #unsaid: string | undefined

  constructor(json: boolean) {
    this.#json = json
  }

  show(text: string): void {
    const now = performance.now()
    const redraws = process.stderr.isTTY === true
    if (this.#json) return
    this.#unsaid = redraws ? undefined : text
    if (now - this.#last < (redraws ? DRAW_MS : PLAIN_MS)) return
    this.#last = now
    this.#unsaid = undefined
    this.#drawn = redraws
    process.stderr.write(
      redraws ? `\r${text.slice(0, (process.stderr.columns ?? 80) - 1)}\x1b[K` : `${text}\n`,
    )
  }

  clear(): void {
    if (this.#drawn) process.stderr.write('\r\x1b[K')
    this.#drawn = false
  }

  /** Nothing comes any more: a log gets what was last. */
  end(): void {
    this.clear()
    if (this.#unsaid !== undefined) process.stderr.write(`${this.#unsaid}\n`)
    this.#unsaid = undefined
  }
}
