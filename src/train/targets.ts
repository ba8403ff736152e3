import { type Caption, isTrueOf } from '../scenes/captions.js'
import { pose } from '../scenes/draw.js'
import type { Scene } from '../scenes/scene.js'
import { COLOUR_NAMES, isHeldOut, MOTION_NAMES, type Motion, ORIENTED, SHAPES } from '../scenes/vocabulary.js'

/** A matrix for a loss, row-major. */
export interface Matrix {
  readonly rows: number
  readonly columns: number
  readonly data: Float32Array
}

export const matrix = (
  rows: number,
  columns: number,
  value: (row: number, column: number) => number,
): Matrix => ({
  rows,
  columns,
  data: Float32Array.from({ length: rows * columns }, (_, at) =>
    value(Math.floor(at / columns), at % columns),
  ),
})

/** 1 where caption i is its own scene's or false of scene j. */
export function countedPairs(
  captions: readonly Caption[],
  scenes: readonly Scene[],
  own: (i: number, j: number) => boolean,
): Matrix {
  return matrix(captions.length, scenes.length, (i, j) => {
    if (own(i, j)) return 1
    return isTrueOf((captions[i] as Caption).claim, scenes[j] as Scene) ? 0 : 1
  })
}

/**
 * `[N, motions]`, 0 where the scene's objects are kept from doing the motion in training: that they do not do it is no fact
 * about them.
 */
export function countedMotions(scenes: readonly Scene[]): Matrix {
  return matrix(scenes.length, MOTION_NAMES.length, (n, m) => {
    const motion = MOTION_NAMES[m] as Motion
    return scenes[n]?.actors.some(({ shape }) => isHeldOut(shape, motion)) ? 0 : 1
  })
}

/** Which way up a picture's object is, in so many parts of a turn. */
export const BEARINGS = 12

/** Every colour with every shape. */
export const THINGS: readonly string[] = COLOUR_NAMES.flatMap((colour) =>
  SHAPES.map((shape) => `${colour} ${shape}`),
)

/** Which way up a single object is, where it shows: a number below `BEARINGS`. */
export function bearingOf({ actors }: Scene, moment: number, mirrored: boolean): number | undefined {
  const [actor, other] = actors
  if (actor === undefined || other !== undefined || !ORIENTED.includes(actor.shape)) return undefined
  const { angle } = pose(actor, moment)
  // In a mirror what stands upright leans to the other side; a moon, which lies, opens to the other side too.
  const seen = !mirrored ? angle : actor.shape === 'moon' ? Math.PI - angle : -angle
  const turns = seen / (2 * Math.PI)
  return Math.floor((turns - Math.floor(turns)) * BEARINGS) % BEARINGS
}
