/** The exit status by which a shell knows that a signal ended a program. */
const STATUS = { SIGINT: 130, SIGTERM: 143 } as const

export interface Drain {
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal
  /** Lets signals have their usual effect again. */
  release(): void
}

/** The first SIGINT or SIGTERM asks for an orderly end; a second one ends the process at once. */
export function drainOnSignals(onFirst: () => void): Drain {
  const controller = new AbortController()
  const handle = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(STATUS[name as keyof typeof STATUS])
    onFirst()
    controller.abort()
  }
  const names = Object.keys(STATUS) as readonly (keyof typeof STATUS)[]
  for (const name of names) process.on(name, handle)
  return {
    signal: controller.signal,
    release: () => {
      for (const name of names) process.off(name, handle)
    },
  }
}
