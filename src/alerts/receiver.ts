import type { EventRecord } from '../connect/kafka/records.js'
import { StanflowError } from '../errors.js'
import { refusesUrl } from './address.js'
import { keysIn } from './signature.js'

/** Who is told of events. */
export interface Receiver {
  /** Names its consumer group, so that it goes on where it stood. */
  readonly name: string
  readonly url: URL
  /** Keys that every message is signed with: two while one takes the other's place. */
  readonly keys: readonly Buffer[]
  /** Whether it may lie in a private network, and speak plain http. */
  readonly private: boolean
  /** Milliseconds until an answer must be there. */
  readonly timeoutMs: number
  /** What it wants to hear; what is left out does not narrow. Sources and rules may have `*` in them. */
  readonly kinds?: readonly string[]
  readonly rules?: readonly string[]
  readonly sources?: readonly string[]
}

export interface ReceiverFacts extends Omit<Receiver, 'url' | 'keys'> {
  readonly url: string
  readonly secret: string | undefined
  /** The environment's variable that the secret was to be in. */
  readonly secretEnv: string
}

/** @throws StanflowError CONFIG_INVALID, WEBHOOK_SECRET, WEBHOOK_ADDRESS; no message shows more of the URL than its host */
export function receiverOf({ url: text, secret, secretEnv, ...facts }: ReceiverFacts): Receiver {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new StanflowError('CONFIG_INVALID', `The webhook ${facts.name} has no http(s) URL.`)
  }
  if (url.username !== '' || url.password !== '') {
    throw new StanflowError(
      'CONFIG_INVALID',
      `The URL of the webhook ${facts.name} holds a user or a password.`,
      {
        hint: 'Receivers know messages by their signature; take it out of the URL.',
      },
    )
  }
  const why = refusesUrl(url, facts.private)
  if (why !== undefined) throw new StanflowError('WEBHOOK_ADDRESS', `The webhook ${facts.name} ${why}.`)
  const keys = keysIn(secret ?? '')
  if (keys === undefined) {
    const what = secret === undefined ? 'is not set' : 'holds no key of 24 to 64 bytes'
    throw new StanflowError('WEBHOOK_SECRET', `${secretEnv}, which signs the webhook ${facts.name}, ${what}.`)
  }
  return { ...facts, url, keys }
}

export function wants({ kinds, rules, sources }: Receiver, event: EventRecord): boolean {
  if (kinds !== undefined && !kinds.includes(event.kind)) return false
  if (rules !== undefined && !rules.some((rule) => matches(rule, event.rule ?? ''))) return false
  return sources === undefined || sources.some((source) => matches(source, event.source))
}

/** `*` stands for any text. */
function matches(pattern: string, text: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's').test(text)
}
