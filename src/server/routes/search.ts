import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'
import { StanflowError } from '../../errors.js'
import type { Context } from '../context.js'
import { type Found, type Moment, searchQuery, searchSchema } from '../schemas.js'
import { described } from './json.js'

const PATIENCE_MS = 30_000

/** Moments by what they show. */
export function addSearchRoutes(app: FastifyInstance, context: Context): void {
  const { search, media, footages, library, searchesPerMinute } = context
  app.get(
    '/api/search',
    {
      schema: described({
        summary: 'Moments that show what is asked for',
        query: searchQuery,
        answer: searchSchema,
      }),
      config: { rateLimit: { max: searchesPerMinute, timeWindow: 60_000 } },
    },
    async ({ query }): Promise<Found> => {
      const asked = query as z.output<typeof searchQuery>
      if ((asked.q ?? '').trim() === '' && asked.likeSource === undefined) {
        throw new StanflowError('SERVER_REQUEST', 'Say what to look for (q), or a moment to look like.')
      }
      const begun = performance.now()
      const { moments, model, note } = await search.find(asked, AbortSignal.timeout(PATIENCE_MS))
      const shown = moments.map(async (moment): Promise<Moment> => {
        const label = moment.label ?? library?.labelAt(moment.source, moment.best) ?? null
        if (moment.source.startsWith('camera:')) {
          const footage = await footages.of(moment)
          return { ...moment, label, playable: footage.playable, why: footage.why, footage }
        }
        const why = media.whyNot(moment.source)
        return { ...moment, label, playable: why === null, why, footage: null }
      })
      return {
        moments: await Promise.all(shown),
        tookMs: Math.round(performance.now() - begun),
        model,
        note,
      }
    },
  )
}
