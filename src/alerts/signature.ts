import { createHmac } from 'node:crypto'

const PREFIX = 'whsec_'
const SHORTEST = 24
const LONGEST = 64

/** Keys out of `whsec_…` texts, parted by spaces; undefined where any is none. */
export function keysIn(secret: string): readonly Buffer[] | undefined {
  const texts = secret.split(/\s+/).filter((text) => text !== '')
  const keys = texts.map((text) => Buffer.from(text.replace(PREFIX, ''), 'base64'))
  const all = texts.every((text) => /^(whsec_)?[A-Za-z0-9+/]+={0,2}$/.test(text))
  const fit = keys.every(({ length }) => length >= SHORTEST && length <= LONGEST)
  return all && fit && keys.length > 0 ? keys : undefined
}

/**
 * Headers by which a receiver knows who sent a message and when, as Standard Webhooks has them: HMAC-SHA256 over
 * id, timestamp and body. The id stays the same however often the message is sent, the timestamp does not.
 */
export function signed(
  keys: readonly Buffer[],
  { id, seconds, body }: { readonly id: string; readonly seconds: number; readonly body: string },
): Readonly<Record<string, string>> {
  const signatures = keys.map((key) => {
    return `v1,${createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')}`
  })
  return {
    'webhook-id': id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': signatures.join(' '),
    'idempotency-key': id,
  }
}
