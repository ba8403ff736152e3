import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { Random } from '../mutate.js'
import { type Answer, type Frame, RtspReader } from './reader.js'

/** What is done to one connection's answers and frames; what it does not touch goes through as it is. */
export interface Hostility {
  answer?(answer: Answer, out: Outlet): void
  frame?(frame: Frame, out: Outlet): void
}

/** A kind of hostility; the same numbers make the same one. `port`: where the client thinks the camera is. */
export type HostileKind = (random: Random, port: number) => Hostility

/** Bytes that may wait for a client that does not read: a camera has no more memory either. */
const MOST_WAITING = 8 * 2 ** 20

/** What goes to the client of one connection. */
export class Outlet {
  readonly #client: Socket
  #timer: NodeJS.Timeout | undefined
  #isMute = false

  constructor(client: Socket) {
    this.#client = client
  }

  write(bytes: Buffer | string): void {
    if (!this.#isMute) this.#send(bytes)
  }

  /** These byte by byte, and nothing else any more. */
  drip(bytes: Buffer, everyMs: number): void {
    let at = 0
    this.#every(everyMs, () => {
      if (at < bytes.length) this.#send(bytes.subarray(at, ++at))
    })
  }

  /** Bytes without end, and nothing else any more. */
  flood(next: () => Buffer, everyMs: number): void {
    this.#every(everyMs, () => this.#send(next()))
  }

  /** Nothing any more; the connection stays. */
  mute(): void {
    this.#isMute = true
  }

  reset(): void {
    this.#client.resetAndDestroy()
  }

  close(): void {
    this.#isMute = true
    clearInterval(this.#timer)
  }

  #every(everyMs: number, act: () => void): void {
    if (this.#isMute) return
    this.#isMute = true
    this.#timer = setInterval(act, everyMs)
  }

  #send(bytes: Buffer | string): void {
    if (!this.#client.destroyed && this.#client.writableLength < MOST_WAITING) this.#client.write(bytes)
  }
}

/** A proxy before a real camera that does to what it says as its kind does. Each connection meets the same. */
export class HostileCamera {
  readonly #target: number
  readonly #kind: HostileKind
  readonly #seed: number
  readonly #sockets = new Set<Socket>()
  readonly #server: Server

  private constructor(target: number, kind: HostileKind, seed: number) {
    this.#target = target
    this.#kind = kind
    this.#seed = seed
    this.#server = createServer((client) => this.#take(client)).listen(0, '127.0.0.1')
  }

  static async start(target: number, kind: HostileKind, seed: number): Promise<HostileCamera> {
    const camera = new HostileCamera(target, kind, seed)
    await once(camera.#server, 'listening')
    return camera
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #take(client: Socket): void {
    const camera = connect(this.#target, '127.0.0.1')
    const out = new Outlet(client)
    const hostility = this.#kind(new Random(this.#seed), this.port)
    const reader = new RtspReader({
      onAnswer: (answer) =>
        hostility.answer === undefined ? out.write(answer.bytes) : hostility.answer(answer, out),
      onFrame: (frame) =>
        hostility.frame === undefined ? out.write(frame.bytes) : hostility.frame(frame, out),
    })
    for (const socket of [client, camera]) {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        out.close()
        client.destroy()
        camera.destroy()
      })
    }
    client.pipe(camera)
    camera.on('data', (chunk: Buffer) => reader.push(chunk))
  }
}
