import type { ClipConfig } from '../model/config.js'
import { randomFrom } from '../scenes/random.js'

/** Where training starts. Depth and scale keep a pre-norm transformer of a few layers from exploding or fading. */
export function initialWeights(
  shapes: ReadonlyMap<string, readonly number[]>,
  config: ClipConfig,
  {
    seed,
    frames,
    temperature,
  }: { readonly seed: number; readonly frames: number; readonly temperature: number },
): Map<string, Float32Array> {
  const weights = new Map<string, Float32Array>()
  for (const [name, shape] of shapes) weights.set(name, draw(name, shape, seed))
  weights.set('vision_model.embeddings.position_embedding.weight', positions(config))
  weights.get('logit_scale')?.fill(Math.log(1 / temperature))
  const slots = shapes.get('STAN_time_embed.weight')?.[0]
  if (slots !== undefined) weights.set('STAN_time_embed.weight', times(slots, config.vision.width, frames))
  return weights
}

/** Spread of what is drawn, by the first pattern that fits. */
const SPREADS: readonly (readonly [RegExp, number | undefined])[] = [
  [/token_embedding/, 0.15],
  [/position_embedding/, 0.05],
  [/class_embedding/, 0.2],
  // Small, not zero as in the paper: from zero, direction took longer to be found.
  [/(temporal_fc|\.up)\.weight/, undefined],
]

function draw(name: string, shape: readonly number[], seed: number): Float32Array {
  const data = new Float32Array(shape.reduce((product, side) => product * side, 1))
  if (name.endsWith('.bias')) return data
  if (/(norm\d?|ln_\d)\.weight$/.test(name)) return data.fill(1)
  // W_proj begins as the layer without it.
  if (/STAN_proj_layers.*weight$/.test(name)) return identity(data, shape[0] as number)
  const fanIn = shape.slice(1).reduce((product, side) => product * side, 1)
  const residual = /(out_proj|fc2|c_proj|temporal_fc|\.up)\.weight$/.test(name) ? 0.4 : 1
  const spread = SPREADS.find(([pattern]) => pattern.test(name))?.[1] ?? residual * fanIn ** -0.5
  const random = randomFrom(`weights ${seed} ${name}`)
  const scale = spread * Math.sqrt(6)
  for (let i = 0; i < data.length; i++) data[i] = (random.next() + random.next() - 1) * scale
  return data
}

function identity(data: Float32Array, side: number): Float32Array {
  for (let i = 0; i < side; i++) data[i * side + i] = 1
  return data
}

/** Waves over time, as strong as the features they are added to; slots behind the last frame go on with them. */
function times(slots: number, width: number, frames: number): Float32Array {
  const table = new Float32Array(slots * width)
  for (let t = 0; t < slots; t++) {
    for (let i = 0; i < width; i++) {
      const rate = (Math.PI / frames) * (1 + (i % 4) / 2)
      table[t * width + i] = 1.2 * Math.cos(rate * (t + 0.5) + (i * 2 * Math.PI * 7) / width)
    }
  }
  return table
}

/** The branch's spatial layers begin as the CLIP layers they stand beside, as in the paper. */
export function branchFromClip(weights: ReadonlyMap<string, { readonly value: Float32Array }>): void {
  const layerOf = (prefix: string, name: string): number => Number(name.slice(prefix.length).split('.')[0])
  const [clip, branch] = ['vision_model.encoder.layers.', 'STAN_S_layers.']
  const count = (prefix: string): number =>
    1 +
    Math.max(
      ...[...weights.keys()].filter((name) => name.startsWith(prefix)).map((name) => layerOf(prefix, name)),
    )
  const offset = count(clip) - count(branch)
  for (const [name, { value }] of weights) {
    if (!name.startsWith(branch)) continue
    const k = layerOf(branch, name)
    const from = weights.get(name.replace(`${branch}${k}.`, `${clip}${k + offset}.`))
    if (from !== undefined) value.set(from.value)
  }
}

/** Waves over x in one half of the width and over y in the other: neighbouring patches are alike from the start. */
function positions({ vision: { grid, width } }: ClipConfig): Float32Array {
  const table = new Float32Array((1 + grid * grid) * width)
  const quarter = width / 4
  for (let y = 0; y < grid; y++) {
    for (let x = 0; x < grid; x++) {
      const row = (1 + y * grid + x) * width
      for (let i = 0; i < quarter; i++) {
        const rate = (Math.PI / grid) * (1 + (i % 8) / 2)
        const phase = Math.floor(i / 8)
        table[row + i] = 0.3 * Math.sin(rate * x + phase)
        table[row + quarter + i] = 0.3 * Math.cos(rate * x + phase)
        table[row + 2 * quarter + i] = 0.3 * Math.sin(rate * y + phase)
        table[row + 3 * quarter + i] = 0.3 * Math.cos(rate * y + phase)
      }
    }
  }
  return table
}
