import { StanflowError } from '../errors.js'
import { Recent } from './limits.js'
import type { Live } from './live.js'
import type { Media } from './media.js'
import type { Episode, Footage } from './schemas.js'

export interface FootageParts {
  readonly live: Live
  readonly media: Media
  /** So many first bytes of a file on this disk or in a bucket. */
  readonly head: (path: string, bytes: number) => Promise<Uint8Array>
}

/** Of when, in Unix seconds. */
export interface Stretch {
  readonly start: number
  readonly end: number
}

export interface Shown extends Stretch {
  readonly source: string
}

/** Seconds between a moment and an episode's beginning, beyond which its MP4 is not looked into. */
const FAR = 900
const MOST_LOOKED_INTO = 6
const KEPT = 2000
const HEAD_BYTES = 4096
/** An MP4 says when it began in whole seconds. */
const SLACK = 1

/** Finds what cameras kept of a moment: an MP4 of one of their episodes that has it in it, or at least an episode's picture. */
export class Footages {
  readonly #parts: FootageParts
  readonly #stretches = new Recent<Stretch>(KEPT)

  constructor(parts: FootageParts) {
    this.#parts = parts
  }

  async of({ source, start, end }: Shown): Promise<Footage> {
    const middle = (start + end) / 2
    const away = (episode: Episode): number => Math.abs(episode.start - middle)
    const near = this.#parts.live
      .episodesOf(source)
      .filter((one) => away(one) < FAR)
      .sort((a, b) => away(a) - away(b))
    let broken: string | undefined
    for (const { id, picture } of near.filter(({ video }) => video).slice(0, MOST_LOOKED_INTO)) {
      const stretch = await this.#stretch(id).catch((error: unknown) => {
        broken ??= error instanceof StanflowError ? error.message : 'Its footage cannot be read.'
        return undefined
      })
      if (stretch === undefined || stretch.start - SLACK > middle || stretch.end + SLACK < middle) continue
      return { episode: id, zero: stretch.start, picture, playable: true, why: null }
    }
    const during = near.find((one) => one.start < end && (one.end ?? Number.POSITIVE_INFINITY) > start)
    const why =
      during?.video === true && broken !== undefined
        ? broken
        : during?.picture === true
          ? `${NONE} The picture is that of its event.`
          : NONE
    return {
      episode: during?.id ?? null,
      zero: null,
      picture: during?.picture ?? false,
      playable: false,
      why,
    }
  }

  async #stretch(episode: string): Promise<Stretch> {
    const { media, head } = this.#parts
    const { path } = await media.file({ episode })
    return this.#stretches.get(path, async () => {
      const stretch = stretchOf(await head(path, HEAD_BYTES))
      if (stretch === undefined)
        throw new StanflowError('MEDIA_DECODE', 'Its footage does not say when it was.')
      return stretch
    })
  }
}

const NONE = 'No footage was kept of this moment: it is kept around events, with stanflow ingest --record.'

/** Seconds from 1904, where QuickTime counts from, to 1970. */
const EPOCH = 2_082_844_800

/** When an MP4 whose index comes first was taken, by its movie header. */
export function stretchOf(bytes: Uint8Array): Stretch | undefined {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const at = data.indexOf('mvhd') + 4
  if (at < 4 || data.length < at + 32) return undefined
  const isLong = data.readUInt8(at) === 1
  const created = isLong ? Number(data.readBigUInt64BE(at + 4)) : data.readUInt32BE(at + 4)
  const scale = data.readUInt32BE(at + (isLong ? 20 : 12))
  const length = isLong ? Number(data.readBigUInt64BE(at + 24)) : data.readUInt32BE(at + 16)
  if (created <= EPOCH || scale === 0) return undefined
  const start = created - EPOCH
  return { start, end: start + length / scale }
}
