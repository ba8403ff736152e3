import { inspect } from 'node:util'
import { CommanderError } from 'commander'
import { asStanflowError, type ErrorCode, StanflowError } from '../errors.js'
import { printable } from './format.js'

/** Nothing was begun, because of what was asked for. */
const USAGE: readonly ErrorCode[] = ['USAGE_INVALID', 'CONFIG_INVALID']

/**
 * Tells on stderr what ended the command, as two lines or, for machines, as one JSON object; answers with the exit
 * status: 2 for usage and configuration, 0 for an end that was asked for, else 1. Stacks are shown with STANFLOW_DEBUG=1.
 */
export function fail(thrown: unknown, { json }: { readonly json: boolean }): number {
  const error = thrown instanceof CommanderError ? fromCommander(thrown) : asStanflowError(thrown)
  const { code, message, hint } = error
  // An end that was asked for is no error, to programs neither.
  const isStop = code === 'STOPPED'
  if (json) {
    process.stderr.write(`${JSON.stringify({ event: isStop ? 'stopped' : 'error', code, message, hint })}\n`)
  } else if (isStop) {
    process.stderr.write(`${printable(message)}\n`)
  } else {
    process.stderr.write(`error ${code}: ${printable(message)}\nhint: ${printable(hint)}\n`)
  }
  if (process.env.STANFLOW_DEBUG === '1') process.stderr.write(`${inspect(thrown)}\n`)
  if (isStop) return 0
  return USAGE.includes(code) ? 2 : 1
}

/** Commander's `error: unknown option '--bach'\n(Did you mean --batch?)` as our sentence and hint. */
function fromCommander(error: CommanderError): StanflowError {
  const [first = '', second] = error.message.replace(/^error: /, '').split('\n')
  const sentence = `${first.charAt(0).toUpperCase()}${first.slice(1).replace(/\.$/, '')}.`
  const hint = second?.replace(/^\((.*)\)$/, '$1')
  return new StanflowError('USAGE_INVALID', sentence, hint === undefined ? {} : { hint })
}
