import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'

/** Messages kept for pages that lost the connection for a while. */
const KEPT = 1000
const HEARTBEAT_MS = 15_000
/** A page that takes nothing is let go; it comes back by itself and is told what it missed. */
const MOST_BEHIND = 4 * 1024 * 1024
export const MOST_PAGES = 100

export type Topic = 'cameras' | 'episodes' | 'letters' | 'library' | 'health'

interface Message {
  readonly seq: number
  readonly text: string
}

/** Tells open pages what is new, by server-sent events. */
export class Hub {
  readonly #boot = randomBytes(4).toString('hex')
  readonly #pages = new Set<ServerResponse>()
  readonly #kept: Message[] = []
  readonly #beat: NodeJS.Timeout
  #seq = 0

  constructor(heartbeatMs = HEARTBEAT_MS) {
    this.#beat = setInterval(() => this.#send(': beat\n\n'), heartbeatMs)
    this.#beat.unref()
  }

  get pages(): number {
    return this.#pages.size
  }

  publish(topic: Topic, data: unknown): void {
    const seq = ++this.#seq
    const text = `id: ${this.#id(seq)}\nevent: ${topic}\ndata: ${JSON.stringify(data)}\n\n`
    this.#kept.push({ seq, text })
    if (this.#kept.length > KEPT) this.#kept.shift()
    this.#send(text)
  }

  /**
   * Adds a page, whose head has been written. One that comes back is told what it missed; where that is not known any
   * more, and on the first visit, `hello` tells it to load everything.
   */
  add(page: ServerResponse, lastId: string | undefined): void {
    const [boot, text] = (lastId ?? '').split('-')
    const last = Number(text)
    const oldest = this.#kept[0]?.seq ?? this.#seq + 1
    const knows = boot === this.#boot && Number.isInteger(last) && last + 1 >= oldest && last <= this.#seq
    if (knows)
      page.write(
        this.#kept
          .filter(({ seq }) => seq > last)
          .map((message) => message.text)
          .join(''),
      )
    else page.write(`id: ${this.#id(this.#seq)}\nevent: hello\ndata: {}\n\n`)
    this.#pages.add(page)
    page.on('close', () => this.#pages.delete(page))
  }

  close(): void {
    clearInterval(this.#beat)
    for (const page of this.#pages) page.end()
    this.#pages.clear()
  }

  #id(seq: number): string {
    return `${this.#boot}-${seq}`
  }

  #send(text: string): void {
    for (const page of this.#pages) {
      if (page.writableLength > MOST_BEHIND) page.destroy()
      else page.write(text)
    }
  }
}
