import type { Shape } from './vocabulary.js'

/**
 * How far a point lies outside a shape of radius 1 around the origin, y down; negative inside. Not always the exact
 * distance, but right in sign and smooth at the outline, which is what soft edges need.
 */
export const OUTSIDE: Readonly<Record<Shape, (x: number, y: number) => number>> = {
  circle: (x, y) => Math.hypot(x, y) - 0.95,
  square: (x, y) => Math.max(Math.abs(x), Math.abs(y)) - 0.8,
  // An upright triangle, taller than wide.
  triangle: (x, y) => Math.max(0.894 * Math.abs(x) - 0.447 * (y + 1), y - 0.8),
  star: (x, y) => {
    const angle = Math.atan2(x, -y)
    const sector = (2 * Math.PI) / 5
    const folded = Math.abs(angle - sector * Math.round(angle / sector))
    const length = Math.hypot(x, y)
    // The edge from a tip at radius 1 to a notch at radius 0.42.
    return edge(length * Math.sin(folded), length * Math.cos(folded))
  },
  heart: (x, y) => {
    const a = Math.abs(x)
    const lobes = Math.hypot(a - 0.42, y + 0.3) - 0.47
    const tip = Math.max(0.72 * a + 0.694 * y - 0.66, -y - 0.3)
    return Math.min(lobes, Math.max(tip, a - 0.89))
  },
  // Points up: a head over a shaft.
  arrow: (x, y) => {
    const a = Math.abs(x)
    const head = Math.max(0.773 * a - 0.635 * (y + 1), y + 0.05)
    const shaft = Math.max(a - 0.27, y - 0.95, -y - 0.3)
    return Math.min(head, shaft)
  },
  cross: (x, y) => {
    const a = Math.abs(x)
    const b = Math.abs(y)
    return Math.min(Math.max(a - 0.3, b - 0.92), Math.max(a - 0.92, b - 0.3))
  },
  ring: (x, y) => Math.abs(Math.hypot(x, y) - 0.7) - 0.25,
  // Opens to the right.
  moon: (x, y) => Math.max(Math.hypot(x, y) - 0.95, 0.8 - Math.hypot(x - 0.5, y)),
}

const TIP: readonly [number, number] = [0, 1]
const NOTCH: readonly [number, number] = [0.42 * Math.sin(Math.PI / 5), 0.42 * Math.cos(Math.PI / 5)]
const NORMAL = normalOf(TIP, NOTCH)

function edge(x: number, y: number): number {
  return (x - TIP[0]) * NORMAL[0] + (y - TIP[1]) * NORMAL[1]
}

function normalOf(a: readonly [number, number], b: readonly [number, number]): readonly [number, number] {
  const dx = b[0] - a[0]
  const dy = b[1] - a[1]
  const length = Math.hypot(dx, dy)
  return [-dy / length, dx / length]
}
