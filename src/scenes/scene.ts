import { type Random, randomFrom } from './random.js'
import {
  BACKGROUNDS,
  type Background,
  CAMERA_NAMES,
  type Camera,
  COLOUR_NAMES,
  COLOURS,
  type Colour,
  isHeldOut,
  MOTION_NAMES,
  type Motion,
  ORIENTED,
  type Rgb,
  SHAPES,
  type Shape,
  SIZE_NAMES,
  SIZES,
  type Size,
  TEXTURES,
  type Texture,
  TOGETHER,
  UNSEEN_BACKGROUNDS,
} from './vocabulary.js'

export const SPLITS = ['train', 'validation', 'test'] as const
export type Split = (typeof SPLITS)[number]

/** What an object is, as captions tell it. */
export interface Thing {
  readonly shape: Shape
  readonly colour: Colour
  readonly size: Size
  readonly texture: Texture
}

/** An object with its path. Lengths are parts of the picture's side, x to the right, y down, angles in radians clockwise. */
export interface Actor extends Thing {
  readonly radius: number
  readonly x: number
  readonly y: number
  /** Way travelled between the first frame and the last. */
  readonly dx: number
  readonly dy: number
  readonly angle: number
  /** Turned between the first frame and the last. */
  readonly turn: number
  /** Radius at the end over radius at the start. */
  readonly growth: number
  /** Seen from and until these moments, 0..1 of the scene. */
  readonly from: number
  readonly until: number
  /** Radius of a circular path around (x, y), and how much of it is gone, in radians. */
  readonly orbit: number
  readonly sweep: number
  /** Jumps, and how high. */
  readonly hops: number
  readonly height: number
}

/** A few seconds that can be drawn at any moment from 0 to 1. */
export interface Scene {
  readonly id: string
  readonly actors: readonly Actor[]
  readonly motion: Motion
  /** Undefined: the camera rests. */
  readonly camera?: Camera
  /** How strong the camera's motion is. */
  readonly pace: number
  readonly background: Background
  readonly palette: readonly [Rgb, Rgb]
  /** Seed of what is random in drawing. */
  readonly grain: string
  /** Whether the combination of object and motion is kept from training. */
  readonly heldOut: boolean
}

export interface SceneWish {
  readonly split: Split
  readonly seed: number
  readonly index: number
  /** Motions to draw from. Default: all. */
  readonly motions?: readonly Motion[]
  /** Share of scenes with a camera motion, their objects at rest. Default: 0. */
  readonly cameras?: number
  /** Share of scenes at rest that have two objects. Default: one half. */
  readonly pairs?: number
}

/** The scene of that number: the same for the same wish, everywhere. Of the test's, about a third are held-out combinations. */
export function makeScene(wish: SceneWish): Scene {
  const { split, seed, index, cameras = 0, pairs = 0.5, motions = MOTION_NAMES } = wish
  const id = `${split}-${seed}-${String(index).padStart(6, '0')}`
  const random = randomFrom(id)
  const camera = random.chance(cameras) ? random.pick(CAMERA_NAMES) : undefined
  const motion = camera === undefined ? random.pick(motions) : 'rest'
  const wantHeldOut = split === 'test' && random.chance(0.5) && motion !== 'rest'
  const two = TOGETHER.includes(motion) || (motion === 'rest' && camera === undefined && random.chance(pairs))
  const shapes = shapesFor(motion, wantHeldOut)
  const first = thing(random, shapes)
  const things = two ? [first, different(random, shapes, first)] : [first]
  const background = random.pick(
    BACKGROUNDS.filter((one) => UNSEEN_BACKGROUNDS.includes(one) === (split === 'test')),
  )
  const palette = paletteFor(
    random,
    things.map(({ colour }) => colour),
  )
  const actors = place(random, motion, things)
  return {
    id,
    actors,
    motion,
    ...(camera !== undefined && { camera }),
    pace: random.range(0.8, 1.2),
    background,
    palette,
    grain: id,
    heldOut: things.some(({ shape }) => isHeldOut(shape, motion)),
  }
}

function shapesFor(motion: Motion, heldOut: boolean): readonly Shape[] {
  const able = motion === 'clockwise' || motion === 'anticlockwise' ? ORIENTED : SHAPES
  const kept = able.filter((shape) => isHeldOut(shape, motion) === heldOut)
  return kept.length > 0 ? kept : able.filter((shape) => !isHeldOut(shape, motion))
}

function thing(random: Random, shapes: readonly Shape[]): Thing {
  return {
    shape: random.pick(shapes),
    colour: random.pick(COLOUR_NAMES),
    size: random.pick(SIZE_NAMES),
    texture: random.chance(0.5) ? 'plain' : random.pick(TEXTURES),
  }
}

/** Another object, of another colour, so that a caption tells them apart. */
function different(random: Random, shapes: readonly Shape[], { colour }: Thing): Thing {
  for (;;) {
    const other = thing(random, shapes)
    if (other.colour !== colour) return other
  }
}

/** Two muted colours that none of the objects is lost on. */
function paletteFor(random: Random, colours: readonly Colour[]): readonly [Rgb, Rgb] {
  const muted = (): Rgb => {
    for (;;) {
      const base = random.range(35, 215)
      const tone: Rgb = [0, 1, 2].map(() => Math.round(base + random.range(-28, 28))) as never
      if (colours.every((colour) => distance(COLOURS[colour], tone) > 105)) return tone
    }
  }
  return [muted(), muted()]
}

const distance = (a: Rgb, b: Rgb): number => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])

const STILL = {
  ...{ dx: 0, dy: 0, turn: 0, growth: 1, from: 0, until: 1 },
  ...{ orbit: 0, sweep: 0, hops: 0, height: 0 },
}

function place(random: Random, motion: Motion, things: readonly Thing[]): Actor[] {
  const [low, high] = things.length === 2 ? [0.7, 0.8] : [0.95, 1.05]
  const bodies = things.map((one) => {
    const [least, most] = SIZES[one.size]
    const radius = random.range(least, most) * random.range(low, high)
    const angle = random.range(-0.3, 0.3)
    return { ...one, ...STILL, radius, angle, x: 0.5, y: 0.5 }
  })
  if (bodies.length === 2) return placeTwo(random, motion, bodies as [Actor, Actor])
  return bodies.map((body) => ({ ...body, ...path(random, motion, body) }))
}

/** Where one object goes; it stays in the picture, but for what a moving one loses at the edges. */
function path(random: Random, motion: Motion, { radius }: Actor): Partial<Actor> {
  const free = (): number => random.range(radius, 1 - radius)
  const x = free()
  const y = free()
  const way = random.range(0.35, 0.65)
  const start = random.range(radius * 0.7, 1 - way - radius * 0.7)
  switch (motion) {
    case 'left':
      return { x: start + way, y, dx: -way, dy: random.range(-0.06, 0.06) }
    case 'right':
      return { x: start, y, dx: way, dy: random.range(-0.06, 0.06) }
    case 'up':
      return { x, y: start + way, dy: -way, dx: random.range(-0.06, 0.06) }
    case 'down':
      return { x, y: start, dy: way, dx: random.range(-0.06, 0.06) }
    case 'grow':
    case 'shrink': {
      const least = random.range(0.07, 0.11)
      const growth = random.range(2.2, 3)
      const at = { x: random.range(0.35, 0.65), y: random.range(0.35, 0.65) }
      return motion === 'grow'
        ? { ...at, radius: least, growth }
        : { ...at, radius: least * growth, growth: 1 / growth }
    }
    case 'clockwise':
    case 'anticlockwise': {
      const turn = random.range(2, 4.2)
      return { x, y, angle: random.range(0, 2 * Math.PI), turn: motion === 'clockwise' ? turn : -turn }
    }
    case 'appear':
      return { x, y, from: random.range(0.3, 0.7) }
    case 'vanish':
      return { x, y, until: random.range(0.3, 0.7) }
    case 'circle': {
      const orbit = random.range(0.17, 0.25)
      const sweep = random.range(5.5, 8) * (random.chance(0.5) ? 1 : -1)
      return { x: random.range(0.4, 0.6), y: random.range(0.4, 0.6), orbit, sweep, angle: 0 }
    }
    case 'bounce': {
      const drift = random.range(-0.3, 0.3)
      const height = random.range(0.3, 0.45)
      return { x: 0.5 - drift / 2, y: random.range(0.68, 0.8), dx: drift, hops: 1 + random.int(2), height }
    }
    default:
      return { x, y }
  }
}

function placeTwo(random: Random, motion: Motion, [a, b]: readonly [Actor, Actor]): Actor[] {
  const across = random.chance(0.5)
  const near = a.radius + b.radius + 0.02
  const middle = random.range(0.46, 0.54)
  const spots = (gap: number) => [middle - gap / 2, middle + gap / 2] as const
  const beside = random.range(0.3, 0.7)
  const [nearA, nearB] = spots(near)
  const [farA, farB] = spots(Math.min(0.8, near + random.range(0.3, 0.45)))
  const along = (actor: Actor, from: number, to: number): Actor =>
    across ? { ...actor, x: from, dx: to - from, y: beside } : { ...actor, y: from, dy: to - from, x: beside }
  if (motion === 'approach') return [along(a, farA, nearA), along(b, farB, nearB)]
  if (motion === 'part') return [along(a, nearA, farA), along(b, nearB, farB)]
  const [stayA, stayB] = spots(Math.min(0.66, near + random.range(0.02, 0.3)))
  return [along(a, stayA, stayA), along(b, stayB, stayB)]
}
