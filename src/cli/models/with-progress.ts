import { formatBytes, formatDuration } from '../format.js'
import { bar } from '../progress-lines.js'
import { drainOnSignals, endStopped } from '../signals.js'
import { STOPPED } from '../stoppable.js'

export interface ByteProgress {
  /** Through with, of `total`. */
  readonly bytes: number
  readonly total: number
  /** What is being worked on. */
  readonly what?: string
}

export interface ByteHooks {
  readonly onProgress: (progress: ByteProgress) => void
  /** Something a person should know, such as that a server is being waited for. */
  readonly onNote: (note: string) => void
  readonly signal: AbortSignal
}

const DRAW_MS = 100
const PLAIN_MS = 10_000
const RATE_SECONDS = 5

/**
 * Runs work that counts bytes, with its progress on stderr: a line that is redrawn on a terminal, a line every ten seconds
 * in a log, JSON lines with `json`. The first SIGINT or SIGTERM aborts the work in order; then the answer is undefined.
 */
export async function withProgress<T>(
  { json, verb }: { readonly json: boolean; readonly verb: string },
  work: (hooks: ByteHooks) => Promise<T>,
): Promise<T | undefined> {
  const out = process.stderr
  const drawn = out.isTTY === true && !json
  const pace = new BytePace()
  let last = performance.now()
  const clear = (): void => void (drawn && out.write('\r\x1b[K'))
  const drain = drainOnSignals(() => out.write(json ? '' : `${drawn ? '\n' : ''}stopping\n`), clear)
  const onProgress = (progress: ByteProgress): void => {
    const now = performance.now()
    pace.add(progress.bytes, now / 1000)
    if (now - last < (drawn ? DRAW_MS : PLAIN_MS)) return
    last = now
    if (json) out.write(`${JSON.stringify({ event: 'progress', ...progress, ...pace.now(progress) })}\n`)
    else if (drawn) out.write(`\r${line(verb, progress, pace).slice(0, (out.columns ?? 80) - 1)}\x1b[K`)
    else out.write(`${line(verb, progress, pace)}\n`)
  }
  const onNote = (note: string): void => {
    clear()
    out.write(json ? `${JSON.stringify({ event: 'note', note })}\n` : `${note}\n`)
  }
  try {
    return await work({ onProgress, onNote, signal: drain.signal })
  } catch (error) {
    endStopped(error, drain.signal)
    clear()
    onNote(STOPPED)
    return undefined
  } finally {
    clear()
    drain.release()
  }
}

function line(verb: string, progress: ByteProgress, pace: BytePace): string {
  const { bytes, total, what } = progress
  const { bytesPerSecond, eta } = pace.now(progress)
  const share = total > 0 ? bytes / total : 0
  return [
    `${bar(share, 20)} ${Math.floor(share * 100)}%`,
    `${verb}${what === undefined ? '' : ` ${what}`}`,
    `${formatBytes(bytes)} of ${formatBytes(total)}`,
    `${formatBytes(Math.round(bytesPerSecond))}/s`,
    eta === undefined ? 'ETA …' : `ETA ${formatDuration(Math.ceil(eta))}`,
  ].join('  ')
}

/** Bytes per second over the last five seconds. */
class BytePace {
  #seen: { bytes: number; seconds: number }[] = []

  add(bytes: number, seconds: number): void {
    this.#seen.push({ bytes, seconds })
    const keep = this.#seen.findLastIndex((seen) => seen.seconds <= seconds - RATE_SECONDS)
    if (keep > 0) this.#seen = this.#seen.slice(keep)
  }

  now({ bytes, total }: ByteProgress): { bytesPerSecond: number; eta?: number } {
    const [first, last] = [this.#seen[0], this.#seen.at(-1)]
    const span = first === undefined || last === undefined ? 0 : last.seconds - first.seconds
    const bytesPerSecond = span > 0 && first && last ? (last.bytes - first.bytes) / span : 0
    return bytesPerSecond > 0 ? { bytesPerSecond, eta: (total - bytes) / bytesPerSecond } : { bytesPerSecond }
  }
}
