import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** What Ctrl-C gives a command in a shell; SIGTERM gives it too. */
export const STOPPED_CODE = 130

/** Of what a command threw: where it is no more than the end that `signal` asked for, the exit code says so. @throws any other */
export function endStopped(error: unknown, signal: AbortSignal): void {
  if (!signal.aborted || error !== signal.reason) throw error
  process.exitCode = STOPPED_CODE
}

export interface Drain {
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal
  /** Lets signals have their usual effect again. */
  release(): void
}

/**
 * The first SIGINT or SIGTERM asks for an orderly end; a second one ends the process at once, as it would without us. So does
 * the first while `isIdle` says that there is nothing to finish yet.
 */
export function drainOnSignals(
  onFirst: () => void,
  onSecond: () => void = () => undefined,
  isIdle: () => boolean = () => false,
): Drain {
  const controller = new AbortController()
  const handle = (name: NodeJS.Signals): void => {
    if (!controller.signal.aborted && !isIdle()) {
      onFirst()
      controller.abort()
      return
    }
    onSecond()
    release()
    // Not process.exit, which waits for the model's thread to come to an end; but the first process of a container, which
    // no signal ends that it does not handle itself.
    if (process.pid === 1) process.exit(128 + constants.signals[name])
    process.kill(process.pid, name)
  }
  const release = (): void => {
    for (const name of SIGNALS) process.off(name, handle)
  }
  for (const name of SIGNALS) process.on(name, handle)
  return { signal: controller.signal, release }
}
