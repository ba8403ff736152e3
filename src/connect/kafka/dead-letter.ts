import type { StanflowError } from '../../errors.js'
import {
  type ConsumedRecord,
  type Headers,
  type OutgoingRecord,
  partitionKey,
  type TopicPartition,
} from './client.js'
import { LARGE } from './topics.js'

const MARK = 'stanflow_'
const ATTEMPTS = `${MARK}attempts`
const CUT = `${MARK}cut_bytes`
/** Of what is cut, so much is kept of key, value and headers each: enough to see what it was. */
const KEPT_BYTES = 16_384
/** Of a batch, of a record and of a header, beside what is in them; rather too much. */
const [BATCH_BYTES, RECORD_BYTES, HEADER_BYTES] = [70, 50, 10]

/** What a dead letter says beside the input itself. */
export interface DeadLetterFacts {
  readonly topic: string
  readonly partition: number
  readonly offset: string
  readonly code: string
  readonly message: string
  readonly hint: string
  /** How often it was tried in all, retries included. */
  readonly attempts: number
  readonly failedAt: string
  readonly group: string
  /** Bytes of the input, where its dead letter holds but the beginning of it. */
  readonly cutBytes?: number
}

/**
 * An input that failed, key, value and headers as it came, with the why in headers. Of one that is larger than any topic of
 * stanflow's takes, as records may be that come packed, only the beginning.
 */
export function deadLetter(
  to: string,
  at: TopicPartition,
  record: ConsumedRecord,
  why: { readonly error: StanflowError; readonly attempts: number; readonly group: string },
): OutgoingRecord {
  const { error, group } = why
  const facts: Readonly<Record<string, string>> = {
    topic: at.topic,
    partition: String(at.partition),
    offset: String(record.offset),
    error_code: error.code,
    error_message: error.message.slice(0, 2000),
    error_hint: error.hint,
    attempts: String(why.attempts + attemptsOf(record.headers)),
    failed_at: new Date().toISOString(),
    group,
  }
  const added = Object.fromEntries(Object.entries(facts).map(([name, value]) => [MARK + name, value]))
  const own = { ...record, headers: without(record.headers, (name) => name.startsWith(MARK)) }
  const { key, value, headers } = kept(own)
  return { topic: to, key, value, headers: { ...headers, ...added } }
}

type Input = Pick<OutgoingRecord, 'value' | 'headers'> & { readonly key: Buffer | null }

/** What a record takes in its topic, at most, where it is not packed. */
export function recordBytes({ key, value, headers }: Input): number {
  const inside = (key?.length ?? 0) + (value?.length ?? 0) + headersBytes(headers)
  return BATCH_BYTES + RECORD_BYTES + inside
}

function kept({ key, value, headers }: Input): Input {
  const bytes = recordBytes({ key, value, headers })
  if (bytes <= LARGE) return { key, value, headers }
  let room = KEPT_BYTES
  const few = without(headers, (name, text) => {
    const isOver = headersBytes({ [name]: text }) > room
    if (!isOver) room -= headersBytes({ [name]: text })
    return isOver
  })
  const beginning = (whole: Buffer | null): Buffer | null => whole?.subarray(0, KEPT_BYTES) ?? null
  return { key: beginning(key), value: beginning(value), headers: { ...few, [CUT]: String(bytes) } }
}

const without = (headers: Headers, isOut: (name: string, text: string) => boolean): Headers =>
  Object.fromEntries(Object.entries(headers).filter(([name, text]) => !isOut(name, text)))

function headersBytes(headers: Headers): number {
  let bytes = 0
  for (const [name, text] of Object.entries(headers))
    bytes += Buffer.byteLength(name) + Buffer.byteLength(text) + HEADER_BYTES
  return bytes
}

/** How often an input was tried before it was sent again. */
export function attemptsOf(headers: Headers): number {
  return Number(headers[ATTEMPTS] ?? 0) || 0
}

/** @returns undefined where the headers are not those of a dead letter */
export function deadLetterFacts(headers: Headers): DeadLetterFacts | undefined {
  const of = (name: string): string => headers[MARK + name] ?? ''
  if (of('topic') === '') return undefined
  return {
    topic: of('topic'),
    partition: Number(of('partition')),
    offset: of('offset'),
    code: of('error_code'),
    message: of('error_message'),
    hint: of('error_hint'),
    attempts: attemptsOf(headers),
    failedAt: of('failed_at'),
    group: of('group'),
    ...(headers[CUT] !== undefined && { cutBytes: Number(headers[CUT]) }),
  }
}

/** The input of a dead letter that holds all of it, to be tried again: it keeps how often it was tried. */
export function inputAgain({ key, value, headers }: ConsumedRecord): (Input & OutgoingRecord) | undefined {
  const facts = deadLetterFacts(headers)
  if (facts === undefined || facts.cutBytes !== undefined) return undefined
  const own = without(headers, (name) => name !== ATTEMPTS && name.startsWith(MARK))
  return { topic: facts.topic, key, value, headers: own }
}

/** `stanflow.videos[3]@17` */
export const placeText = (at: TopicPartition, offset: bigint | string): string =>
  `${partitionKey(at)}@${offset}`
