import type { Tensor, Tf } from '../engine/tfjs/algebra.js'
import { StanflowError } from '../errors.js'
import type { VisionOutput } from '../model/clip.js'
import type { TextTokenizer } from '../model/tokenizer.js'
import { motionCaption } from '../scenes/captions.js'
import { MOTION_NAMES } from '../scenes/vocabulary.js'
import { adamw } from './adamw.js'
import { type Batch, type ClipBatch, type Texts, tokenise } from './batches.js'
import type { Stage, TrainConfig } from './config.js'
import { gradientsOf, type Loss, MeanGradients, type TensorsByName, throughTrunk } from './gradients.js'
import { Forward, type Network } from './network.js'
import { branchNoise } from './noise.js'
import { clipLoss, framesSay, pictureLoss } from './objectives.js'
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
    const now = peak * learningRate(step, steps, warmup)
    const parts = ratesOf(this.#parameters.keys(), groups)
    const rates = new Map([...parts].map(([name, part]) => [name, part * now]))
    const trained = [...parts]
      .filter(([name, part]) => part > 0 && TAKES_PART[stage.kind](name))
      .map(([name]) => name)
    const mean = new MeanGradients(batches.length)
    for (const [part, batch] of batches.entries()) {
      const lossOf = (still: TensorsByName) => this.#lossOf(batch, { stage, step, part }, still, trained)
      mean.add(gradientsOf(this.#tf, this.#parameters, trained, lossOf))
    }
    const { betas, clip } = this.#config.optimizer
    const weightDecay = this.#config.optimizer['weight-decay']
    const gradient = adamw(this.#parameters, mean.sums, rates, step, { betas, weightDecay, clip })
    return { loss: mean.loss, parts: mean.parts, rate: now, gradient }
  }

  /** What is frozen is computed before gradients are asked for. */
  #lossOf(
    batch: Batch,
    { stage, step, part }: Moment,
    tensors: TensorsByName,
    trained: readonly string[],
  ): (weights: TensorsByName) => Loss {
    const tf = this.#tf
    const { spread } = stage
    const forward = (weights: TensorsByName) => new Forward(tf, this.#net, weights)
    if (batch.kind === 'pictures')
      return (weights) => pictureLoss(tf, forward(weights), batch, this.#motions, spread)
    if (stage.kind === 'pictures') throw new StanflowError('INTERNAL', 'clips in a stage of pictures')
    const frozen = throughTrunk(this.#net, trained) ? undefined : forward(tensors)
    const trunk = frozen?.bothWays(batch.pixels)
    const beside = batch.pictures && frozen?.classes(batch.pictures.pixels)
    const likely = stage.keep > 0 ? this.#framesSay(forward(tensors), batch, stage.soften, trunk) : undefined
    const rates = { dropout: stage.dropout, dropPath: stage['drop-path'] }
    // Every computation of this loss has the same noise.
    const noise = () => branchNoise(tf, rates, `${this.#config.seed} ${stage.name} ${step} ${part}`)
    const { named, objects, keep, soften } = stage
    const options = () => ({
      spread,
      named,
      objects,
      noise: noise(),
      ...(trunk && { trunk }),
      ...(beside && { beside }),
      ...(likely && { keep: { likely, soften, weight: keep } }),
    })
    return (weights) => clipLoss(tf, forward(weights), batch, this.#motions, options())
  }

  /** Of CLIP without modules between its layers, as it is now. */
  #framesSay(net: Forward, batch: ClipBatch, soften: number, trunk?: VisionOutput<Tensor>): Tensor {
    const { frames } = this.#net
    const cls = trunk && this.#tf.slice(trunk.cls, [0, 0], [batch.count * frames, -1])
    return framesSay(this.#tf, net, batch, cls ?? net.classes(batch.pixels), soften)
  }
}
