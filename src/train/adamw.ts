import { requireFinite } from './diverged.js'
import type { Parameters } from './parameters.js'

export interface AdamWSettings {
  readonly betas: readonly [number, number]
  readonly weightDecay: number
  /** Gradients longer than this, all together, are cut to it. */
  readonly clip: number
}

const EPSILON = 1e-8

/** Norms, biases and other vectors are not decayed. */
const isDecayed = (name: string, { length }: readonly number[]): boolean =>
  length > 1 && !name.endsWith('.bias')

/**
 * One step of AdamW with decoupled weight decay. `updates` counts the updates before this one since the moments were
 * zero; `rates` are the learning rates by name. Returns the gradient's length before it was cut.
 * @throws StanflowError TRAIN_DIVERGED where that is not finite; nothing is changed then
 */
export function adamw(
  parameters: Parameters,
  gradients: ReadonlyMap<string, Float32Array>,
  rates: ReadonlyMap<string, number>,
  updates: number,
  { betas: [b1, b2], weightDecay, clip }: AdamWSettings,
): number {
  let squares = 0
  // In one order whatever that of the map: a run that goes on reads its parameters back in another.
  for (const name of [...gradients.keys()].sort()) {
    const gradient = gradients.get(name) as Float32Array
    for (let i = 0; i < gradient.length; i++) squares += (gradient[i] as number) ** 2
  }
  const length = Math.sqrt(squares)
  requireFinite('the length of the gradient', length)
  const scale = length > clip ? clip / length : 1
  const firstFix = 1 / (1 - b1 ** (updates + 1))
  const secondFix = 1 / (1 - b2 ** (updates + 1))
  for (const [name, gradient] of gradients) {
    const found = parameters.get(name)
    const rate = rates.get(name) ?? 0
    if (found === undefined || rate === 0) continue
    const { value, first, second, shape } = found
    const keep = isDecayed(name, shape) ? 1 - rate * weightDecay : 1
    for (let i = 0; i < value.length; i++) {
      const g = (gradient[i] as number) * scale
      const m = (first[i] as number) * b1 + g * (1 - b1)
      const v = (second[i] as number) * b2 + g * g * (1 - b2)
      first[i] = m
      second[i] = v
      const move = (rate * m * firstFix) / (Math.sqrt(v * secondFix) + EPSILON)
      value[i] = (value[i] as number) * keep - move
    }
  }
  return length
}
