import { type ErrorCode, StanflowError } from '../../../errors.js'

/** By librdkafka's numbers: below 0 its own, else those of the protocol. */
const BY_NUMBER: Readonly<Record<number, ErrorCode>> = {
  [-195]: 'KAFKA_UNREACHABLE',
  [-193]: 'KAFKA_UNREACHABLE',
  [-192]: 'KAFKA_UNREACHABLE',
  [-190]: 'KAFKA_TOPIC_MISSING',
  [-188]: 'KAFKA_TOPIC_MISSING',
  [-187]: 'KAFKA_UNREACHABLE',
  [-185]: 'KAFKA_UNREACHABLE',
  [-181]: 'KAFKA_TLS',
  [-180]: 'KAFKA_UNREACHABLE',
  [-169]: 'KAFKA_AUTH',
  [-144]: 'KAFKA_FENCED',
  3: 'KAFKA_TOPIC_MISSING',
  5: 'KAFKA_UNREACHABLE',
  6: 'KAFKA_UNREACHABLE',
  7: 'KAFKA_UNREACHABLE',
  10: 'KAFKA_TOO_LARGE',
  14: 'KAFKA_UNREACHABLE',
  15: 'KAFKA_UNREACHABLE',
  16: 'KAFKA_UNREACHABLE',
  17: 'KAFKA_TOPIC_MISSING',
  18: 'KAFKA_TOO_LARGE',
  19: 'KAFKA_UNREACHABLE',
  20: 'KAFKA_UNREACHABLE',
  22: 'KAFKA_FENCED',
  25: 'KAFKA_FENCED',
  27: 'KAFKA_FENCED',
  29: 'KAFKA_FORBIDDEN',
  30: 'KAFKA_FORBIDDEN',
  31: 'KAFKA_FORBIDDEN',
  33: 'KAFKA_AUTH',
  34: 'KAFKA_AUTH',
  47: 'KAFKA_FENCED',
  49: 'KAFKA_FENCED',
  53: 'KAFKA_FORBIDDEN',
  56: 'KAFKA_FULL',
  58: 'KAFKA_AUTH',
  90: 'KAFKA_FENCED',
}

/** What a library's error number is called. */
export const UNSTABLE_OFFSET = 88
export const TOPIC_EXISTS = 36

/**
 * What an error of librdkafka means; `what` is what was tried. `heard` is what it told of connections meanwhile: where
 * it merely waited for an answer, that says why none came.
 */
export function confluentError(what: string, thrown: unknown, heard?: unknown): StanflowError {
  if (thrown instanceof StanflowError) return thrown
  const own = codeOf(thrown)
  const why = own === undefined || own === 'KAFKA_UNREACHABLE' ? codeOf(heard) : undefined
  const [code, error] = why === undefined ? [own, thrown] : [why, heard]
  const text = error instanceof Error ? error.message : String(error)
  const message = text.replace(/^\[thrd:[^\]]*\]: /, '').replaceAll(/\s+/g, ' ')
  return new StanflowError(code ?? 'KAFKA_FAILED', `${what}: ${message.replace(/\.$/, '')}.`, {
    cause: thrown,
  })
}

/** What an error or a line of the library's log is about, if that is known. */
export function codeOf(error: unknown): ErrorCode | undefined {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  if (typeof message === 'string') {
    // Addresses have the protocol's name in them, which says nothing.
    const said = message.replaceAll(/\S+:\/\/\S*/g, '')
    if (/authenticat|\bSASL\b/i.test(said)) return 'KAFKA_AUTH'
    if (/handshake|certificate|\bSSL\b/i.test(said)) return 'KAFKA_TLS'
  }
  return typeof code === 'number' ? BY_NUMBER[code] : undefined
}

const TRANSPORT = [-195, -187]

/** Whether a connection ended, whatever is said of why. */
export function isDisconnect(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  return (
    TRANSPORT.includes(code as number) || (typeof message === 'string' && /\bDisconnected\b/.test(message))
  )
}
