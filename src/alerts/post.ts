import { Agent, fetch } from 'undici'
import type { EventRecord } from '../connect/kafka/records.js'
import { StanflowError } from '../errors.js'
import { VERSION } from '../version.js'
import { guardedLookup } from './address.js'
import type { Receiver } from './receiver.js'
import { signed } from './signature.js'

/** How one try went. */
export type Outcome = { readonly kind: 'taken' } | Undelivered

export interface Undelivered {
  readonly kind: 'failed'
  readonly reason: string
  /** The receiver looked at the message and will not have it, now or later. */
  readonly refused: boolean
  /** Milliseconds that the receiver asks to be left alone for. */
  readonly waitMs?: number
}

/** Answers that may change without the message changing. */
const PASSING: readonly number[] = [401, 403, 404, 408, 409, 421, 423, 425, 429]

/** What a receiver is sent; the same bytes at every try. */
export function bodyOf(event: EventRecord): string {
  const seconds = event.end ?? event.start
  return JSON.stringify({
    type: `stanflow.${event.kind}`,
    // Of a video, which has no calendar, the seconds in `data` are all there is.
    timestamp: seconds > 1e9 ? new Date(seconds * 1000).toISOString() : null,
    data: event,
  })
}

/** A receiver's line: connections are kept, addresses checked as they are looked up, redirections not followed. */
export class Line {
  readonly #receiver: Receiver
  readonly #agent: Agent

  constructor(receiver: Receiver) {
    this.#receiver = receiver
    this.#agent = new Agent({
      connect: { lookup: guardedLookup(receiver.private), timeout: receiver.timeoutMs },
      connections: 16,
    })
  }

  /** One try. */
  async post(event: EventRecord, now = Date.now()): Promise<Outcome> {
    const { url, keys, timeoutMs } = this.#receiver
    const body = bodyOf(event)
    try {
      const response = await fetch(url, {
        ...{ method: 'POST', body, redirect: 'manual', dispatcher: this.#agent },
        headers: {
          'content-type': 'application/json',
          'user-agent': `stanflow/${VERSION}`,
          ...signed(keys, { id: event.event_id, seconds: Math.floor(now / 1000), body }),
        },
        signal: AbortSignal.timeout(timeoutMs),
      })
      await response.body?.cancel()
      const { status, headers } = response
      if (status >= 200 && status < 300) return { kind: 'taken' }
      const wait = waitOf(headers.get('retry-after'), now)
      return {
        kind: 'failed',
        reason:
          status >= 300 && status < 400
            ? `it redirects (${status}), which is not followed`
            : `it answers ${status}`,
        refused: status >= 400 && status < 500 && !PASSING.includes(status),
        ...(wait !== undefined && { waitMs: wait }),
      }
    } catch (error) {
      return { kind: 'failed', reason: reasonOf(error, timeoutMs), refused: false }
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy()
  }
}

function waitOf(header: string | null, now: number): number | undefined {
  if (header === null) return undefined
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isFinite(ms) && ms > 0 ? ms : undefined
}

/** Without the URL, which may hold a key. */
function reasonOf(error: unknown, timeoutMs: number): string {
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return `no answer within ${timeoutMs} ms`
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof StanflowError) return cause.message
  const { code } = (cause ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : 'the connection failed'
}
