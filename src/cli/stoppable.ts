import { ProgressLine } from './line.js'
import { drainOnSignals } from './signals.js'

export const STOPPED = 'stopped; run the same command again to go on'

/** What a command has while it runs. */
export interface Running {
  readonly line: ProgressLine
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal
  /** A line on stderr that stays; none with `--json`. */
  tell(text: string): void
}

/** How it ended. */
export interface Ended {
  /** For stdout. */
  readonly told: string
  /** False where it was stopped with something to tell. */
  readonly finished: boolean
}

/**
 * Runs a command that goes on where it was when it is run again. Progress has one line; the first SIGINT or SIGTERM asks for an
 * orderly end, and where `command` comes to one, by what it returns or by throwing `signal`'s reason, the exit code is 130.
 */
export async function stoppable(json: boolean, command: (running: Running) => Promise<Ended>): Promise<void> {
  const line = new ProgressLine(json)
  const tell = (text: string): void => {
    line.clear()
    if (!json) process.stderr.write(`${text}\n`)
  }
  const { signal, release } = drainOnSignals(() => line.show('stopping'))
  try {
    const { told, finished } = await command({ line, signal, tell })
    line.end()
    process.stdout.write(`${told}\n`)
    if (!finished) process.exitCode = 130
  } catch (error) {
    line.end()
    if (!signal.aborted || error !== signal.reason) throw error
    tell(STOPPED)
    process.exitCode = 130
  } finally {
    release()
  }
}
