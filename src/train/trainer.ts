import type { Tensor, Tf } from '../engine/tfjs/algebra.js'
import { StanflowError } from '../errors.js'
import type { TextTokenizer } from '../model/tokenizer.js'
import { motionCaption } from '../scenes/captions.js'
import { MOTION_NAMES } from '../scenes/vocabulary.js'
import { adamw } from './adamw.js'
import { type Batch, type Texts, tokenise } from './batches.js'
import type { Stage, TrainConfig } from './config.js'
import { Forward, type Network } from './network.js'
import { branchNoise } from './noise.js'
import { clipLoss, type Loss, pictureLoss } from './objectives.js'
import { type Parameters, ratesOf } from './parameters.js'
import { learningRate } from './schedule.js'

/** What one step did. */
export interface StepReport {
  readonly loss: number
  readonly parts: Readonly<Record<string, number>>
  readonly rate: number
  /** Length of the gradient before it was cut. */
  readonly gradient: number
}

/** Tensors that CLIP's features depend on; where all are frozen, no gradient goes through CLIP. */
const TRUNK = /^vision_model\.(embeddings|pre_layrnorm|encoder)/

/** Tensors that a stage's loss depends on, whatever its groups say. */
const TAKES_PART: Readonly<Record<Stage['kind'], (name: string) => boolean>> = {
  pictures: (name) => /^(vision_|visual_|text_|logit_|aux\.(?!motions))/.test(name),
  clips: (name) => !name.startsWith('aux.') || name.startsWith('aux.motions'),
}

/** Which part of which step. */
interface Moment {
  readonly stage: Stage
  readonly step: number
  readonly part: number
}

/** Takes training steps: the same step from the same parameters gives the same result. */
export class Trainer {
  readonly #tf: Tf
  readonly #net: Network
  readonly #config: TrainConfig
  readonly #parameters: Parameters
  readonly #motions: Texts

  constructor(
    tf: Tf,
    net: Network,
    config: TrainConfig,
    parts: { parameters: Parameters; tokenizer: TextTokenizer },
  ) {
    this.#tf = tf
    this.#net = net
    this.#config = config
    this.#parameters = parts.parameters
    this.#motions = tokenise(parts.tokenizer, MOTION_NAMES.map(motionCaption))
  }

  /** `total` steps of the stage have been taken before. */
  step(stage: Stage, step: number, batches: readonly Batch[]): StepReport {
    const { groups, rate: peak, warmup, steps } = stage
    const share = 1 / batches.length
    const now = peak * learningRate(step, steps, warmup)
    const parts = ratesOf(this.#parameters.keys(), groups)
    const rates = new Map([...parts].map(([name, part]) => [name, part * now]))
    const trained = [...parts]
      .filter(([name, part]) => part > 0 && TAKES_PART[stage.kind](name))
      .map(([name]) => name)
    const sums = new Map<string, Float32Array>()
    let loss = 0
    const told: Record<string, number> = {}
    for (const [part, batch] of batches.entries()) {
      const one = this.#gradients(batch, { stage, step, part }, trained)
      loss += one.loss * share
      for (const [name, value] of Object.entries(one.parts)) told[name] = (told[name] ?? 0) + value * share
      for (const [name, gradient] of one.gradients) add(sums, name, gradient, share)
    }
    const { betas, clip } = this.#config.optimizer
    const weightDecay = this.#config.optimizer['weight-decay']
    const gradient = adamw(this.#parameters, sums, rates, step, { betas, weightDecay, clip })
    return { loss, parts: told, rate: now, gradient }
  }

  #gradients(batch: Batch, at: Moment, trained: readonly string[]) {
    const tf = this.#tf
    let loss = 0
    const parts: Record<string, number> = {}
    const gradients = new Map<string, Float32Array>()
    tf.tidy(() => {
      const tensors = new Map<string, Tensor>()
      for (const [name, { shape, value }] of this.#parameters) tensors.set(name, tf.tensor(value, [...shape]))
      const throughTrunk =
        this.#net.structure.insert !== undefined || trained.some((name) => TRUNK.test(name))
      const loose = this.#lossOf(batch, at, tensors, throughTrunk)
      let details: Loss['parts'] = {}
      const graded = tf.valueAndGrads((...given: Tensor[]) => {
        const weights = new Map([
          ...tensors,
          ...trained.map((name, i) => [name, given[i] as Tensor] as const),
        ])
        const { total, parts: named } = loose(weights)
        details = Object.fromEntries(Object.entries(named).map(([name, x]) => [name, tf.keep(x)]))
        return total as ReturnType<typeof tf.scalar>
      })
      const { value, grads } = graded(trained.map((name) => tensors.get(name) as Tensor))
      loss = value.dataSync()[0] as number
      for (const [name, x] of Object.entries(details)) {
        parts[name] = x.dataSync()[0] as number
        x.dispose()
      }
      for (const [i, name] of trained.entries())
        gradients.set(name, (grads[i] as Tensor).dataSync() as Float32Array)
    })
    return { loss, parts, gradients }
  }

  /** What is frozen is computed before gradients are asked for. */
  #lossOf(
    batch: Batch,
    { stage, step, part }: Moment,
    tensors: ReadonlyMap<string, Tensor>,
    throughTrunk: boolean,
  ): (weights: ReadonlyMap<string, Tensor>) => Loss {
    const tf = this.#tf
    const { spread } = stage
    const forward = (weights: ReadonlyMap<string, Tensor>) => new Forward(tf, this.#net, weights)
    if (batch.kind === 'pictures')
      return (weights) => pictureLoss(tf, forward(weights), batch, this.#motions, spread)
    if (stage.kind === 'pictures') throw new StanflowError('INTERNAL', 'clips in a stage of pictures')
    const trunk = throughTrunk ? undefined : forward(tensors).bothWays(batch.pixels)
    const rates = { dropout: stage.dropout, dropPath: stage['drop-path'] }
    // Every computation of this loss has the same noise.
    const noise = () => branchNoise(tf, rates, `${this.#config.seed} ${stage.name} ${step} ${part}`)
    const { named, objects } = stage
    const options = () => ({ spread, named, objects, noise: noise(), ...(trunk && { trunk }) })
    return (weights) => clipLoss(tf, forward(weights), batch, this.#motions, options())
  }
}

function add(sums: Map<string, Float32Array>, name: string, gradient: Float32Array, share: number): void {
  const sum = sums.get(name)
  if (sum === undefined) {
    sums.set(name, share === 1 ? gradient : gradient.map((x) => x * share))
    return
  }
  for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (gradient[i] as number) * share
}
