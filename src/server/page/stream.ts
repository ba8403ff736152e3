import { find, say } from './dom.js'

type Listener = (data: unknown) => void

const RETRY_MS = 3000
const TOPICS = ['cameras', 'episodes', 'letters', 'library', 'health', 'hello'] as const
export type Topic = (typeof TOPICS)[number]

const listeners = new Map<Topic, Set<Listener>>()
let source: EventSource | undefined

/** Hears of changes until the answer is called. `hello` means that anything may have changed. */
export function hear<T>(topic: Topic, listener: (data: T) => void): () => void {
  const all = listeners.get(topic) ?? new Set()
  listeners.set(topic, all.add(listener as Listener))
  return () => all.delete(listener as Listener)
}

/** Connects, and connects again; the browser itself sends the last id it has seen. */
export function listen(): void {
  source?.close()
  const stream = new EventSource('/api/stream')
  source = stream
  stream.addEventListener('open', () => show('on', 'connected'))
  stream.addEventListener('error', () => {
    show('off', 'connection lost, trying again')
    // After an answer that is none the browser gives up; we do not.
    if (stream.readyState === EventSource.CLOSED && source === stream) setTimeout(listen, RETRY_MS)
  })
  for (const topic of TOPICS) {
    stream.addEventListener(topic, (event) => {
      const data: unknown = JSON.parse((event as MessageEvent<string>).data)
      for (const listener of listeners.get(topic) ?? []) listener(data)
    })
  }
}

function show(state: 'on' | 'off', text: string): void {
  const shown = find('#connection')
  shown.dataset.state = state
  say(shown.querySelector('span') as Element, text)
}
