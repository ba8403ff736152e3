import type { Random } from '../mutate.js'
import { ANSWER_KINDS } from './answers.js'
import { DESCRIPTION_KINDS } from './descriptions.js'
import type { HostileKind } from './hostile-camera.js'
import { STREAM_KINDS } from './streams.js'

/** What a mutant does, by name. */
export type NamedKind = readonly [string, HostileKind]

const KINDS: readonly NamedKind[] = [ANSWER_KINDS, DESCRIPTION_KINDS, STREAM_KINDS].flatMap(Object.entries)

/** So many of all kinds, each as often as any other, in an order of their own. */
export function drawKinds(count: number, random: Random): readonly NamedKind[] {
  const drawn: NamedKind[] = []
  while (drawn.length < count) {
    const left = [...KINDS]
    while (left.length > 0) drawn.push(left.splice(random.int(left.length), 1)[0] as NamedKind)
  }
  return drawn.slice(0, count)
}
