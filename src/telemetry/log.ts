import { type Logger, pino, stdTimeFunctions } from 'pino'
import { VERSION } from '../version.js'

export type { Logger }

/** JSON lines on stderr, as log collectors take them. Level by STANFLOW_LOG_LEVEL: debug tells every clip. */
export function openLog(command: string): Logger {
  const level = process.env.STANFLOW_LOG_LEVEL ?? 'info'
  return pino(
    {
      level: ['trace', 'debug', 'info', 'warn', 'error', 'silent'].includes(level) ? level : 'info',
      base: { command, pid: process.pid, version: VERSION },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // Synchronous: what a process says before it dies is what matters most.
    process.stderr,
  )
}

export function silentLog(): Logger {
  return pino({ level: 'silent' })
}
