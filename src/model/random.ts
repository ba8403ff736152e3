import { createHash } from 'node:crypto'
import { StanflowError } from '../errors.js'
import type { HostTensor, Weights } from './algebra.js'

/**
 * Weights of the given shapes drawn from a seed: the same everywhere, tensor by tensor, in any order of reading.
 * Norm scales are 1, biases 0, `logit_scale` is CLIP's initial ln(1/0.07), the rest is spread by 0.02 or 1/√fan-in.
 */
export function randomWeights(shapes: ReadonlyMap<string, readonly number[]>, seed: number): Weights {
  return {
    names: new Set(shapes.keys()),
    shape: (name) => shapes.get(name),
    read(name) {
      const shape = shapes.get(name)
      if (shape === undefined) throw new StanflowError('MODEL_WEIGHTS', `there is no tensor ${name}`)
      return { shape, data: draw(name, shape, seed) }
    },
  }
}

function draw(name: string, shape: readonly number[], seed: number): HostTensor['data'] {
  const data = new Float32Array(shape.reduce((product, side) => product * side, 1))
  if (name === 'logit_scale') return data.fill(Math.log(1 / 0.07))
  if (name.endsWith('.bias')) return data
  if (/norm\d?\.weight$/.test(name)) return data.fill(1)
  const fanIn = shape.slice(1).reduce((product, side) => product * side, 1)
  const spread = name.includes('embed') && !name.includes('patch') ? 0.5 : fanIn ** -0.5
  let state = createHash('sha256').update(`${seed}:${name}`).digest().readUInt32LE()
  // Mulberry32; the sum of two uniforms is bell-shaped enough, and quick at a hundred million values.
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const scale = spread * Math.sqrt(6)
  for (let i = 0; i < data.length; i++) data[i] = (uniform() + uniform() - 1) * scale
  return data
}
