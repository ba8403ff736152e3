import { paintWorld } from './backgrounds.js'
import type { Actor, Scene } from './scene.js'
import { OUTSIDE } from './shapes.js'
import { COLOURS } from './vocabulary.js'

/** Draws one scene, frame by frame, without any process or library. */
export interface Drawing {
  /** The scene at `moment` (0..1) as RGB `[size, size, 3]`, into `target`. */
  frame(moment: number, target: Uint8Array): void
}

/** Where the camera looks: the middle of its picture and the side of it, as parts of the world's. */
interface View {
  readonly x: number
  readonly y: number
  readonly side: number
}

/** The background is half as large again as the picture, so that the camera can move. */
const MARGIN = 1.5

export function drawing(scene: Scene, size: number): Drawing {
  const worldSide = Math.round(size * MARGIN)
  const world = paintWorld(scene, worldSide)
  return {
    frame(moment, target) {
      const view = look(scene, moment)
      copyWorld(world, worldSide, view, target, size)
      for (const actor of scene.actors) drawActor(actor, moment, view, target, size)
    },
  }
}

function look({ camera, pace }: Scene, moment: number): View {
  const still = { x: 0.5, y: 0.5, side: 1 }
  const swing = (moment - 0.5) * pace
  switch (camera) {
    case 'pan-left':
      return { ...still, x: 0.5 - 0.35 * swing }
    case 'pan-right':
      return { ...still, x: 0.5 + 0.35 * swing }
    case 'zoom-in':
      return { ...still, side: 1 - 0.4 * swing }
    case 'zoom-out':
      return { ...still, side: 1 + 0.4 * swing }
    case 'shake': {
      const t = moment * 40
      return {
        x: 0.5 + 0.03 * pace * Math.sin(t * 1.7),
        y: 0.5 + 0.03 * pace * Math.sin(t * 2.3 + 1),
        side: 1,
      }
    }
    default:
      return still
  }
}

/** The part of the world that the camera sees, to the nearest point. */
function copyWorld(world: Uint8Array, worldSide: number, view: View, target: Uint8Array, size: number): void {
  const scale = view.side
  const left = (worldSide - size) / 2 + (view.x - 0.5 * scale) * size
  const top = (worldSide - size) / 2 + (view.y - 0.5 * scale) * size
  const last = worldSide - 1
  for (let y = 0, at = 0; y < size; y++) {
    const row = Math.min(last, Math.max(0, Math.round(top + y * scale))) * worldSide
    if (scale === 1) {
      const from = (row + Math.min(worldSide - size, Math.max(0, Math.round(left)))) * 3
      target.set(world.subarray(from, from + size * 3), at)
      at += size * 3
      continue
    }
    for (let x = 0; x < size; x++, at += 3) {
      const from = (row + Math.min(last, Math.max(0, Math.round(left + x * scale)))) * 3
      target[at] = world[from] as number
      target[at + 1] = world[from + 1] as number
      target[at + 2] = world[from + 2] as number
    }
  }
}

/** Where an actor is at a moment. */
export function pose(actor: Actor, moment: number): { x: number; y: number; radius: number; angle: number } {
  const { orbit, sweep, hops, height, growth } = actor
  const start = actor.angle
  const circling = orbit === 0 ? 0 : sweep * moment + start
  const jump = hops === 0 ? 0 : height * Math.abs(Math.sin(Math.PI * hops * moment))
  return {
    x: actor.x + actor.dx * moment + orbit * Math.cos(circling),
    y: actor.y + actor.dy * moment + orbit * Math.sin(circling) - jump,
    radius: actor.radius * growth ** moment,
    angle: orbit === 0 ? start + actor.turn * moment : 0,
  }
}

function drawActor(actor: Actor, moment: number, view: View, target: Uint8Array, size: number): void {
  if (moment < actor.from || moment > actor.until) return
  const { x, y, radius, angle } = pose(actor, moment)
  const toPixels = size / view.side
  const centreX = (x - view.x + 0.5 * view.side) * toPixels - 0.5
  const centreY = (y - view.y + 0.5 * view.side) * toPixels - 0.5
  const r = radius * toPixels
  const reach = r * 1.05 + 1
  const cos = Math.cos(angle) / r
  const sin = Math.sin(angle) / r
  const outside = OUTSIDE[actor.shape]
  const [red, green, blue] = COLOURS[actor.colour]
  const dark = actor.colour === 'black' ? 0.35 : -0.5
  const toY = Math.min(size - 1, Math.ceil(centreY + reach))
  const toX = Math.min(size - 1, Math.ceil(centreX + reach))
  for (let py = Math.max(0, Math.floor(centreY - reach)); py <= toY; py++) {
    for (let px = Math.max(0, Math.floor(centreX - reach)); px <= toX; px++) {
      const u = (px - centreX) * cos + (py - centreY) * sin
      const v = (py - centreY) * cos - (px - centreX) * sin
      const cover = 0.5 - outside(u, v) * r
      if (cover <= 0) continue
      const alpha = Math.min(1, cover)
      const shade = dark * pattern(actor, u, v)
      const at = (py * size + px) * 3
      target[at] = blend(target[at] as number, red, shade, alpha)
      target[at + 1] = blend(target[at + 1] as number, green, shade, alpha)
      target[at + 2] = blend(target[at + 2] as number, blue, shade, alpha)
    }
  }
}

/** How much of the second tone there is at a point of the object, 0..1. */
function pattern({ texture }: Actor, u: number, v: number): number {
  if (texture === 'striped') return Math.sin(u * 8 + v * 8) > 0 ? 1 : 0
  if (texture === 'spotted') return Math.hypot(fold(u), fold(v)) < 0.17 ? 1 : 0
  return 0
}

const fold = (x: number): number => x - 0.55 * Math.round(x / 0.55)

/** Darker for shade < 0, lighter for shade > 0. */
function blend(under: number, over: number, shade: number, alpha: number): number {
  const tone = shade < 0 ? over * (1 + shade) : over + (255 - over) * shade
  return under + (tone - under) * alpha
}
