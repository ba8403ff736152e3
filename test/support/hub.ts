import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a server does to one answer. */
export interface Fault {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Ends the connection after so many bytes of the body. */
  readonly cutAfter?: number
  /** The cut waits for this: the other side may still be busy with what it got. */
  readonly cutWhen?: () => boolean
  /** Has only so much of the file, and says so. */
  readonly truncate?: number
  /** Sends other bytes than it should. */
  readonly tamper?: boolean
  /** Calls the content by another tag. */
  readonly etag?: string
  /** Answers a request for a part with the whole. */
  readonly ignoreRange?: boolean
  /** Goes on from where it was asked to, whatever the condition says. */
  readonly ignoreIfRange?: boolean
  /** Sends headers, a few bytes, and then nothing. */
  readonly stall?: boolean
  /** Says nothing at all. */
  readonly mute?: boolean
}

/** One request, as the server saw it. */
export interface Seen {
  readonly server: 'hub' | 'cdn'
  readonly path: string
  readonly range: string | undefined
  readonly authorization: string | undefined
  /** Bytes of the body that went out. */
  sent: number
  status: number
}

export interface HubModel {
  readonly id: string
  readonly commit: string
  /** What branches and tags stand for, besides the commit itself. */
  readonly revisions: readonly string[]
  readonly files: ReadonlyMap<string, Buffer>
  /** Who may read it; undefined: everyone. */
  readonly token?: string
  readonly gated?: boolean
}

const LARGE = 10_000

interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

const said = (status: number, headers: Reply['headers'], body = ''): Reply => ({
  status,
  headers,
  body: Buffer.from(body),
})

/**
 * A server that behaves as the Hugging Face hub does: an API that resolves revisions and lists files, small files served by
 * itself, large ones by redirect to a CDN on another port, checksums in headers, ranges. Faults come as they are queued.
 */
export class Hub {
  readonly seen: Seen[] = []
  readonly #models = new Map<string, HubModel>()
  readonly #faults: { match: RegExp; fault: Fault; times: number }[] = []
  readonly #hub: Server
  readonly #cdn: Server

  constructor() {
    this.#hub = createServer((request, response) => this.#answer('hub', request, response))
    this.#cdn = createServer((request, response) => this.#answer('cdn', request, response))
  }

  async start(): Promise<this> {
    for (const server of [this.#hub, this.#cdn]) {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
    }
    return this
  }

  async stop(): Promise<void> {
    for (const server of [this.#hub, this.#cdn]) {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  }

  get endpoint(): string {
    return `http://127.0.0.1:${port(this.#hub)}`
  }

  add(model: HubModel): void {
    this.#models.set(model.id, model)
  }

  /** The next `times` answers to a path like this go wrong. */
  fail(match: RegExp, fault: Fault, times = 1): void {
    this.#faults.push({ match, fault, times })
  }

  /** Bytes of bodies sent for a path like this. */
  sent(match: RegExp): number {
    return this.seen.filter(({ path }) => match.test(path)).reduce((sum, { sent }) => sum + sent, 0)
  }

  forget(): void {
    this.seen.length = 0
    this.#faults.length = 0
  }

  #answer(server: Seen['server'], request: IncomingMessage, response: ServerResponse): void {
    const { pathname: path } = new URL(request.url ?? '/', 'http://hub')
    const { range, authorization } = request.headers
    const seen: Seen = { server, path, range, authorization, sent: 0, status: 0 }
    this.seen.push(seen)
    const fault = this.#faultFor(`${server}${path}`)
    if (fault.mute === true) return
    const reply = this.#reply(server, path, request, fault)
    seen.status = reply.status
    send(response, seen, fault, reply)
  }

  #reply(server: Seen['server'], path: string, request: IncomingMessage, fault: Fault): Reply {
    const { authorization } = request.headers
    if (fault.status !== undefined)
      return said(fault.status, { ...fault.headers }, 'a fault that was asked for')
    if (server === 'cdn') return this.#serve(decodeURIComponent(path.slice(1)), request, fault)
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/(.+)$/.exec(path)
    const file = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path)
    const [, id = '', revision = '', name = ''] = api ?? file ?? []
    const model = this.#models.get(id)
    // The hub does not tell strangers whether a private model is there.
    if (model === undefined || (model.token !== undefined && authorization === undefined))
      return said(401, { 'x-error-code': 'RepoNotFound', 'x-error-message': 'Invalid username or password.' })
    if (model.token !== undefined && authorization !== `Bearer ${model.token}`)
      return said(401, { 'x-error-message': 'Invalid credentials in Authorization header' })
    if (model.gated === true && file !== null)
      return said(403, {
        'x-error-code': 'GatedRepo',
        'x-error-message': `Access to model ${id} is restricted.`,
      })
    if (![model.commit, ...model.revisions].includes(decodeURIComponent(revision)))
      return said(404, {
        'x-error-code': 'RevisionNotFound',
        'x-error-message': `Invalid rev id: ${revision}`,
      })
    if (api !== null) return said(200, { 'content-type': 'application/json' }, listing(model))
    const content = model.files.get(decodeURIComponent(name))
    if (content === undefined) return said(404, { 'x-error-code': 'EntryNotFound' })
    if (content.length < LARGE) {
      const reply = this.#serve(`${id}/${name}`, request, { etag: `"${gitHash(content)}"`, ...fault })
      return { ...reply, headers: { ...reply.headers, 'x-repo-commit': model.commit } }
    }
    return said(302, {
      location: `http://localhost:${port(this.#cdn)}/${encodeURIComponent(`${id}/${name}`)}?signature=once`,
      'x-linked-etag': `"${sha256(content)}"`,
      'x-linked-size': String(content.length),
      'x-repo-commit': model.commit,
    })
  }

  #serve(path: string, { headers }: IncomingMessage, fault: Fault): Reply {
    const [owner, name, ...rest] = path.split('/')
    const whole = this.#models.get(`${owner}/${name}`)?.files.get(rest.join('/')) as Buffer
    const etag = fault.etag ?? `"${sha256(whole).slice(0, 32)}"`
    const middle = whole.length >> 1
    const tampered = fault.tamper === true ? Buffer.from(whole).fill('x', middle, middle + 8) : whole
    const body = tampered.subarray(0, fault.truncate)
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? Number.NaN)
    const condition = headers['if-range']
    const same = condition === undefined || condition === etag || fault.ignoreIfRange === true
    if (Number.isNaN(from) || fault.ignoreRange === true || !same)
      return { status: 200, headers: { etag }, body }
    if (from >= body.length) return said(416, { 'content-range': `bytes */${body.length}` })
    const range = `bytes ${from}-${body.length - 1}/${body.length}`
    return { status: 206, headers: { etag, 'content-range': range }, body: body.subarray(from) }
  }

  #faultFor(path: string): Fault {
    const found = this.#faults.find(({ match, times }) => times > 0 && match.test(path))
    if (found === undefined) return {}
    found.times--
    return found.fault
  }
}

function send(
  response: ServerResponse,
  seen: Seen,
  { cutAfter, cutWhen = () => true, stall }: Fault,
  { status, headers, body }: Reply,
): void {
  response.writeHead(status, { ...headers, 'content-length': String(body.length) })
  const part = stall === true ? 1000 : cutAfter
  if (part === undefined || part >= body.length) {
    seen.sent = body.length
    response.end(body)
    return
  }
  seen.sent = part
  response.write(body.subarray(0, part))
  if (stall === true) return
  const timer = setInterval(() => {
    if (cutWhen()) response.socket?.destroy()
  }, 20)
  response.on('close', () => clearInterval(timer))
}

function listing({ id, commit, files }: HubModel): string {
  const siblings = [...files].map(([rfilename, content]) => ({
    rfilename,
    size: content.length,
    blobId: gitHash(content),
    ...(content.length >= LARGE && {
      lfs: { sha256: sha256(content), size: content.length, pointerSize: 134 },
    }),
  }))
  return JSON.stringify({ id, sha: commit, private: false, siblings })
}

const gitHash = (content: Buffer): string =>
  createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex')
const port = (server: Server): number => (server.address() as AddressInfo).port
