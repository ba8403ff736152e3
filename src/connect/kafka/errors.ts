import { type ErrorCode, StanflowError } from '../../errors.js'

/** Kafka's own names for what went wrong. */
const BY_TYPE: Readonly<Record<string, ErrorCode>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'KAFKA_TOPIC_MISSING',
  INVALID_TOPIC_EXCEPTION: 'KAFKA_TOPIC_MISSING',
  TOPIC_AUTHORIZATION_FAILED: 'KAFKA_FORBIDDEN',
  GROUP_AUTHORIZATION_FAILED: 'KAFKA_FORBIDDEN',
  CLUSTER_AUTHORIZATION_FAILED: 'KAFKA_FORBIDDEN',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'KAFKA_FORBIDDEN',
  MESSAGE_TOO_LARGE: 'KAFKA_TOO_LARGE',
  RECORD_LIST_TOO_LARGE: 'KAFKA_TOO_LARGE',
  SASL_AUTHENTICATION_FAILED: 'KAFKA_AUTH',
  UNSUPPORTED_SASL_MECHANISM: 'KAFKA_AUTH',
  ILLEGAL_SASL_STATE: 'KAFKA_AUTH',
  PRODUCER_FENCED: 'KAFKA_FENCED',
  INVALID_PRODUCER_EPOCH: 'KAFKA_FENCED',
  INVALID_PRODUCER_ID_MAPPING: 'KAFKA_FENCED',
  ILLEGAL_GENERATION: 'KAFKA_FENCED',
  UNKNOWN_MEMBER_ID: 'KAFKA_FENCED',
  REBALANCE_IN_PROGRESS: 'KAFKA_FENCED',
  KAFKA_STORAGE_ERROR: 'KAFKA_FULL',
  REQUEST_TIMED_OUT: 'KAFKA_UNREACHABLE',
  LEADER_NOT_AVAILABLE: 'KAFKA_UNREACHABLE',
  NOT_LEADER_FOR_PARTITION: 'KAFKA_UNREACHABLE',
  NOT_ENOUGH_REPLICAS: 'KAFKA_UNREACHABLE',
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 'KAFKA_UNREACHABLE',
  COORDINATOR_NOT_AVAILABLE: 'KAFKA_UNREACHABLE',
  NOT_COORDINATOR_FOR_GROUP: 'KAFKA_UNREACHABLE',
  GROUP_COORDINATOR_NOT_AVAILABLE: 'KAFKA_UNREACHABLE',
}

const BY_NAME: Readonly<Record<string, ErrorCode>> = {
  KafkaJSSASLAuthenticationError: 'KAFKA_AUTH',
  KafkaJSConnectionError: 'KAFKA_UNREACHABLE',
  KafkaJSConnectionClosedError: 'KAFKA_UNREACHABLE',
  KafkaJSBrokerNotFound: 'KAFKA_UNREACHABLE',
  KafkaJSNoBrokerAvailableError: 'KAFKA_UNREACHABLE',
  KafkaJSRequestTimeoutError: 'KAFKA_UNREACHABLE',
  KafkaJSLockTimeout: 'KAFKA_UNREACHABLE',
}

/** In the order they are tried; the first that fits counts. */
const BY_MESSAGE: readonly (readonly [RegExp, ErrorCode])[] = [
  [/certificate|self[- ]signed|wrong version number|altname|SSL|TLS/i, 'KAFKA_TLS'],
  [/authenticat|credentials|SASL/i, 'KAFKA_AUTH'],
  [/too large|larger than the maximum/i, 'KAFKA_TOO_LARGE'],
  [/does not host this topic-partition|no such topic/i, 'KAFKA_TOPIC_MISSING'],
  [/ECONNREFUSED|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|EHOSTUNREACH|timed? ?out/i, 'KAFKA_UNREACHABLE'],
]

interface LibraryError extends Error {
  readonly type?: unknown
  readonly code?: unknown
}

/** The library's error, from under the ones that wrap it. */
function innermost(error: LibraryError): LibraryError {
  let at = error
  while (at.cause instanceof Error && typeof at.type !== 'string') at = at.cause as LibraryError
  return at
}

/** The broker's name for an error, such as `CONCURRENT_TRANSACTIONS`. */
export function protocolType(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  if (error instanceof StanflowError && error.cause !== undefined) return protocolType(error.cause)
  const { type } = innermost(error)
  return typeof type === 'string' ? type : undefined
}

/** What an error of the client library means; `what` is what was tried, as in "Cannot send to stanflow.labels". */
export function kafkaError(what: string, thrown: unknown): StanflowError {
  if (thrown instanceof StanflowError) return thrown
  const error = innermost(thrown instanceof Error ? thrown : new Error(String(thrown)))
  const { type, name, message } = error
  const said = typeof type === 'string' ? BY_TYPE[type] : undefined
  const code =
    said ??
    BY_MESSAGE.slice(0, 1).find(([pattern]) => pattern.test(message))?.[1] ??
    BY_NAME[name] ??
    BY_MESSAGE.find(([pattern]) => pattern.test(message))?.[1] ??
    'KAFKA_FAILED'
  const sentence = message.replaceAll(/\s+/g, ' ').replace(/\.$/, '')
  return new StanflowError(code, `${what}: ${sentence}${typeof type === 'string' ? ` (${type})` : ''}.`, {
    cause: error,
  })
}

/** Gives up waiting after `ms`: a request that a library waits on for ever must not stop the world. */
export function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new StanflowError('KAFKA_UNCERTAIN', `${what}: no answer within ${ms / 1000} s.`))
    }, ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
