import type { Footages } from './footage.js'
import type { Hub } from './hub.js'
import type { Live } from './live.js'
import type { Media } from './media.js'
import type { DeadLetters, Library, Opened, Pictures, Search, StoredFile } from './parts.js'
import type { Roots } from './roots.js'
import type { Health } from './schemas.js'
import type { Access } from './token.js'

/** What the server is made of. */
export interface ServerParts {
  readonly live: Live
  /** Whether `live` is fed by a broker. */
  readonly isLive: boolean
  readonly library: Library | undefined
  readonly search: Search
  readonly letters: DeadLetters
  readonly health: () => Health
  readonly pictures: Pictures
  readonly reach: (file: StoredFile) => Promise<Opened>
  /** A small object of a bucket, whole. */
  readonly read: (path: string) => Promise<Uint8Array>
  /** So many first bytes of a file on this disk or in a bucket. */
  readonly head: (path: string, bytes: number) => Promise<Uint8Array>
  readonly roots: Roots
}

/** The parts that routes work with. */
export interface Context extends ServerParts {
  readonly media: Media
  readonly footages: Footages
  readonly hub: Hub
  readonly access: Access | undefined
  readonly searchesPerMinute: number
}
