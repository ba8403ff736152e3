import { join } from 'node:path'
import type { DataSet } from '../../datasets/dataset.js'
import type { Tf } from '../../engine/tfjs/algebra.js'
import { StanflowError } from '../../errors.js'
import { adamw } from '../adamw.js'
import type { Texts } from '../batches.js'
import { type Position, readCheckpoint, saveCheckpoint } from '../checkpoint.js'
import { MeanGradients } from '../gradients.js'
import { TrainLog } from '../log.js'
import { type Parameters, ratesOf } from '../parameters.js'
import type { Resumed, StepAbout, TrainSummary } from '../run.js'
import { learningRate } from '../schedule.js'
import type { StepReport } from '../trainer.js'
import { assemble, type DecodedClips, type Subject, subjectOf, tokenised } from './batch.js'
import type { DataTrainConfig } from './config.js'
import { type ClipRequest, Drawing, type Drawn } from './draw.js'
import { jointGradients } from './joint.js'
import { differences, recipeOf } from './recipe.js'
import type { Start } from './start.js'
import { type DataPart, dataGradients } from './step.js'
import { type DataScores, validateOn } from './validate.js'

export interface DataTrainParts extends Start {
  readonly tf: Tf
  readonly config: DataTrainConfig
  readonly training: DataSet
  readonly validation: DataSet
  /** Decodes beside this thread. */
  readonly clips: (requests: readonly ClipRequest[]) => Promise<DecodedClips>
  readonly dir: string
  /** Writes a model folder; answers with its size. */
  readonly writeModel: (parameters: Parameters) => Promise<number>
  readonly signal?: AbortSignal
  /** The folder's checkpoint is gone on from. */
  readonly onResume?: (at: Resumed) => void
  readonly onStep?: (about: StepAbout) => void
  /** A video that could not be decoded; another took its place. */
  readonly onFailure?: (path: string, message: string) => void
}

const NAME = 'data'

/**
 * Trains from where the folder's checkpoint stands, or from the model it starts from; the next batch is decoded during a step.
 * @throws StanflowError CONFIG_INVALID, MEDIA_DECODE, TRAIN_DIVERGED; what was stored before is kept
 */
export async function trainOnData(parts: DataTrainParts): Promise<TrainSummary> {
  const { config, dir, signal } = parts
  const recipe = recipeOf({ ...parts, from: parts.digest })
  const [checkpoint, best] = [join(dir, 'checkpoint.safetensors'), join(dir, 'best.safetensors')]
  const restored = readCheckpoint(checkpoint)
  if (restored !== undefined && restored.position.recipe !== recipe)
    throw anotherRun(dir, differences(restored.position.recipe, recipe))
  const parameters = restored?.parameters ?? parts.parameters
  let at: Position = restored?.position ?? {
    ...{ stage: 0, step: 0, total: 0, seconds: 0, bestScore: -1, stageBest: -1, waited: 0, recipe },
  }
  const log = new TrainLog(join(dir, 'log.jsonl'), at.total)
  const steps = new Steps({ ...parts, parameters })
  let saved = performance.now()
  const isDone = (): boolean => config.patience !== undefined && at.waited >= config.patience
  let done = isDone()
  if (restored !== undefined && !done && at.step < config.steps)
    parts.onResume?.({ stage: NAME, step: at.step + 1, steps: config.steps })
  if (!done) steps.prefetch(at.step)
  while (at.step < config.steps && !done && !signal?.aborted) {
    const started = performance.now()
    const step = at.step + 1
    const here = { total: step, stage: NAME, step }
    const report = await log.during(here, () => steps.take(at.step))
    at = { ...at, step, total: step, seconds: at.seconds + (performance.now() - started) / 1000 }
    let scores: DataScores | undefined
    if (step === config.steps || step % config['validate-every'] === 0) {
      scores = await log.during(here, () => steps.validate())
      const [score] = Object.values(scores) as [number]
      const better = score > at.bestScore
      at = { ...at, bestScore: Math.max(score, at.bestScore), waited: better ? 0 : at.waited + 1 }
      if (better) {
        await saveCheckpoint(best, parameters, at)
        await parts.writeModel(parameters)
      }
      done = isDone()
    }
    const { loss, rate, gradient } = report
    const line = { ...here, loss, rate, gradient, seconds: Number(at.seconds.toFixed(2)) }
    log.write({ ...line, ...(scores && { scores }) })
    const told = { ...here, steps: config.steps, totalSteps: config.steps }
    parts.onStep?.({ ...report, ...told, ...(scores && { scores }) })
    if (performance.now() - saved > config['checkpoint-seconds'] * 1000) {
      await saveCheckpoint(checkpoint, parameters, at)
      saved = performance.now()
    }
    // Signals are heard, and progress drawn, between steps.
    await new Promise(setImmediate)
  }
  await saveCheckpoint(checkpoint, parameters, at)
  const chosen = at.bestScore < 0 ? undefined : readCheckpoint(best)
  const bytes = await parts.writeModel(chosen?.parameters ?? parameters)
  const finished = done || at.step === config.steps
  return { steps: at.total, seconds: at.seconds, bestScore: at.bestScore, finished, bytes }
}

function anotherRun(dir: string, differing: readonly string[] | undefined): StanflowError {
  const what = differing === undefined ? 'configuration' : `configuration: ${differing.join(', ')}`
  return new StanflowError('CONFIG_INVALID', `${dir} holds a run of another ${what}`, {
    hint: 'Give this one another --to folder, or go on with the configuration it was begun with.',
  })
}

/** One part of a step on its way: what was drawn, and its pixels as they come. */
interface Ahead {
  readonly drawn: readonly Drawn[]
  readonly decoded: Promise<DecodedClips>
}

class Steps {
  readonly #parts: DataTrainParts
  readonly #drawing: Drawing
  readonly #subject: Subject
  readonly #classTexts: Texts | undefined
  readonly #trained: readonly string[]
  readonly #shares: ReadonlyMap<string, number>
  readonly #ahead = new Map<number, readonly Ahead[]>()

  constructor(parts: DataTrainParts) {
    const { config, training, parameters } = parts
    this.#parts = parts
    this.#drawing = new Drawing(training.items, config)
    this.#subject = subjectOf(training, config)
    const { objective, classes } = this.#subject
    this.#classTexts = objective === 'classes' ? this.#texts(classes) : undefined
    this.#shares = ratesOf(parameters.keys(), config.groups)
    this.#trained = [...this.#shares].filter(([, share]) => share > 0).map(([name]) => name)
  }

  /** Begins to decode a step's clips. */
  prefetch(step: number): void {
    const { config, clips } = this.#parts
    if (step >= config.steps || this.#ahead.has(step)) return
    const ahead = Array.from({ length: config.accumulate }, (_, part): Ahead => {
      const drawn = this.#drawing.batch(step, part)
      const decoded = clips(drawn.map(({ request }) => request))
      // Heard when its turn comes.
      decoded.catch(() => undefined)
      return { drawn, decoded }
    })
    this.#ahead.set(step, ahead)
  }

  async take(step: number): Promise<StepReport> {
    const { tf, net, parameters, config, onFailure } = this.#parts
    this.prefetch(step)
    const parts = this.#ahead.get(step) ?? []
    this.#ahead.delete(step)
    const isJoint = parts.length > 1 && this.#subject.objective === 'captions'
    const mean = new MeanGradients(isJoint ? 1 : parts.length)
    const joint: DataPart[] = []
    for (const [part, { drawn, decoded }] of parts.entries()) {
      const clips = await decoded
      if (part === 0) this.prefetch(step + 1)
      for (const { index, message } of clips.failed) onFailure?.(drawn[index]?.item.path ?? '', message)
      if (clips.failed.length === drawn.length) throw nothingDecoded(clips)
      const batch = assemble(drawn, clips, this.#subject, (texts) => this.#texts(texts), this.#classTexts)
      const rates = { dropout: config.dropout, dropPath: config['drop-path'] }
      const noise = { ...rates, seed: `${config.seed} ${NAME} ${step} ${part}` }
      const own = { batch, trained: this.#trained, noise }
      if (isJoint) joint.push(own)
      else mean.add(dataGradients(tf, net, parameters, own))
    }
    if (isJoint) mean.add(jointGradients(tf, net, parameters, joint))
    const rate = config.rate * learningRate(step, config.steps, config.warmup)
    const rates = new Map([...this.#shares].map(([name, share]) => [name, share * rate]))
    const { betas, clip } = config.optimizer
    const settings = { betas, clip, weightDecay: config.optimizer['weight-decay'] }
    const gradient = adamw(parameters, mean.sums, rates, step, settings)
    return { loss: mean.loss, parts: mean.parts, rate, gradient }
  }

  validate(): Promise<DataScores> {
    const { tf, net, parameters, config, validation, clips } = this.#parts
    return validateOn(tf, net, parameters, {
      items: validation.items.slice(0, config.data.validation.most),
      ...{ subject: this.#subject, clips, batch: config.batch },
      texts: (texts) => this.#texts(texts),
    })
  }

  #texts(texts: readonly string[]): Texts {
    const { tokenizer, config, net } = this.#parts
    const most = Math.min(config.model['text-length'], net.config.text.positions)
    return tokenised(tokenizer, texts, most)
  }
}

function nothingDecoded({ failed }: DecodedClips): StanflowError {
  return new StanflowError(
    'MEDIA_DECODE',
    `no video of a whole batch could be decoded; the first: ${failed[0]?.message}`,
    {
      hint: 'stanflow evaluate on the same data lists every video that cannot be read.',
    },
  )
}
