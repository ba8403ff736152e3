import { fileURLToPath } from 'node:url'
import cookie from '@fastify/cookie'
import rateLimit from '@fastify/rate-limit'
import files from '@fastify/static'
import swagger from '@fastify/swagger'
import fastify, { type FastifyInstance } from 'fastify'
import { StanflowError } from '../errors.js'
import { type Logger, silentLog } from '../telemetry/log.js'
import { VERSION } from '../version.js'
import { isLoopback, ourNames } from './address.js'
import type { Context, ServerParts } from './context.js'
import { Footages } from './footage.js'
import { addGuards } from './guards.js'
import { Hub } from './hub.js'
import { Media } from './media.js'
import { problemOf } from './problem.js'
import { addEventRoutes } from './routes/events.js'
import { addLibraryRoutes } from './routes/library.js'
import { addMediaRoutes } from './routes/media.js'
import { addOperationRoutes } from './routes/operations.js'
import { addSearchRoutes } from './routes/search.js'
import { addSessionRoutes } from './routes/session.js'
import { Access } from './token.js'

const ASSETS = fileURLToPath(new URL('../../../src/server/assets/', import.meta.url))
const SCRIPTS = fileURLToPath(new URL('./page/', import.meta.url))
const MOST_BODY = 16 * 1024

export interface ServerOptions {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  /** Asked of every request for data; a must where others than this machine reach the host. */
  readonly token?: string
  /** Names that a proxy in front of it is called by. */
  readonly allowHosts?: readonly string[]
  /** Addresses and networks of proxies: a visitor is who they say in X-Forwarded-For. Default: whoever connects. */
  readonly trustProxy?: readonly string[]
  readonly log?: Logger
  /** Searches a minute and address. Default 120. */
  readonly searchesPerMinute?: number
  /** Milliseconds between heartbeats of event streams. Default 15 000. */
  readonly heartbeatMs?: number
  /** Told of every answer: by which route, its status, how many seconds it took. */
  readonly onAnswered?: (route: string, status: number, seconds: number) => void
}

export interface RunningServer {
  readonly hub: Hub
  /** `http://127.0.0.1:4650` */
  readonly address: string
  /** Lets go of pages, then of the port. */
  close(): Promise<void>
}

/**
 * Serves page and API.
 * @throws StanflowError SERVER_TOKEN (a host that others reach, and no token), SERVER_ADDRESS
 */
export async function startServer(parts: ServerParts, options: ServerOptions): Promise<RunningServer> {
  const { host, port, token, allowHosts = [], heartbeatMs, searchesPerMinute = 120 } = options
  if (token === undefined && !isLoopback(host)) {
    throw new StanflowError('SERVER_TOKEN', `Others reach ${host}: that takes a token.`)
  }
  const hub = new Hub(heartbeatMs)
  const access = token === undefined ? undefined : new Access(token)
  const media = new Media(parts)
  const footages = new Footages({ ...parts, media })
  const context: Context = { ...parts, media, footages, hub, access, searchesPerMinute }
  const app = await assemble(context, options, ourNames([host, ...allowHosts]))
  try {
    await app.listen({ host, port })
  } catch (cause) {
    hub.close()
    await app.close()
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause)
    throw new StanflowError('SERVER_ADDRESS', `Nothing can be served at ${host}:${port} (${reason}).`, {
      cause,
    })
  }
  const bound = app.addresses().find((one) => typeof one === 'object')
  const shown = host.includes(':') ? `[${host}]` : host
  return {
    hub,
    address: `http://${shown}:${bound?.port ?? port}`,
    close: async () => {
      hub.close()
      await app.close()
    },
  }
}

async function assemble(
  context: Context,
  { log = silentLog(), onAnswered, trustProxy = [] }: ServerOptions,
  names: ReadonlySet<string>,
): Promise<FastifyInstance> {
  const app = fastify({
    bodyLimit: MOST_BODY,
    trustProxy: trustProxy.length > 0 && [...trustProxy],
    requestTimeout: 30_000,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
    // Numbers in a query are text at first.
    ajv: { customOptions: { coerceTypes: 'array' } },
  })
  // A form of another page can send text, and nothing else that we take.
  app.removeContentTypeParser('text/plain')
  app.setErrorHandler(async (error, { method, routeOptions }, reply) => {
    const { status, body, isOurs } = problemOf(error)
    if (isOurs) log.error({ method, route: routeOptions.url, reason: String(error) }, 'request failed')
    return reply.code(status).send(body)
  })
  app.setNotFoundHandler(async (_request, reply) => {
    const { status, body } = problemOf(new StanflowError('SERVER_NOT_FOUND', 'There is no such page.'))
    return reply.code(status).send(body)
  })
  if (onAnswered !== undefined) {
    app.addHook('onResponse', async ({ routeOptions }, { statusCode, elapsedTime }) => {
      onAnswered(routeOptions.url ?? 'none', statusCode, elapsedTime / 1000)
    })
  }
  await app.register(cookie)
  addGuards(app, { access: context.access, names })
  await app.register(rateLimit, { global: false })
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'stanflow', version: VERSION, description: 'Moments, cameras, events and health.' },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      ...(context.access !== undefined && { security: [{ token: [] }] }),
    },
  })
  await app.register(async (api) => {
    addSessionRoutes(api, context)
    addLibraryRoutes(api, context)
    addSearchRoutes(api, context)
    addEventRoutes(api, context)
    addMediaRoutes(api, context)
    addOperationRoutes(api, context)
    api.get('/api/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  })
  await app.register(files, { root: ASSETS, index: 'index.html', cacheControl: false, globIgnore: ['**/.*'] })
  await app.register(files, {
    ...{ root: SCRIPTS, prefix: '/js/', decorateReply: false, cacheControl: false },
    allowedPath: (path) => path.endsWith('.js'),
  })
  return app
}
