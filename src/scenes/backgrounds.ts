import { type Random, randomFrom } from './random.js'
import type { Scene } from './scene.js'
import type { Background } from './vocabulary.js'

/** How much of the second colour there is at a point, 0..1; x and y from 0 to 1. */
type Mix = (x: number, y: number) => number

const MAKERS: Readonly<Record<Background, (random: Random) => Mix>> = {
  flat: () => () => 0,
  gradient: (random) => {
    const [cos, sin] = direction(random)
    return (x, y) => 0.5 + (x - 0.5) * cos + (y - 0.5) * sin
  },
  bars: (random) => {
    const [cos, sin] = direction(random)
    const rate = random.range(15, 40)
    const phase = random.range(0, 6)
    return (x, y) => (Math.sin((x * cos + y * sin) * rate + phase) > 0 ? 1 : 0)
  },
  blobs: (random) => {
    const spots = Array.from(
      { length: 6 },
      () => [random.next(), random.next(), random.range(12, 60)] as const,
    )
    return (x, y) => spots.reduce((sum, [a, b, k]) => sum + Math.exp(-k * ((x - a) ** 2 + (y - b) ** 2)), 0)
  },
  clouds: (random) => {
    const swells = Array.from({ length: 5 }, () => {
      const [cos, sin] = direction(random)
      return [cos, sin, random.range(4, 36), random.range(0, 6)] as const
    })
    return (x, y) =>
      swells.reduce(
        (sum, [cos, sin, rate, phase]) => sum + 0.18 * Math.sin((x * cos + y * sin) * rate + phase),
        0.5,
      )
  },
  mosaic: (random) => {
    const [across, down] = [3 + random.int(10), 3 + random.int(10)]
    const tones = Array.from({ length: across * down }, () => random.next())
    const cell = (x: number, count: number): number => Math.min(count - 1, Math.floor(x * count))
    return (x, y) => tones[cell(y, down) * across + cell(x, across)] as number
  },
  dots: (random) => {
    const [cos, sin] = direction(random)
    const [rate, radius] = [random.range(6, 14), random.range(0.2, 0.4)]
    const away = (at: number): number => at - Math.round(at)
    return (x, y) =>
      Math.hypot(away((x * cos + y * sin) * rate), away((y * cos - x * sin) * rate)) < radius ? 1 : 0
  },
  checks: (random) => {
    const rate = random.range(5, 11)
    return (x, y) => (Math.floor(x * rate) + Math.floor(y * rate)) & 1
  },
  waves: (random) => {
    const rate = random.range(12, 30)
    const bend = random.range(4, 9)
    return (x, y) => 0.5 + 0.5 * Math.sin(rate * y + 1.5 * Math.sin(bend * x))
  },
  rings: (random) => {
    const [a, b] = [random.next(), random.next()]
    const rate = random.range(25, 50)
    return (x, y) => 0.5 + 0.5 * Math.sin(rate * Math.hypot(x - a, y - b))
  },
}

function direction(random: Random): readonly [number, number] {
  const angle = random.range(0, 2 * Math.PI)
  return [Math.cos(angle), Math.sin(angle)]
}

/** What the camera can see besides the objects, RGB `[side, side, 3]`. */
export function paintWorld({ background, palette, grain }: Scene, side: number): Uint8Array {
  const mix = MAKERS[background](randomFrom(`background ${grain}`))
  const [a, b] = palette
  const world = new Uint8Array(side * side * 3)
  for (let y = 0, at = 0; y < side; y++) {
    for (let x = 0; x < side; x++, at += 3) {
      const share = Math.min(1, Math.max(0, mix(x / side, y / side)))
      for (let c = 0; c < 3; c++)
        world[at + c] = (a[c] as number) + ((b[c] as number) - (a[c] as number)) * share
    }
  }
  return world
}
