#!/usr/bin/env node
import './heap.js'
import { CommanderError } from 'commander'
import { fail } from './fail.js'
import { stanflowProgram } from './program.js'

/** A reader that went away, as in `| head`, is no failure; what is being done goes on without it. */
function toleratePipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
  }
}

/** Asked before anything is parsed, because parsing itself may fail. */
function wantsJson(): boolean {
  return process.argv.includes('--json') || /^(true|1|yes|on)$/i.test(process.env.STANFLOW_JSON ?? '')
}

toleratePipes()
process.once('uncaughtException', (error) => process.exit(fail(error, { json: wantsJson() })))
try {
  await stanflowProgram().parseAsync()
} catch (error) {
  const shown = error instanceof CommanderError && (error.exitCode === 0 || error.code === 'commander.help')
  if (!shown) process.exitCode = fail(error, { json: wantsJson() })
  else if (error.exitCode !== 0) process.exitCode = 2
}
