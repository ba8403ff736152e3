import { createHash } from 'node:crypto'

/** RGB 0..255. */
export type Rgb = readonly [number, number, number]

export const COLOURS = {
  red: [220, 30, 35],
  orange: [245, 135, 20],
  yellow: [245, 220, 40],
  green: [30, 165, 60],
  cyan: [45, 205, 220],
  blue: [35, 70, 220],
  purple: [135, 45, 190],
  pink: [250, 135, 190],
  white: [248, 248, 248],
  black: [14, 14, 14],
} as const satisfies Record<string, Rgb>
export type Colour = keyof typeof COLOURS
export const COLOUR_NAMES = Object.keys(COLOURS) as readonly Colour[]

/** `moon`, `arrow`, `heart` and `triangle` show which way up they are: a turn of those can be told from its reverse. */
export const SHAPES = [
  'circle',
  'square',
  'triangle',
  'star',
  'heart',
  'arrow',
  'cross',
  'ring',
  'moon',
] as const
export type Shape = (typeof SHAPES)[number]
export const ORIENTED: readonly Shape[] = ['triangle', 'heart', 'arrow', 'moon']

/** Radius as a part of the picture's side. */
export const SIZES = { small: [0.12, 0.15], large: [0.2, 0.25] } as const
export type Size = keyof typeof SIZES
export const SIZE_NAMES = Object.keys(SIZES) as readonly Size[]

export const TEXTURES = ['plain', 'striped', 'spotted'] as const
export type Texture = (typeof TEXTURES)[number]

/** Each motion in words, the first the one that labels use. */
export const MOTIONS = {
  left: ['moving left', 'moving to the left', 'going left'],
  right: ['moving right', 'moving to the right', 'going right'],
  up: ['moving up', 'rising', 'going up'],
  down: ['moving down', 'falling', 'going down'],
  grow: ['growing', 'getting bigger'],
  shrink: ['shrinking', 'getting smaller'],
  clockwise: ['turning clockwise', 'rotating clockwise'],
  anticlockwise: ['turning anticlockwise', 'rotating anticlockwise'],
  appear: ['appearing', 'coming into view'],
  vanish: ['vanishing', 'disappearing'],
  circle: ['moving in a circle', 'circling'],
  bounce: ['bouncing'],
  approach: ['coming together', 'approaching each other'],
  part: ['moving apart', 'parting'],
  rest: ['at rest', 'not moving', 'staying still'],
} as const satisfies Record<string, readonly string[]>
export type Motion = keyof typeof MOTIONS
export const MOTION_NAMES = Object.keys(MOTIONS) as readonly Motion[]
/** Motions of two objects; all others are of one. */
export const TOGETHER: readonly Motion[] = ['approach', 'part']
/** Pairs that differ in the order of time alone: one played backwards is the other. */
export const ORDER_PAIRS: readonly (readonly [Motion, Motion])[] = [
  ['left', 'right'],
  ['up', 'down'],
  ['grow', 'shrink'],
  ['clockwise', 'anticlockwise'],
  ['appear', 'vanish'],
  ['approach', 'part'],
]

/** What a motion is when it is played backwards. */
export function reversed(motion: Motion): Motion {
  for (const [a, b] of ORDER_PAIRS) {
    if (motion === a) return b
    if (motion === b) return a
  }
  return motion
}

/** What the camera does, in words; the object rests meanwhile. */
export const CAMERAS = {
  'pan-left': 'as the camera pans left',
  'pan-right': 'as the camera pans right',
  'zoom-in': 'as the camera zooms in',
  'zoom-out': 'as the camera zooms out',
  shake: 'as the camera shakes',
} as const
export type Camera = keyof typeof CAMERAS
export const CAMERA_NAMES = Object.keys(CAMERAS) as readonly Camera[]

export const BACKGROUNDS = [
  'flat',
  'gradient',
  'bars',
  'blobs',
  'clouds',
  'mosaic',
  'dots',
  'checks',
  'waves',
  'rings',
] as const
export type Background = (typeof BACKGROUNDS)[number]
/** Never in training or validation; the test split has nothing else. */
export const UNSEEN_BACKGROUNDS: readonly Background[] = ['checks', 'waves', 'rings']

/**
 * Whether this shape with this motion is kept for the test: about a seventh of all combinations, by a hash. A motion is
 * held out together with its reverse, so a training clip may be played backwards.
 */
export function isHeldOut(shape: Shape, motion: Motion): boolean {
  return HELD_OUT.has(`${shape} ${motion}`)
}

const HELD_OUT: ReadonlySet<string> = new Set(
  MOTION_NAMES.filter((motion) => motion !== 'rest').flatMap((motion) =>
    SHAPES.filter((shape) => {
      const both = [motion, reversed(motion)].sort().join(' ')
      return createHash('sha256').update(`held out ${shape} ${both}`).digest().readUInt32LE() % 7 === 0
    }).map((shape) => `${shape} ${motion}`),
  ),
)
