import type { DataItem } from '../../datasets/dataset.js'
import { type Random, randomFrom, shuffled } from '../../scenes/random.js'
import { randomWindow, type Window } from '../augment.js'

/** How one clip is cut: the same request gives the same pixels. */
export interface ClipRequest {
  readonly path: string
  readonly segment?: { readonly start: number; readonly end: number }
  /** Each frame at a moment of its own segment that this seed says; without it spread evenly, as in evaluation. */
  readonly moments?: string
  readonly window?: Window
  readonly mirrored?: boolean
}

/** An item in a batch. */
export interface Drawn {
  readonly item: DataItem
  /** One of its captions; its class where it has none. */
  readonly text: string
  readonly request: ClipRequest
}

export interface DrawOptions {
  readonly seed: number
  readonly batch: number
  readonly accumulate: number
  readonly crop: number
  readonly flip: boolean
}

/** Words that are wrong once left and right have changed places. */
const HANDED = /\b(left|right|clockwise|anti-?clockwise|counter-?clockwise)(wards?|s)?\b/i

/** Whether nothing that is said of a video changes in the mirror. */
export const canMirror = ({ captions, label }: DataItem): boolean =>
  ![...captions, label ?? ''].some((text) => HANDED.test(text))

/** Batches of a data set, each item once an epoch; the same step has the same batch in every run. */
export class Drawing {
  readonly #items: readonly DataItem[]
  readonly #options: DrawOptions
  #epoch = -1
  #order: readonly DataItem[] = []

  constructor(items: readonly DataItem[], options: DrawOptions) {
    this.#items = items
    this.#options = options
  }

  batch(step: number, part: number): Drawn[] {
    const { seed, batch, accumulate } = this.#options
    const random = randomFrom(`data ${seed} ${step} ${part}`)
    const first = (step * accumulate + part) * batch
    return Array.from({ length: batch }, (_, n) => this.#draw(this.#at(first + n), random, `${first + n}`))
  }

  /** The item at a place in the endless row of epochs. */
  #at(place: number): DataItem {
    const epoch = Math.floor(place / this.#items.length)
    if (epoch !== this.#epoch) {
      this.#order = shuffled(randomFrom(`epoch ${this.#options.seed} ${epoch}`), this.#items)
      this.#epoch = epoch
    }
    return this.#order[place % this.#items.length] as DataItem
  }

  #draw(item: DataItem, random: Random, place: string): Drawn {
    const { seed, crop, flip } = this.#options
    const text = item.captions.length > 0 ? random.pick(item.captions) : (item.label ?? '')
    const mirrored = flip && random.chance(0.5) && canMirror(item)
    return {
      item,
      text,
      request: {
        ...fixedRequest(item),
        moments: `moments ${seed} ${place}`,
        ...(crop < 1 && { window: randomWindow(random, crop) }),
        ...(mirrored && { mirrored }),
      },
    }
  }
}

/** As an evaluation cuts it. */
export const fixedRequest = ({ path, segment }: DataItem): ClipRequest => ({
  path,
  ...(segment !== undefined && { segment }),
})

/** One of `count` frames from each of `wanted` equal segments, ascending; a short video repeats some. */
export function randomIndices(count: number, wanted: number, random: Random): number[] {
  return Array.from({ length: wanted }, (_, t) =>
    Math.min(count - 1, Math.floor(((t + random.next()) * count) / wanted)),
  )
}
