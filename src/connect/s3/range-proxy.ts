import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { StanflowError } from '../../errors.js'
import { BLOCK, Blocks } from './blocks.js'
import type { S3 } from './client.js'
import { type S3Place, s3Uri } from './uri.js'

/** Bytes in one answer: after a seek one block, then a quarter of what was read in sequence, up to this. */
const LONGEST_ANSWER = 16 * BLOCK
/** Whoever has read so much in sequence reads on: the next answer is fetched while this one is sent. */
const AHEAD_AFTER = 16 * BLOCK
/** How long a reader waits for bytes at most; a decoder's watchdog is more patient. */
const PATIENCE_MS = 50_000

/** An object that can be read by a URL of this machine, while it is open. */
export interface RemoteFile {
  readonly url: string
  readonly bytes: number
  /** Bytes fetched from the bucket so far, and by how many requests. */
  readonly fetched: number
  readonly requests: number
  /** Why bytes did not come, where that happened: then what was read is not what the object holds. */
  readonly failure: StanflowError | undefined
  close(): void
}

interface Open {
  readonly blocks: Blocks
  readonly aborted: AbortController
  /** Where the last answer ended: who goes on there reads in sequence, and has read so much of it. */
  next: number
  run: number
}

/**
 * Hands out objects of a bucket to decoders, which know HTTP ranges and no signatures: on 127.0.0.1, each object under
 * a random name that is gone when it is closed. An answer holds only a piece of what was asked for, so that a decoder
 * that seeks on leaves little behind that was fetched for nothing.
 */
export class RangeProxy {
  readonly #s3: S3
  readonly #server: Server
  readonly #open = new Map<string, Open>()

  private constructor(s3: S3) {
    this.#s3 = s3
    this.#server = createServer({ keepAliveTimeout: 1000 }, (request, response) => {
      this.#serve(request, response).catch(() => response.destroy())
    })
  }

  static async start(s3: S3): Promise<RangeProxy> {
    const proxy = new RangeProxy(s3)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    proxy.#server.unref()
    return proxy
  }

  /** `etag`: reading fails with INPUT_CHANGED where the object has another one by now. */
  open(place: S3Place, { bytes, etag }: { readonly bytes: number; readonly etag?: string }): RemoteFile {
    const token = randomBytes(16).toString('hex')
    const aborted = new AbortController()
    const blocks = new Blocks(bytes, async (start, end) => {
      const late = AbortSignal.timeout(PATIENCE_MS)
      try {
        return await this.#s3.range(place, [start, end], etag, AbortSignal.any([aborted.signal, late]))
      } catch (error) {
        if (error instanceof StanflowError) throw error
        throw new StanflowError(
          'S3_UNAVAILABLE',
          `Cannot read ${s3Uri(place)}: nothing came for ${PATIENCE_MS / 1000} s.`,
          { cause: error },
        )
      }
    })
    this.#open.set(token, { blocks, aborted, next: -1, run: 0 })
    const { port } = this.#server.address() as AddressInfo
    const name = encodeURIComponent(place.key.slice(place.key.lastIndexOf('/') + 1))
    return {
      bytes,
      url: `http://127.0.0.1:${port}/${token}/${name}`,
      get fetched() {
        return blocks.fetched
      },
      get requests() {
        return blocks.requests
      },
      get failure() {
        return blocks.failure
      },
      close: () => {
        this.#open.delete(token)
        aborted.abort()
      },
    }
  }

  async close(): Promise<void> {
    for (const { aborted } of this.#open.values()) aborted.abort()
    this.#open.clear()
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const file = this.#open.get(request.url?.split('/')[1] ?? '')
    if (file === undefined || !['GET', 'HEAD'].includes(request.method ?? '')) {
      response.writeHead(file === undefined ? 404 : 405).end()
      return
    }
    const { blocks } = file
    const range = rangeOf(request.headers.range, blocks.bytes)
    if (request.method === 'HEAD' || range === undefined) {
      const status = request.method === 'HEAD' ? 200 : 416
      const length = request.method === 'HEAD' ? { 'content-length': blocks.bytes } : {}
      response.writeHead(status, { 'accept-ranges': 'bytes', ...length }).end()
      return
    }
    // A reader that asks again and again after a failure must not take the rest for a video.
    if (blocks.failure !== undefined) {
      response.writeHead(502).end()
      return
    }
    await this.#answer(file, range, response)
  }

  async #answer(
    file: Open,
    [start, end]: readonly [number, number],
    response: ServerResponse,
  ): Promise<void> {
    const { blocks } = file
    if (start !== file.next) file.run = 0
    const length = Math.min(Math.max(file.run / 4, BLOCK), LONGEST_ANSWER)
    // Whole blocks, so that the next answer begins with a new one.
    const to = Math.min(end, Math.floor((start + length) / BLOCK) * BLOCK)
    file.next = to
    file.run += to - start
    blocks.prepare(start, to)
    const first = await blocks.read(start, to)
    // The whole length comes last: libav believes what it hears last.
    response.writeHead(206, {
      'accept-ranges': 'bytes',
      'content-type': 'application/octet-stream',
      'content-length': to - start,
      'content-range': `bytes ${start}-${to - 1}/${blocks.bytes}`,
      connection: 'close',
    })
    if (file.run > AHEAD_AFTER && to < end) blocks.prepare(to, Math.min(end, to + length))
    let piece = first
    for (let at = start; ; ) {
      if (!response.write(piece)) await drained(response)
      if (response.destroyed) return
      at += piece.length
      if (at >= to) break
      piece = await blocks.read(at, to)
    }
    response.end()
  }
}

/** Until there is room, or nobody left to write for. */
async function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) return
  await new Promise<void>((resolve) => {
    const go = (): void => {
      response.off('drain', go)
      response.off('close', go)
      resolve()
    }
    response.once('drain', go)
    response.once('close', go)
  })
}

/** `[start, end)`; `undefined` where the object has no such bytes. */
function rangeOf(header: string | undefined, bytes: number): readonly [number, number] | undefined {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? 'bytes=0-') ?? []
  const start = from === '' ? Math.max(0, bytes - Number(to || 0)) : Number(from)
  const end = from === '' || to === '' ? bytes : Math.min(bytes, Number(to) + 1)
  return start < end ? [start, end] : undefined
}
