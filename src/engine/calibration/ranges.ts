import type { HostTensor } from '../../model/algebra.js'
import { uint8Grid } from '../onnx/calibrated.js'
import { quantiseWeight } from '../onnx/int8.js'
import type { LayerRange } from './file.js'
import type { ActivationStats } from './stats.js'

/** How far a range is narrowed in the search, of what was seen. */
const SHARES = [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2]
/** Signs of a gain are not worth more in the file. */
const GAIN_DIGITS = 4

/** A range, and the share of the layers' output power that rounding to int8 would be, activations and weights together. */
export interface Solved {
  readonly range: LayerRange
  readonly noise: number
}

/**
 * The range with the least noise in the layers' output. Where a norm comes before, the gain that evens out channels
 * (SmoothQuant with α = 0.5, arXiv 2211.10438) is taken if it makes less noise.
 */
export function solveRange(stats: ActivationStats, weights: readonly HostTensor[], normed: boolean): Solved {
  const power = columnPower(weights, stats.width)
  const plain = withGain(stats, weights, power)
  if (!normed) return plain
  const smooth = withGain(stats, weights, power, evenGain(stats, weights))
  return smooth.noise < plain.noise ? smooth : plain
}

function withGain(
  stats: ActivationStats,
  weights: readonly HostTensor[],
  power: Float32Array,
  gain?: Float32Array,
): Solved {
  const { width } = stats
  const rows = stats.rows.map((value, i) =>
    gain === undefined ? value : value / (gain[i % width] as number),
  )
  const weight = power.map((p, i) => (gain === undefined ? p : p * (gain[i] as number) ** 2))
  const [least, most] = [Math.min(0, ...extremes(stats, gain, -1)), Math.max(0, ...extremes(stats, gain, 1))]
  const error = (min: number, max: number): number => activationNoise(rows, weight, { min, max })
  const max = best(
    SHARES.map((share) => share * most),
    (candidate) => error(least, candidate),
  )
  const min = best(
    SHARES.map((share) => share * least),
    (candidate) => error(candidate, max),
  )
  const noise = error(min, max) + weightNoise(stats, weights, gain)
  return { range: { min, max, ...(gain !== undefined && { gain: [...gain] }) }, noise }
}

/** Smallest or largest value seen, after the gain. */
function extremes(stats: ActivationStats, gain: Float32Array | undefined, sign: 1 | -1): number[] {
  if (gain === undefined) return [sign === 1 ? stats.max : stats.min]
  let top = 0
  for (let i = 0; i < stats.width; i++)
    top = Math.max(top, (stats.channelTop[i] as number) / (gain[i] as number))
  return [sign * top]
}

function evenGain(stats: ActivationStats, weights: readonly HostTensor[]): Float32Array {
  const tops = new Float32Array(stats.width)
  for (const { data } of weights) {
    for (let i = 0; i < data.length; i++) {
      const channel = i % stats.width
      tops[channel] = Math.max(tops[channel] as number, Math.abs(data[i] as number))
    }
  }
  return tops.map((top, i) => {
    const gain = Math.sqrt(Math.max(stats.channelTop[i] as number, 1e-5) / Math.max(top, 1e-5))
    return Number(gain.toPrecision(GAIN_DIGITS))
  })
}

/** Σ over outputs of weight², for each input channel: how much an error of that channel counts. */
function columnPower(weights: readonly HostTensor[], width: number): Float32Array {
  const power = new Float32Array(width)
  for (const { data } of weights)
    for (let i = 0; i < data.length; i++)
      power[i % width] = (power[i % width] as number) + (data[i] as number) ** 2
  return power
}

function activationNoise(
  rows: Float32Array,
  power: Float32Array,
  range: { min: number; max: number },
): number {
  const { scale, zero } = uint8Grid(range)
  const width = power.length
  let noise = 0
  let signal = 0
  for (let row = 0; row < rows.length; row += width) {
    for (let i = 0; i < width; i++) {
      const value = rows[row + i] as number
      const counts = power[i] as number
      const level = Math.min(255, Math.max(0, Math.round(value / scale) + zero))
      const error = (level - zero) * scale - value
      noise += error * error * counts
      signal += value * value * counts
    }
  }
  return signal === 0 ? 0 : noise / signal
}

function weightNoise(stats: ActivationStats, weights: readonly HostTensor[], gain?: Float32Array): number {
  const { width, rows } = stats
  const mean = new Float32Array(width)
  for (let i = 0; i < rows.length; i++)
    mean[i % width] = (mean[i % width] as number) + (rows[i] as number) ** 2
  let noise = 0
  let signal = 0
  for (const tensor of weights) {
    const { values, scales } = quantiseWeight(tensor, gain)
    const outputs = scales.length
    for (let o = 0; o < outputs; o++) {
      for (let i = 0; i < width; i++) {
        const value = tensor.data[o * width + i] as number
        const back = ((values[i * outputs + o] as number) * (scales[o] as number)) / (gain?.[i] ?? 1)
        noise += (back - value) * (back - value) * (mean[i] as number)
        signal += value * value * (mean[i] as number)
      }
    }
  }
  return signal === 0 ? 0 : noise / signal
}

function best(candidates: readonly number[], cost: (candidate: number) => number): number {
  const costs = candidates.map(cost)
  return candidates[costs.indexOf(Math.min(...costs))] as number
}
