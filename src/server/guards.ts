import type { FastifyInstance, FastifyRequest } from 'fastify'
import { StanflowError } from '../errors.js'
import { isOurs, isSameOrigin } from './address.js'
import { type Access, COOKIE } from './token.js'

/** Nothing but our own files, no script or style within the page, no markup out of text, no frame around it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "media-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

/** On every answer. */
export const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
}

export interface Guarding {
  /** Absent where only this machine reaches the server and no token was given. */
  readonly access: Access | undefined
  /** Names, beside numbers, that the server may be called by. */
  readonly names: ReadonlySet<string>
}

/** What every request passes before anything else is done. */
export function addGuards(app: FastifyInstance, { access, names }: Guarding): void {
  const wrong = new Guesses()
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(HEADERS)
    if (!isOurs(request.headers.host, names)) {
      throw new StanflowError('SERVER_FORBIDDEN', 'This server is not known by that name.')
    }
    if (!isRead(request) && !isSameOrigin(request.headers)) {
      throw new StanflowError('SERVER_FORBIDDEN', 'Another page may not ask for this.')
    }
    if (access !== undefined && isPrivate(request) && !admitted(access, request, wrong)) {
      throw new StanflowError('SERVER_TOKEN', 'This needs the token of the server.')
    }
  })
}

function admitted(access: Access, { headers, cookies, ip }: FastifyRequest, wrong: Guesses): boolean {
  const cookie = cookies[COOKIE]
  // A cookie is made by this server and too long to be guessed; one of an earlier run comes often.
  if (headers.authorization === undefined) return access.admits(headers, cookie)
  if (wrong.areTooMany(ip)) {
    throw new StanflowError('SERVER_BUSY', 'Too many tokens were wrong. Try again in a minute.')
  }
  const admits = access.admits(headers, cookie)
  if (!admits) wrong.add(ip)
  return admits
}

const isRead = ({ method }: FastifyRequest): boolean => method === 'GET' || method === 'HEAD'

/** The page itself holds nothing of anyone's; all that it shows comes from /api. */
function isPrivate({ routeOptions }: FastifyRequest): boolean {
  const route = routeOptions.url ?? '/api/'
  return route.startsWith('/api/') && route !== '/api/session'
}

const MINUTE_MS = 60_000
/** Wrong tokens of one address in a minute, after which none is looked at. */
const MOST_WRONG = 10
/** Addresses that are remembered at most. */
const MOST_ADDRESSES = 10_000

/** Wrong tokens of the last minute, by address. */
class Guesses {
  readonly #counts = new Map<string, { count: number; readonly until: number }>()

  areTooMany(ip: string): boolean {
    const known = this.#counts.get(ip)
    return known !== undefined && known.until > Date.now() && known.count >= MOST_WRONG
  }

  add(ip: string): void {
    const now = Date.now()
    const known = this.#counts.get(ip)
    if (known !== undefined && known.until > now) {
      known.count++
      return
    }
    if (this.#counts.size >= MOST_ADDRESSES) this.#counts.clear()
    this.#counts.set(ip, { count: 1, until: now + MINUTE_MS })
  }
}
