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
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(HEADERS)
    if (!isOurs(request.headers.host, names)) {
      throw new StanflowError('SERVER_FORBIDDEN', 'This server is not known by that name.')
    }
    if (!isRead(request) && !isSameOrigin(request.headers)) {
      throw new StanflowError('SERVER_FORBIDDEN', 'Another page may not ask for this.')
    }
    if (
      access !== undefined &&
      isPrivate(request) &&
      !access.admits(request.headers, request.cookies[COOKIE])
    ) {
      throw new StanflowError('SERVER_TOKEN', 'This needs the token of the server.')
    }
  })
}

const isRead = ({ method }: FastifyRequest): boolean => method === 'GET' || method === 'HEAD'

/** The page itself holds nothing of anyone's; all that it shows comes from /api. */
function isPrivate({ routeOptions }: FastifyRequest): boolean {
  const route = routeOptions.url ?? '/api/'
  return route.startsWith('/api/') && route !== '/api/session'
}
