import type { FastifyInstance } from 'fastify'
import { StanflowError } from '../../errors.js'
import type { Context } from '../context.js'
import { HEADERS } from '../guards.js'
import { MOST_PAGES } from '../hub.js'
import { type Live, liveSchema } from '../schemas.js'
import { described } from './json.js'

/** What goes on now, at once and as it changes. */
export function addEventRoutes(app: FastifyInstance, { live, isLive, hub }: Context): void {
  app.get(
    '/api/live',
    { schema: described({ summary: 'Cameras and episodes now', answer: liveSchema }) },
    async (): Promise<Live> => ({
      live: isLive,
      cameras: [...live.cameras(Date.now() / 1000)],
      episodes: [...live.episodes()],
    }),
  )
  app.get(
    '/api/stream',
    {
      schema: described({
        summary:
          'Changes as server-sent events: cameras, episodes, letters, library, health; hello where everything is to be loaded. Goes on after Last-Event-ID.',
        media: 'text/event-stream',
      }),
    },
    async (request, reply) => {
      if (hub.pages >= MOST_PAGES) throw new StanflowError('SERVER_BUSY', 'Too many pages are open.')
      const { raw } = reply
      reply.hijack()
      raw.writeHead(200, {
        ...HEADERS,
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        // Proxies are asked to hold nothing back.
        'x-accel-buffering': 'no',
      })
      raw.write('retry: 2000\n\n')
      raw.on('error', () => undefined)
      request.raw.socket.setTimeout(0)
      const last = request.headers['last-event-id']
      hub.add(raw, Array.isArray(last) ? last[0] : last)
    },
  )
}
