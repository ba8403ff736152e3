/** An answer of an RTSP server. */
export interface Answer {
  /** 0 for the first of its connection: OPTIONS, DESCRIBE, SETUP, PLAY, as ffmpeg asks. */
  readonly index: number
  readonly status: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer
  readonly bytes: Buffer
}

/** RTP or RTCP amid the answers: `$`, channel, length (RFC 2326, 10.12). */
export interface Frame {
  readonly index: number
  readonly channel: number
  readonly payload: Buffer
  readonly bytes: Buffer
}

const HEAD_END = Buffer.from('\r\n\r\n')
const DOLLAR = 0x24

/** Takes apart what a real camera sends. */
export class RtspReader {
  readonly #told: { readonly onAnswer: (answer: Answer) => void; readonly onFrame: (frame: Frame) => void }
  #rest: Buffer = Buffer.alloc(0)
  #answers = 0
  #frames = 0

  constructor(told: {
    readonly onAnswer: (answer: Answer) => void
    readonly onFrame: (frame: Frame) => void
  }) {
    this.#told = told
  }

  push(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk])
    for (;;) {
      const taken = this.#rest[0] === DOLLAR ? this.#frame() : this.#answer()
      if (taken === 0) return
      this.#rest = this.#rest.subarray(taken)
    }
  }

  #frame(): number {
    if (this.#rest.length < 4) return 0
    const length = 4 + this.#rest.readUInt16BE(2)
    if (this.#rest.length < length) return 0
    const bytes = Buffer.from(this.#rest.subarray(0, length))
    this.#told.onFrame({
      index: this.#frames++,
      channel: bytes[1] as number,
      payload: bytes.subarray(4),
      bytes,
    })
    return length
  }

  #answer(): number {
    const end = this.#rest.indexOf(HEAD_END)
    if (end < 0) return 0
    const [status = '', ...lines] = this.#rest.toString('latin1', 0, end).split('\r\n')
    const headers = lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as const
    })
    const length = Number(headers.find(([name]) => /^content-length$/i.test(name))?.[1] ?? 0)
    const from = end + HEAD_END.length
    if (this.#rest.length < from + length) return 0
    const bytes = Buffer.from(this.#rest.subarray(0, from + length))
    this.#told.onAnswer({ index: this.#answers++, status, headers, body: bytes.subarray(from), bytes })
    return from + length
  }
}

/** An answer as bytes again. `length`: what it says of its body; default: the truth. */
export function answerBytes(
  { status, headers, body }: Pick<Answer, 'status' | 'headers' | 'body'>,
  length: string | undefined = String(body.length),
): Buffer {
  const kept = headers.filter(([name]) => !/^content-length$/i.test(name))
  const all = body.length > 0 ? [...kept, ['Content-Length', length] as const] : kept
  const head = [status, ...all.map(([name, value]) => `${name}: ${value}`)].join('\r\n')
  return Buffer.concat([Buffer.from(`${head}\r\n\r\n`, 'latin1'), body])
}

/** A frame's bytes; `length`: what its header says. */
export function frameBytes(channel: number, payload: Buffer, length = payload.length): Buffer {
  const head = Buffer.from([DOLLAR, channel & 0xff, 0, 0])
  head.writeUInt16BE(length & 0xffff, 2)
  return Buffer.concat([head, payload])
}
