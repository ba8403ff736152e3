import type { FastifyInstance } from 'fastify'
import { StanflowError } from '../../errors.js'
import type { Context } from '../context.js'
import { healthSchema, lettersSchema, retriedSchema } from '../schemas.js'
import { described } from './json.js'

/** How the pipeline fares, and what failed. */
export function addOperationRoutes(app: FastifyInstance, { letters, health, hub }: Context): void {
  let retrying = false
  app.get(
    '/api/health',
    { schema: described({ summary: 'Throughput, lag, failures', answer: healthSchema }) },
    async () => health(),
  )
  app.get(
    '/api/dead-letters',
    { schema: described({ summary: 'What failed and why', answer: lettersSchema }) },
    async () => letters.list(),
  )
  app.post(
    '/api/dead-letters/retry',
    {
      schema: described({
        summary: 'Send dead letters to their topics again, each exactly once',
        answer: retriedSchema,
      }),
    },
    async () => {
      if (retrying) throw new StanflowError('SERVER_BUSY', 'They are being sent already.')
      retrying = true
      try {
        return { sent: await letters.retry() }
      } finally {
        retrying = false
        hub.publish('letters', {})
      }
    },
  )
}
