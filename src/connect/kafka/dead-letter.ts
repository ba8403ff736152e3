import type { StanflowError } from '../../errors.js'
import {
  type ConsumedRecord,
  type Headers,
  type OutgoingRecord,
  partitionKey,
  type TopicPartition,
} from './client.js'

const MARK = 'stanflow_'
const ATTEMPTS = `${MARK}attempts`

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
}

/** An input that failed, key, value and headers as it came, with the why in headers. */
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
  return { topic: to, key: record.key, value: record.value, headers: { ...record.headers, ...added } }
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
  }
}

/** The input of a dead letter, to be tried again: it keeps how often it was tried. */
export function inputAgain(record: ConsumedRecord): OutgoingRecord | undefined {
  const facts = deadLetterFacts(record.headers)
  if (facts === undefined) return undefined
  const kept = Object.entries(record.headers).filter(([name]) => name === ATTEMPTS || !name.startsWith(MARK))
  return { topic: facts.topic, key: record.key, value: record.value, headers: Object.fromEntries(kept) }
}

/** `stanflow.videos[3]@17` */
export const placeText = (at: TopicPartition, offset: bigint | string): string =>
  `${partitionKey(at)}@${offset}`
