import type { Footage, Found, Health, Letters, Live, Session, Sources, Timeline } from '../schemas.js'

/** What the server says went wrong. */
export class Refused extends Error {
  readonly code: string
  readonly hint: string

  constructor(code: string, message: string, hint: string) {
    super(message)
    this.code = code
    this.hint = hint
  }
}

type Query = Readonly<Record<string, string | number | undefined>>

export function address(path: string, query: Query = {}): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  )
  const text = new URLSearchParams(given as [string, string][]).toString()
  return text === '' ? path : `${path}?${text}`
}

let whenSignedOut = (): void => undefined

/** Called when the server wants the token. */
export function onSignedOut(then: () => void): void {
  whenSignedOut = then
}

async function ask<T>(path: string, options: RequestInit = {}): Promise<T> {
  const response = await fetch(path, options).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new Refused(
      'UNREACHABLE',
      'The server does not answer.',
      'It may have ended; start `stanflow serve` again.',
    )
  })
  if (response.ok) return (await response.json()) as T
  const refused = await refusal(response)
  if (response.status === 401) whenSignedOut()
  throw refused
}

export async function refusal(response: Response): Promise<Refused> {
  const body = (await response.json().catch(() => undefined)) as
    | { readonly error?: { readonly code: string; readonly message: string; readonly hint: string } }
    | undefined
  const { code, message, hint } = body?.error ?? {
    code: String(response.status),
    message: 'The server refused.',
    hint: '',
  }
  return new Refused(code, message, hint)
}

const post = (body?: unknown): RequestInit =>
  body === undefined
    ? { method: 'POST' }
    : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }

export const api = {
  session: () => ask<Session>('/api/session'),
  signIn: (token: string) => ask<Session>('/api/session', post({ token })),
  live: () => ask<Live>('/api/live'),
  health: () => ask<Health>('/api/health'),
  letters: () => ask<Letters>('/api/dead-letters'),
  retry: () => ask<{ readonly sent: number }>('/api/dead-letters/retry', post()),
  sources: (query: Query) => ask<Sources>(address('/api/sources', query)),
  timeline: (source: string) => ask<Timeline>(address('/api/timeline', { source })),
  footage: (query: Query) => ask<Footage>(address('/api/footage', query)),
  search: (query: Query, signal: AbortSignal) => ask<Found>(address('/api/search', query), { signal }),
}
