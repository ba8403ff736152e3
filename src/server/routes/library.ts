import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'
import { StanflowError } from '../../errors.js'
import type { Context } from '../context.js'
import {
  type Source,
  type Sources,
  sourcesQuery,
  sourcesSchema,
  type Timeline,
  timelineQuery,
  timelineSchema,
} from '../schemas.js'
import { described } from './json.js'

/** Stored sources and their timelines. */
export function addLibraryRoutes(app: FastifyInstance, { library, live, media, search }: Context): void {
  const shown = (source: Source): Source => {
    const why = media.whyNot(source.source)
    return { ...source, playable: why === null, why }
  }
  app.get(
    '/api/sources',
    { schema: described({ summary: 'Stored sources', query: sourcesQuery, answer: sourcesSchema }) },
    async ({ query }): Promise<Sources> => {
      const { find, offset, limit } = query as z.output<typeof sourcesQuery>
      const found = library?.sources({ offset, limit, ...(find !== undefined && { find }) })
      if (found === undefined) return { total: 0, sources: [] }
      return { ...found, sources: found.sources.map(shown) }
    },
  )
  app.get(
    '/api/timeline',
    {
      schema: described({
        summary: 'Labels of a source along its time',
        query: timelineQuery,
        answer: timelineSchema,
      }),
    },
    async ({ query }): Promise<Timeline> => {
      const { source } = query as z.output<typeof timelineQuery>
      const episodes = live.episodesOf(source)
      const timeline = library?.timeline(source, episodes) ?? (await search.timeline(source, episodes))
      if (timeline === undefined) {
        throw new StanflowError('SERVER_NOT_FOUND', 'Nothing is stored of that source.')
      }
      return { ...timeline, source: shown(timeline.source) }
    },
  )
}
