import { openModel } from '../../model/load.js'
import { clipShapes } from '../../model/shapes.js'
import { structureNamed } from '../../model/temporal/structures.js'
import type { TextTokenizer } from '../../model/tokenizer.js'
import { randomFrom } from '../../scenes/random.js'
import { checkBranch } from '../check.js'
import { branchFromClip, initialWeights } from '../initial.js'
import type { Network } from '../network.js'
import { type Parameters, parameter } from '../parameters.js'
import type { DataTrainConfig } from './config.js'

export interface Start {
  readonly net: Network
  readonly tokenizer: TextTokenizer
  readonly parameters: Parameters
  /** Of the model that it starts from. */
  readonly digest: string
}

/** As the paper's: a new branch adds nothing before its first step. */
const ZERO = /temporal_fc/
/** Spread of a new branch's embeddings, as CLIP's own. */
const EMBEDDINGS = 0.02

/**
 * A CLIP with its branch, or with a new one: spatial layers begun as those of CLIP beside them, `temporal_fc` at zero.
 * @throws StanflowError MODEL_*, USAGE_INVALID, CONFIG_INVALID where CLIP is not as deep as the branch
 */
export function startFrom({ model: asked, seed, frames }: DataTrainConfig): Start {
  const { config, weights, tokenizer, digest } = openModel({ model: asked.from, structure: 'auto' })
  const structure = structureNamed(asked.structure)
  const isNew = !structure.detect(weights.names)
  if (isNew) checkBranch(asked.structure, config, asked.depth)
  const depth = isNew ? asked.depth : structure.depth(weights.names)
  const branch = structure.shapes(config, depth, isNew ? undefined : weights.names)
  const temperature = asked.temperature ?? 0.07
  const made = isNew
    ? initialWeights(branch, config, { seed, frames, temperature })
    : new Map<string, Float32Array>()
  const parameters = new Map(
    [...clipShapes(config), ...branch].map(([name, shape]) => {
      const own = weights.names.has(name) ? Float32Array.from(weights.read(name).data) : undefined
      return [name, parameter(shape, own ?? begun(name, made.get(name) as Float32Array, seed))] as const
    }),
  )
  if (isNew && structure.name.startsWith('stan')) branchFromClip(parameters)
  if (asked.temperature !== undefined) parameters.get('logit_scale')?.value.fill(Math.log(1 / temperature))
  return { net: { config, structure, frames }, tokenizer: tokenizer.open(), parameters, digest }
}

function begun(name: string, drawn: Float32Array, seed: number): Float32Array {
  if (ZERO.test(name)) return drawn.fill(0)
  if (!/embed/i.test(name)) return drawn
  const random = randomFrom(`branch ${seed} ${name}`)
  return drawn.map(() => (random.next() + random.next() - 1) * EMBEDDINGS * Math.sqrt(6))
}
