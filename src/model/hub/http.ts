import { setTimeout as sleep } from 'node:timers/promises'
import { fetch, type Headers, type Response } from 'undici'
import { StanflowError } from '../../errors.js'
import type { Proxies } from './proxy.js'

/** How the hub is asked. Times are milliseconds. */
export interface HubClient {
  readonly endpoint: URL
  readonly token: string | undefined
  readonly signal: AbortSignal
  /** Failures in a row, without a byte in between, before a request is given up. */
  readonly attempts: number
  /** First pause between two tries; each is twice the one before. */
  readonly pause: number
  /** A connection that brings nothing for so long counts as cut. */
  readonly idle: number
  readonly userAgent: string
  readonly proxies: Proxies
  /** Told when a pause is made, so that a person knows what is waited for. */
  readonly onWait: (why: string, milliseconds: number) => void
}

/** Something that may be over in a moment: a busy server, a cut connection. */
export class Transient extends Error {
  /** What the server asked for, in milliseconds. */
  readonly after: number | undefined
  constructor(
    message: string,
    options: { readonly after?: number | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.after = options.after
  }
}

const MAX_PAUSE = 20_000
const MAX_RETRY_AFTER = 120_000
const MAX_REDIRECTS = 10
const BUSY = new Set([408, 425, 429, 500, 502, 503, 504])

/**
 * Runs a try until it ends without a `Transient`; pauses in between grow and are jittered. A try that says it got on
 * (`progressed`) starts the count anew. @throws StanflowError HUB_UNREACHABLE when the attempts are used up
 */
export async function withRetries<T>(
  client: HubClient,
  what: string,
  attempt: (progressed: () => void) => Promise<T>,
): Promise<T> {
  let failures = 0
  while (true) {
    client.signal.throwIfAborted()
    try {
      return await attempt(() => {
        failures = 0
      })
    } catch (error) {
      client.signal.throwIfAborted()
      if (!(error instanceof Transient)) throw error
      failures++
      if (failures >= client.attempts) {
        throw new StanflowError('HUB_UNREACHABLE', `${what}: ${error.message} (tried ${failures} times)`, {
          cause: error,
        })
      }
      const backoff = Math.min(client.pause * 2 ** (failures - 1), MAX_PAUSE) * (0.5 + Math.random() / 2)
      const pause = Math.min(error.after ?? backoff, MAX_RETRY_AFTER)
      client.onWait(error.message, pause)
      await sleep(pause, undefined, { signal: client.signal }).catch(() => undefined)
    }
  }
}

/** An answer, with the headers of the hub's own first answer: a redirect to a CDN carries the checksum. */
export interface HubAnswer {
  readonly response: Response
  readonly first: Headers
}

/**
 * One GET, redirects followed. The token goes to the endpoint's own host and to no other.
 * @throws Transient, StanflowError HUB_*; the signal's reason
 */
export async function get(
  client: HubClient,
  url: URL,
  headers: Readonly<Record<string, string>> = {},
): Promise<HubAnswer> {
  let at = url
  let first: Headers | undefined
  for (let hop = 0; hop < MAX_REDIRECTS; hop++) {
    const response = await send(client, at, headers)
    first ??= response.headers
    const location = response.headers.get('location')
    if (response.status < 300 || response.status >= 400 || location === null) {
      await check(client, at, response)
      return { response, first }
    }
    await response.body?.cancel()
    const next = URL.canParse(location, at.href) ? new URL(location, at) : undefined
    const safe = next?.protocol === 'https:' || (next?.protocol === 'http:' && at.protocol === 'http:')
    if (next === undefined || !safe)
      throw new StanflowError('HUB_REFUSED', `${at.host} redirects to an address that is not safe to follow`)
    at = next
  }
  throw new StanflowError('HUB_REFUSED', `${url.host} redirects in circles`)
}

async function send(
  client: HubClient,
  at: URL,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  const ours = at.host === client.endpoint.host && at.protocol === client.endpoint.protocol
  const proxy = client.proxies.for(at)
  const dispatcher = proxy === undefined ? {} : { dispatcher: proxy }
  // For the headers only: a body may take as long as it keeps coming.
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), client.idle)
  try {
    return await fetch(at, {
      redirect: 'manual',
      ...dispatcher,
      signal: AbortSignal.any([client.signal, late.signal]),
      headers: {
        'user-agent': client.userAgent,
        'accept-encoding': 'identity',
        ...headers,
        ...(client.token !== undefined && ours && { authorization: `Bearer ${client.token}` }),
      },
    })
  } catch (error) {
    client.signal.throwIfAborted()
    throw networkError(at, error, late.signal.aborted)
  } finally {
    clearTimeout(timer)
  }
}

const TLS = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS|ERR_SSL/

function networkError(at: URL, error: unknown, timedOut: boolean): Error {
  const cause = error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined) : undefined
  const code = cause?.code ?? ''
  if (TLS.test(code)) {
    return new StanflowError('HUB_UNREACHABLE', `the certificate of ${at.host} is not trusted (${code})`, {
      cause: error,
      hint: "If a proxy of yours signs it, name that proxy's certificate in NODE_EXTRA_CA_CERTS.",
    })
  }
  const why = timedOut ? 'no answer' : code || (error instanceof Error ? error.message : String(error))
  return new Transient(`cannot reach ${at.host}: ${why}`, { cause: error })
}

/** Lets answers with content pass. */
async function check({ endpoint, token }: HubClient, at: URL, response: Response): Promise<void> {
  const { status } = response
  if (status === 200 || status === 206 || status === 416) return
  const said = await saidBy(response)
  const where = `${at.host} answers ${status}${said === '' ? '' : `: ${said}`}`
  const after = retryAfter(response.headers.get('retry-after'))
  // The address a CDN was given for may have run out; the next try asks for a new one.
  if (BUSY.has(status) || (status === 403 && at.host !== endpoint.host)) throw new Transient(where, { after })
  const reason = response.headers.get('x-error-code')
  if (status === 401) {
    const why =
      token === undefined ? 'no such model, or one that needs a token' : 'the token was not accepted'
    throw new StanflowError('HUB_UNAUTHORIZED', `${where} (${why})`)
  }
  if (status === 403) {
    const why = reason === 'GatedRepo' ? ' (its owner lets in who asks)' : ''
    throw new StanflowError('HUB_FORBIDDEN', `${where}${why}`)
  }
  if (status === 404) throw new StanflowError('HUB_NOT_FOUND', where)
  throw new StanflowError('HUB_REFUSED', where)
}

/** What the server says of itself, in one short line. */
async function saidBy(response: Response): Promise<string> {
  const header = response.headers.get('x-error-message')
  const body = header ?? (await response.text().catch(() => ''))
  if (header === null && /<html|<!doctype/i.test(body)) return ''
  const json = /^\s*\{\s*"error"\s*:\s*"([^"]*)"/.exec(body)?.[1]
  return (json ?? body).replaceAll(/\s+/g, ' ').trim().slice(0, 200)
}

/** Seconds or a date → milliseconds. */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined
  const seconds = Number(value)
  const milliseconds = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now()
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : undefined
}
