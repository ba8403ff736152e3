import { type Random, shuffled } from './random.js'
import type { Scene, Thing } from './scene.js'
import { CAMERAS, COLOUR_NAMES, isHeldOut, MOTIONS, type Motion, SHAPES, TOGETHER } from './vocabulary.js'

/** What a caption says of one object; what it leaves out it does not say. */
export type Mention = Pick<Thing, 'shape' | 'colour'> & Partial<Pick<Thing, 'size' | 'texture'>>

/** A caption as the facts it states. */
export interface Claim {
  readonly mentions: readonly Mention[]
  /** Undefined: it says nothing of motion. */
  readonly motion?: Motion
}

export interface Caption {
  readonly text: string
  readonly claim: Claim
}

const article = (words: string): string => (/^[aeiou]/.test(words) ? `an ${words}` : `a ${words}`)

function phrase({ size, colour, texture, shape }: Mention): string {
  const words = [size, colour, texture === 'plain' ? undefined : texture, shape]
  return article(words.filter((word) => word !== undefined).join(' '))
}

const things = (mentions: readonly Mention[]): string => mentions.map(phrase).join(' and ')

/** Shape and colour only: "a red circle and a blue star". */
export function plainCaption({ actors }: Scene): Caption {
  const mentions = actors.map(({ shape, colour }) => ({ shape, colour }))
  return { text: things(mentions), claim: { mentions } }
}

/** What is there and what it does, in the words labels use: "a red circle moving left". */
export function fullCaption(scene: Scene): Caption {
  const { text, claim } = plainCaption(scene)
  const { motion, camera } = scene
  const end = camera === undefined ? MOTIONS[motion][0] : CAMERAS[camera]
  return { text: `${text} ${end}`, claim: { ...claim, motion } }
}

/** A caption as people would vary it: now with size and texture, objects in either order, other words for the motion. */
export function variedCaption(random: Random, { actors, motion }: Scene, withMotion: boolean): Caption {
  const sizeIsFixed = motion !== 'grow' && motion !== 'shrink'
  const ordered = random.chance(0.5) ? actors : [...actors].reverse()
  const mentions = ordered.map(({ shape, colour, size, texture }) => ({
    ...{ shape, colour },
    ...(sizeIsFixed && random.chance(0.25) && { size }),
    ...(random.chance(0.35) && { texture }),
  }))
  return worded(random, { mentions, ...(withMotion && { motion }) })
}

function worded(random: Random, claim: Claim): Caption {
  const { mentions, motion } = claim
  if (motion === undefined) return { text: things(mentions), claim }
  const ways: readonly string[] = MOTIONS[motion]
  const words = random.chance(0.6) ? (ways[0] as string) : random.pick(ways)
  return { text: `${things(mentions)} ${words}`, claim }
}

/**
 * A caption that is false of the scene by one fact: another colour, another shape, or the shapes of two objects exchanged. It
 * names no combination of shape and motion that is kept from training, which is not to be learnt as false either.
 */
export function wrongCaption(random: Random, scene: Scene, { claim }: Caption): Caption {
  const { motion } = claim
  for (;;) {
    const mentions = claim.mentions.map((mention) => ({ ...mention }))
    const [one, two] = shuffled(random, mentions)
    if (one === undefined) throw new RangeError('a caption without objects has no wrong one')
    const fault = random.next()
    if (two !== undefined && fault < 0.4) [one.shape, two.shape] = [two.shape, one.shape]
    else if (fault < 0.6) one.colour = random.pick(COLOUR_NAMES)
    else one.shape = random.pick(SHAPES)
    const wrong = { ...claim, mentions }
    const isKept = mentions.some(
      ({ shape }, n) => motion && shape !== claim.mentions[n]?.shape && isHeldOut(shape, motion),
    )
    if (!isKept && !isTrueOf(wrong, scene)) return worded(random, wrong)
  }
}

/** A motion without the object: "something moving left". */
export function motionCaption(motion: Motion): string {
  return `${TOGETHER.includes(motion) ? 'two things' : 'something'} ${MOTIONS[motion][0]}`
}

/** Whether a scene is as the caption claims: each object mentioned is there, and so is the motion. */
export function isTrueOf({ mentions, motion }: Claim, scene: Scene): boolean {
  if (motion !== undefined && motion !== scene.motion) return false
  const left = [...scene.actors]
  // No scene has two objects of one colour, so the first that fits is the only one.
  return mentions.every((mention) => {
    const found = left.findIndex((actor) => fits(mention, actor))
    if (found >= 0) left.splice(found, 1)
    return found >= 0
  })
}

function fits(mention: Mention, actor: Thing): boolean {
  return (['shape', 'colour', 'size', 'texture'] as const).every(
    (fact) => mention[fact] === undefined || mention[fact] === actor[fact],
  )
}
