import { type ErrorCode, StanflowError } from '../../errors.js'

interface Facts {
  /** The server's code, or the SDK's or system's name for what went wrong. */
  readonly name: string
  readonly status: number | undefined
  readonly message: string
}

/** By the code of the answer: S3's own, and what other servers say in its place. */
const BY_NAME: Readonly<Record<string, ErrorCode>> = {
  CredentialsProviderError: 'S3_CREDENTIALS',
  InvalidAccessKeyId: 'S3_CREDENTIALS',
  SignatureDoesNotMatch: 'S3_CREDENTIALS',
  InvalidToken: 'S3_CREDENTIALS',
  ExpiredToken: 'S3_CREDENTIALS',
  ExpiredTokenException: 'S3_CREDENTIALS',
  TokenRefreshRequired: 'S3_CREDENTIALS',
  RequestTimeTooSkewed: 'S3_CREDENTIALS',
  AccessDenied: 'S3_FORBIDDEN',
  AllAccessDisabled: 'S3_FORBIDDEN',
  AccountProblem: 'S3_FORBIDDEN',
  PermanentRedirect: 'S3_REGION',
  AuthorizationHeaderMalformed: 'S3_REGION',
  IllegalLocationConstraintException: 'S3_REGION',
  NoSuchBucket: 'S3_BUCKET_MISSING',
  NoSuchKey: 'S3_OBJECT_MISSING',
  NotFound: 'S3_OBJECT_MISSING',
  InvalidObjectState: 'S3_ARCHIVED',
  QuotaExceeded: 'OUTPUT_FULL',
  XMinioStorageFull: 'OUTPUT_FULL',
  InsufficientStorage: 'OUTPUT_FULL',
}

/** In the order they are tried; the first that fits counts. */
const BY_MESSAGE: readonly (readonly [RegExp, ErrorCode])[] = [
  [/region is missing|region .* is wrong|expecting '/i, 'S3_REGION'],
  [/no space left|quota exceeded/i, 'OUTPUT_FULL'],
  [/credentials? (could|can)not|could not load credentials|token is expired/i, 'S3_CREDENTIALS'],
]

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  301: 'S3_REGION',
  401: 'S3_CREDENTIALS',
  403: 'S3_FORBIDDEN',
  404: 'S3_OBJECT_MISSING',
  507: 'OUTPUT_FULL',
}

const TRANSIENT =
  /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|TimeoutError|SlowDown|RequestTimeout|InternalError|ServiceUnavailable|ThrottlingException|UnexpectedEnd)/

/** A precondition (If-Match, If-None-Match) that did not hold. */
export function isPreconditionFailed(error: unknown): boolean {
  const { name, status } = factsOf(error)
  // S3 answers 409 to the loser of a race of conditional writes.
  return status === 412 || name === 'PreconditionFailed' || name === 'ConditionalRequestConflict'
}

export function isMissing(error: unknown): boolean {
  return error instanceof StanflowError && error.code === 'S3_OBJECT_MISSING'
}

/** What a failed call means; `what` is what was tried, as in "Cannot read s3://…". */
export function s3Error(what: string, cause: unknown): StanflowError {
  if (cause instanceof StanflowError) return cause
  const facts = factsOf(cause)
  const code = codeOf(facts)
  return new StanflowError(code, `${what}: ${sentence(code, facts)}.`, { cause: withoutRequest(cause) })
}

function codeOf({ name, status, message }: Facts): ErrorCode {
  const said = BY_NAME[name] ?? BY_MESSAGE.find(([pattern]) => pattern.test(message))?.[1]
  if (said !== undefined) return said
  if (TRANSIENT.test(name) || status === undefined || status >= 500 || status === 429) {
    return 'S3_UNAVAILABLE'
  }
  return BY_STATUS[status] ?? 'S3_REFUSED'
}

function sentence(code: ErrorCode, { name, status, message }: Facts): string {
  const said = message === '' || message === name || message === 'UnknownError' ? '' : `, ${trim(message)}`
  switch (code) {
    case 'S3_BUCKET_MISSING':
      return 'there is no such bucket'
    case 'S3_OBJECT_MISSING':
      return 'there is no such object'
    case 'S3_ARCHIVED':
      return 'it lies in an archive storage class'
    case 'S3_UNAVAILABLE':
      return `no good answer after several tries (${name}${said})`
    case 'S3_FORBIDDEN':
      return `access is denied${name === 'AccessDenied' ? '' : ` (${name}${said})`}`
    default:
      return `${name}${said}${status === undefined ? '' : ` (status ${status})`}`
  }
}

function trim(message: string): string {
  const line = message.replaceAll(/\s+/g, ' ').replace(/[.:]$/, '')
  return line.length > 200 ? `${line.slice(0, 199)}…` : line
}

function factsOf(error: unknown): Facts {
  if (!(error instanceof Error)) return { name: String(error), status: undefined, message: '' }
  const more = error as Error & {
    readonly Code?: unknown
    readonly code?: unknown
    readonly $metadata?: { readonly httpStatusCode?: number }
  }
  const system = typeof more.code === 'string' ? more.code : undefined
  const served = typeof more.Code === 'string' ? more.Code : undefined
  return {
    name: served ?? system ?? error.name,
    status: more.$metadata?.httpStatusCode,
    message: error.message,
  }
}

/** The SDK hangs request and response on its errors: signed headers have no place in what is logged. */
function withoutRequest(cause: unknown): unknown {
  if (!(cause instanceof Error)) return cause
  const { name, status, message } = factsOf(cause)
  return Object.assign(new Error(message), { name, ...(status !== undefined && { status }) })
}
