import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** What happens to connections. */
export type Fault =
  /** Nothing: bytes go through. */
  | 'none'
  /** Nobody listens: connections are refused, open ones are reset. */
  | 'refused'
  /** Connections are taken, and reset at once; open ones too. */
  | 'reset'
  /** Connections are taken, and nothing goes through any more in either direction; open ones too. */
  | 'hang'
  /** Each request is answered with HTTP status 503; open connections are reset. */
  | '503'

const UNAVAILABLE =
  'HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\nConnection: close\r\n\r\n' +
  '<?xml version="1.0" encoding="UTF-8"?><Error><Code>ServiceUnavailable</Code><Message>cut on purpose</Message></Error>'

export interface FaultProxyOptions {
  /** Where bytes go. */
  readonly target: { readonly host?: string; readonly port: number }
  /** Where it listens, on 127.0.0.1. Default: a free port. */
  readonly port?: number
}

/** A TCP proxy that a test can cut: between a client and a real server of any protocol. */
export class FaultProxy {
  readonly #target: { readonly host: string; readonly port: number }
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  readonly #lone = new Set<Socket>()
  #server: Server | undefined
  #port: number
  #fault: Fault = 'none'
  #toServer = 0
  #toClient = 0
  #cutAfter = Number.POSITIVE_INFINITY
  #then: Fault = 'none'

  private constructor({ target, port = 0 }: FaultProxyOptions) {
    this.#target = { host: '127.0.0.1', ...target }
    this.#port = port
  }

  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options)
    await proxy.#listen()
    return proxy
  }

  get port(): number {
    return this.#port
  }

  /** Bytes that went through, headers included. */
  get bytes(): { readonly toServer: number; readonly toClient: number } {
    return { toServer: this.#toServer, toClient: this.#toClient }
  }

  /** Connections that were taken since a fault began, and through which nothing goes. */
  get stuck(): number {
    return this.#lone.size
  }

  /** From now on, for open connections and new ones. */
  async set(fault: Fault): Promise<void> {
    if (fault === this.#fault) return
    this.#fault = fault
    if (fault === 'refused') await this.#unlisten()
    else if (this.#server === undefined) await this.#listen()
    if (fault === 'hang') {
      for (const [client, server] of this.#pairs) {
        client.pause()
        server.pause()
      }
    } else {
      // What hung before cannot go on as if nothing had been: bytes on the way are gone, as in a real cut.
      this.#resetAll()
    }
  }

  /**
   * Once so many more bytes have gone to clients, connections are reset, in the midst of an answer; then `fault` holds.
   * Once only.
   */
  cutAfter(bytes: number, fault: Fault = 'none'): void {
    this.#cutAfter = this.#toClient + bytes
    this.#then = fault
  }

  async stop(): Promise<void> {
    await this.#unlisten()
    this.#resetAll()
  }

  #resetAll(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy()
    for (const socket of this.#lone) socket.resetAndDestroy()
  }

  async #listen(): Promise<void> {
    const server = createServer((socket) => this.#take(socket)).listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address !== null && typeof address !== 'string') this.#port = address.port
    this.#server = server
  }

  async #unlisten(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const closed = once(server, 'close')
    server.close()
    this.#resetAll()
    await closed
  }

  #take(client: Socket): void {
    client.on('error', () => undefined)
    if (this.#fault === 'none') {
      this.#connect(client)
      return
    }
    this.#lone.add(client)
    client.on('close', () => this.#lone.delete(client))
    if (this.#fault === 'reset') client.resetAndDestroy()
    else if (this.#fault === '503') client.once('data', () => client.end(UNAVAILABLE))
    else client.pause()
  }

  #connect(client: Socket): void {
    const server = connect(this.#target)
    const pair = [client, server] as const
    this.#pairs.add(pair)
    const over = (): void => {
      this.#pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    for (const socket of pair) socket.on('error', () => undefined).on('close', over)
    client.on('data', (chunk: Buffer) => {
      this.#toServer += chunk.length
    })
    server.on('data', (chunk: Buffer) => {
      this.#toClient += chunk.length
      if (this.#toClient < this.#cutAfter) return
      this.#cutAfter = Number.POSITIVE_INFINITY
      this.#resetAll()
      this.set(this.#then).catch(() => undefined)
    })
    client.pipe(server)
    server.pipe(client)
  }
}
