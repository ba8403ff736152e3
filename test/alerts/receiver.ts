import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'
import { type ReceiverFacts, receiverOf } from '../../src/alerts/receiver.js'

export const SECRET = `whsec_${Buffer.from('a key that is long enough for tests').toString('base64')}`

/** A message as a receiver got it. */
export interface Got {
  readonly id: string
  readonly key: string
  readonly source: string
  readonly atMs: number
}

export type Reply = number | 'hang' | 'drop'

/** A real receiver that checks signatures with its makers' own library, and answers as it is told. */
export class TestReceiver {
  /** All that came, taken or not, in order. */
  readonly got: Got[] = []
  /** What it said yes to. */
  readonly taken: Got[] = []
  readonly unsigned: string[] = []
  requests = 0
  readonly url: string
  reply: (got: Got, nth: number) => Reply
  readonly #server: Server

  private constructor(server: Server, reply: (got: Got, nth: number) => Reply) {
    this.#server = server
    this.reply = reply
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/in?key=of-the-receiver`
    server.on('request', (request, response) => void this.#take(request, response))
  }

  /** @param reply what to answer to a message that comes for the nth time, from 1 */
  static async start(reply: (got: Got, nth: number) => Reply = () => 204): Promise<TestReceiver> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new TestReceiver(server, reply)
  }

  facts(name: string, more: Partial<ReceiverFacts> = {}) {
    return receiverOf({
      ...{ name, url: this.url, secret: SECRET, secretEnv: 'SECRET', private: true, timeoutMs: 500 },
      ...more,
    })
  }

  /** Ids of what was taken, each once, in the order in which they first were, by source. */
  order(): Readonly<Record<string, readonly string[]>> {
    const bySource: Record<string, string[]> = {}
    for (const { source, key } of this.taken) {
      const ids = bySource[source] ?? []
      if (!ids.includes(key)) bySource[source] = [...ids, key]
    }
    return bySource
  }

  async until(met: (receiver: this) => boolean, what: string): Promise<void> {
    for (let i = 0; i < 800; i++) {
      if (met(this)) return
      await sleep(50)
    }
    throw new Error(`${what}: ${JSON.stringify(this.got.map(({ key }) => key))}`)
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const headers = request.headers as Record<string, string>
    try {
      new Webhook(SECRET).verify(body, headers)
    } catch (error) {
      this.unsigned.push(String(error))
    }
    const { data } = JSON.parse(body) as { data: { source: string } }
    const got = {
      ...{ id: String(headers['webhook-id']), key: String(headers['idempotency-key']), source: data.source },
      atMs: Date.now(),
    }
    this.got.push(got)
    const reply = this.reply(got, this.got.filter(({ key }) => key === got.key).length)
    if (reply === 'hang') return
    if (reply === 'drop' || (reply >= 200 && reply < 300)) this.taken.push(got)
    // It has taken the message, and the answer is lost.
    if (reply === 'drop') response.destroy()
    else response.writeHead(reply, { location: '/elsewhere' }).end()
  }
}
