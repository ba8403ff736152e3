import { ProgressLine } from './line.js'
import { drainOnSignals, endStopped, STOPPED_CODE } from './signals.js'

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
  /** False where it was stopped. */
  readonly finished: boolean
}

/**
 * Runs a command that goes on where it was when it is run again. Progress has one line; the first SIGINT or SIGTERM asks for an
 * orderly end, and where `command` comes to one, by what it returns or by throwing `signal`'s reason, the exit code is 130. With
 * `json` stdout has a document in any case.
 */
export async function stoppable(
  { json, to }: { readonly json: boolean; readonly to: string },
  command: (running: Running) => Promise<Ended>,
): Promise<void> {
  const line = new ProgressLine(json)
  const tell = (text: string): void => {
    line.clear()
    if (!json) process.stderr.write(`${text}\n`)
  }
  const { signal, release } = drainOnSignals(() => tell('stopping'))
  try {
    const { told, finished } = await command({ line, signal, tell })
    line.end()
    process.stdout.write(`${told}\n`)
    if (!finished) process.exitCode = STOPPED_CODE
  } catch (error) {
    line.end()
    endStopped(error, signal)
    tell(STOPPED)
    if (json) process.stdout.write(`${JSON.stringify({ finished: false, to })}\n`)
  } finally {
    release()
  }
}
