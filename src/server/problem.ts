import type { FastifyError } from 'fastify'
import { asStanflowError, type ErrorCode, StanflowError } from '../errors.js'

const STATUS: Partial<Record<ErrorCode, number>> = {
  SERVER_REQUEST: 400,
  USAGE_INVALID: 400,
  SERVER_TOKEN: 401,
  SERVER_FORBIDDEN: 403,
  MEDIA_OUTSIDE: 403,
  SERVER_NOT_FOUND: 404,
  INPUT_NOT_FOUND: 404,
  SERVER_BUSY: 429,
}

/** What a page is told of an error, and whether it is a fault of ours. */
export interface Problem {
  readonly status: number
  readonly body: {
    readonly error: { readonly code: string; readonly message: string; readonly hint: string }
  }
  readonly isOurs: boolean
}

/** An error as an answer. Of what nobody expected, nothing is told but that it happened. */
export function problemOf(error: unknown): Problem {
  const known = error instanceof StanflowError ? error : fromFastify(error as Partial<FastifyError>)
  if (known === undefined) {
    const { code, hint } = asStanflowError(error)
    return answer(500, { code, message: 'The server could not do this.', hint }, true)
  }
  const { code, message, hint } = known
  // Too large, of a type that is not taken: HTTP has words for that.
  const said = code === 'SERVER_REQUEST' ? (error as Partial<FastifyError>).statusCode : undefined
  const status = said ?? STATUS[code] ?? (code === 'INTERNAL' ? 500 : 422)
  return answer(status, { code, message, hint }, code === 'INTERNAL')
}

function fromFastify({ statusCode, message = '', validation }: Partial<FastifyError>) {
  if (validation !== undefined) return new StanflowError('SERVER_REQUEST', `${message}.`)
  if (statusCode === 429) return new StanflowError('SERVER_BUSY', 'Too many requests in a short time.')
  if (statusCode === 404) return new StanflowError('SERVER_NOT_FOUND', 'There is no such thing here.')
  if (statusCode !== undefined && statusCode < 500) {
    return new StanflowError('SERVER_REQUEST', `${message.replace(/\.$/, '')}.`)
  }
  return undefined
}

const answer = (status: number, error: Problem['body']['error'], isOurs: boolean): Problem => ({
  status,
  body: { error },
  isOurs,
})
