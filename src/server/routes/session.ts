import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'
import { StanflowError } from '../../errors.js'
import type { Context } from '../context.js'
import { type Session, sessionBody, sessionSchema } from '../schemas.js'
import { COOKIE } from '../token.js'
import { described } from './json.js'

const TRIES_A_MINUTE = 10
const DAYS = 30

/** Trades the token for a cookie, so that a browser need not keep it. */
export function addSessionRoutes(app: FastifyInstance, { access }: Context): void {
  app.get(
    '/api/session',
    { schema: described({ summary: 'Whether a token is needed, and was given', answer: sessionSchema }) },
    async ({ headers, cookies }): Promise<Session> => {
      const signedIn = access === undefined || access.admits(headers, cookies[COOKIE])
      return { signedIn, needed: access !== undefined }
    },
  )
  app.post(
    '/api/session',
    {
      schema: described({ summary: 'Sign in with the token', body: sessionBody, answer: sessionSchema }),
      config: { rateLimit: { max: TRIES_A_MINUTE, timeWindow: 60_000 } },
    },
    async (request, reply): Promise<Session> => {
      if (access === undefined) return { signedIn: true, needed: false }
      const { token } = request.body as z.output<typeof sessionBody>
      if (!access.isToken(token.trim())) throw new StanflowError('SERVER_TOKEN', 'That is not the token.')
      reply.setCookie(COOKIE, access.cookie, {
        ...{ path: '/', httpOnly: true, sameSite: 'strict', maxAge: DAYS * 86_400 },
        // Behind a proxy that speaks TLS.
        secure: request.headers['x-forwarded-proto'] === 'https',
      })
      return { signedIn: true, needed: true }
    },
  )
}
