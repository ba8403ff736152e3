import assert from 'node:assert/strict'
import { type ErrorCode, StanflowError } from '../../src/errors.js'

/** The error that it ends with, which has this code and a message like this. */
export async function failsWith(
  work: Promise<unknown>,
  code: ErrorCode,
  message: RegExp,
): Promise<StanflowError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof StanflowError, `no StanflowError: ${String(error)}`)
  assert.equal(error.code, code, error.message)
  assert.match(error.message, message)
  return error
}
