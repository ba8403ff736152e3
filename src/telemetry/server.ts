import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { StanflowError } from '../errors.js'
import type { Metrics } from './metrics.js'

export interface Health {
  /** Undefined while all is well; else why not. */
  readonly failing: () => string | undefined
  /** Undefined once work is taken; else what is waited for. */
  readonly waiting: () => string | undefined
}

/** `/metrics` for Prometheus, `/healthz` and `/readyz` for Kubernetes. */
export class StatusServer {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** @param listen `host:port`, or `:port` for 127.0.0.1. @throws StanflowError CONFIG_INVALID */
  static async start(listen: string, metrics: Metrics, health: Health): Promise<StatusServer> {
    const [, host, port] = /^(.*):(\d{1,5})$/.exec(listen.trim()) ?? []
    if (port === undefined) {
      throw new StanflowError('CONFIG_INVALID', `--listen must be host:port, not "${listen}".`)
    }
    const server = createServer(async ({ url }, response) => {
      const say = (status: number, text: string, type = 'text/plain; charset=utf-8'): void => {
        response.writeHead(status, { 'content-type': type }).end(text)
      }
      const path = url?.split('?')[0]
      if (path === '/metrics') {
        // A gauge that cannot be read must not end the process.
        const text = await metrics.registry.metrics().catch((error: unknown) => String(error))
        say(200, text, metrics.registry.contentType)
      } else if (path === '/healthz') answer(health.failing(), say)
      else if (path === '/readyz') answer(health.failing() ?? health.waiting(), say)
      else say(404, 'There is /metrics, /healthz and /readyz.\n')
    })
    try {
      server.listen(Number(port), host === '' ? '127.0.0.1' : host?.replaceAll(/^\[|\]$/g, ''))
      await once(server, 'listening')
    } catch (cause) {
      throw new StanflowError('CONFIG_INVALID', `Nothing can be served at ${listen}: ${String(cause)}.`, {
        hint: 'Another process may have the port; choose another with --listen.',
        cause,
      })
    }
    server.unref()
    return new StatusServer(server)
  }

  /** `host:port` it listens on. */
  get address(): string {
    const address = this.#server.address()
    return address === null || typeof address === 'string' ? '' : `${address.address}:${address.port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

function answer(problem: string | undefined, say: (status: number, text: string) => void): void {
  if (problem === undefined) say(200, 'ok\n')
  else say(503, `${problem}\n`)
}
