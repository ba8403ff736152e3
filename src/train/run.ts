import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { writeWhole } from '../connect/files/atomic.js'
import type { Tf } from '../engine/tfjs/algebra.js'
import { StanflowError } from '../errors.js'
import { assemble } from './assemble.js'
import type { BatchSets } from './batches.js'
import { BatchesAhead } from './batches-ahead.js'
import { begin, forgetMoments } from './begin.js'
import { type Position, type Restored, readCheckpoint, saveCheckpoint, saveModel } from './checkpoint.js'
import type { Stage, TrainConfig } from './config.js'
import { branchFromClip } from './initial.js'
import { TrainLog } from './log.js'
import type { DataScores } from './on-data/validate.js'
import type { Parameters } from './parameters.js'
import type { CutTokenizer } from './tokenizer.js'
import { type StepReport, Trainer } from './trainer.js'
import { type Scores, type ValidationSets, validate } from './validate.js'

export interface TrainParts {
  readonly tf: Tf
  readonly config: TrainConfig
  readonly tokenizer: CutTokenizer
  readonly training: BatchSets
  readonly validation: ValidationSets
  /** Weights to begin with instead of drawn ones, where name and shape are the same. */
  readonly start?: Parameters
  /** The run's folder: checkpoint, log, and as `model/` the best so far, or while pictures are trained the last. */
  readonly dir: string
  readonly signal?: AbortSignal
  /** The folder's checkpoint is gone on from. */
  readonly onResume?: (at: Resumed) => void
  readonly onStep?: (about: StepAbout) => void
}

export interface StepAbout extends StepReport {
  readonly stage: string
  readonly step: number
  readonly steps: number
  /** Over all stages. */
  readonly total: number
  readonly totalSteps: number
  readonly scores?: Scores | DataScores
}

/** The step that a run goes on at. */
export interface Resumed {
  readonly stage: string
  /** Over all stages, the first is 1. */
  readonly step: number
  readonly steps: number
}

export interface TrainSummary {
  readonly steps: number
  readonly seconds: number
  readonly bestScore: number
  /** False where a signal ended the run before its last step. */
  readonly finished: boolean
  /** Bytes of the model's weights. */
  readonly bytes: number
}

/**
 * Trains from where the folder's checkpoint stands, or from the beginning, and leaves a model folder in `model/`.
 * @throws StanflowError CONFIG_INVALID, TRAIN_DIVERGED; what was stored before is kept
 */
export async function runTraining(parts: TrainParts): Promise<TrainSummary> {
  const { tf, config, tokenizer: cut, dir, signal } = parts
  const { net, tokenizer, json } = assemble(config, cut)
  const { seed, frames } = config
  const recipe = recipeOf(config)
  const checkpoint = join(dir, CHECKPOINT)
  const best = join(dir, 'best.safetensors')
  const restored = ownCheckpoint(dir, config)
  const parameters = restored?.parameters ?? begin(net, config, parts.start)
  let at: Position = restored?.position ?? {
    ...{ stage: 0, step: 0, total: 0, seconds: 0, bestScore: -1, stageBest: -1, waited: 0 },
    recipe,
  }
  const log = new TrainLog(join(dir, 'log.jsonl'), at.total)
  const { clips, pictures } = parts.training
  const batches = new BatchesAhead({
    ...{ clips: clips.source, ...(pictures && { pictures: pictures.source }) },
    ...{ tokenizer: cut.json, frames, size: net.config.vision.size, seed: `batches ${seed}` },
  })
  const trainer = new Trainer(tf, net, config, { parameters, tokenizer })
  const totalSteps = config.stages.reduce((sum, { steps }) => sum + steps, 0)
  if (restored !== undefined) {
    const stage = config.stages[at.step < (config.stages[at.stage]?.steps ?? 0) ? at.stage : at.stage + 1]
    if (stage !== undefined) parts.onResume?.({ stage: stage.name, step: at.total + 1, steps: totalSteps })
  }
  let saved = performance.now()

  try {
    for (; at.stage < config.stages.length; at = nextStage(at)) {
      const stage = config.stages[at.stage] as Stage
      if (at.step === 0) {
        forgetMoments(parameters)
        if (stage.kind === 'clips' && stage['branch-from-clip']) branchFromClip(parameters)
      }
      while (at.step < stage.steps) {
        if (signal?.aborted) break
        const started = performance.now()
        const batch = await batches.take(stage, at.step)
        const here = { total: at.total + 1, stage: stage.name, step: at.step + 1 }
        const report = await log.during(here, () => trainer.step(stage, at.step, batch))
        at = {
          ...at,
          step: here.step,
          total: here.total,
          seconds: at.seconds + (performance.now() - started) / 1000,
        }
        const { step } = at
        const last = step === stage.steps
        let scores: Scores | undefined
        if (last || step % config['validate-every'] === 0) {
          const branch = stage.kind === 'clips'
          const held = { sets: parts.validation, tokenizer, branch }
          scores = await log.during(here, () => validate(tf, net, parameters, held))
          const score = scores.appearance + (scores.motion ?? 0) + (scores.order ?? 0)
          const better = score > at.stageBest
          at = { ...at, stageBest: Math.max(score, at.stageBest), waited: better ? 0 : at.waited + 1 }
          if (branch && score > at.bestScore) {
            at = { ...at, bestScore: score }
            await saveCheckpoint(best, parameters, at)
            await writeModel(dir, parameters, json, cut)
          }
          if (stage.patience !== undefined && at.waited >= stage.patience) at = { ...at, step: stage.steps }
        }
        const { loss, parts: of, rate, gradient } = report
        const line = { ...here, loss, ...of, rate, gradient }
        log.write({ ...line, seconds: Number(at.seconds.toFixed(2)), ...(scores && { scores }) })
        parts.onStep?.({
          ...report,
          ...{ ...here, steps: stage.steps, totalSteps },
          ...(scores && { scores }),
        })
        if (performance.now() - saved > config['checkpoint-seconds'] * 1000) {
          await saveCheckpoint(checkpoint, parameters, at)
          saved = performance.now()
        }
        // Signals are heard, and progress drawn, between steps.
        await new Promise(setImmediate)
      }
      if (at.step < stage.steps) break
    }
  } finally {
    await batches.close()
  }
  await saveCheckpoint(checkpoint, parameters, at)
  const chosen = at.bestScore < 0 ? undefined : readCheckpoint(best)
  const bytes = await writeModel(dir, chosen?.parameters ?? parameters, json, cut)
  const finished = at.stage === config.stages.length
  return { steps: at.total, seconds: at.seconds, bestScore: at.bestScore, finished, bytes }
}

const CHECKPOINT = 'checkpoint.safetensors'

/** Of what a run cannot change underway; how its weights begin is past by then. */
function recipeOf({ seed, frames, model }: TrainConfig): string {
  const { temperature: _t, zero: _z, projection: _p, ...sizes } = model
  return createHash('sha256')
    .update(JSON.stringify({ seed, frames, model: sizes }))
    .digest('hex')
}

/**
 * Where a run with this configuration stands in a folder; undefined where none was begun.
 * @throws StanflowError CONFIG_INVALID where it holds a run of another one, OUTPUT_CORRUPT
 */
export function ownCheckpoint(dir: string, config: TrainConfig): Restored | undefined {
  const restored = readCheckpoint(join(dir, CHECKPOINT))
  if (restored === undefined || restored.position.recipe === recipeOf(config)) return restored
  throw new StanflowError('CONFIG_INVALID', `${dir} holds a run of another configuration`, {
    hint: 'Give this one another --to folder, or go on with the seed, frames and model that it was begun with.',
  })
}

const nextStage = (at: Position): Position => ({
  ...at,
  ...{ stage: at.stage + 1, step: 0, stageBest: -1, waited: 0 },
})

/** A folder that `--model` takes. Weights come last, and as a whole. */
async function writeModel(
  dir: string,
  parameters: Parameters,
  json: object,
  cut: CutTokenizer,
): Promise<number> {
  const folder = join(dir, 'model')
  await writeWhole(join(folder, 'config.json'), `${JSON.stringify(json, null, 2)}\n`)
  await writeWhole(join(folder, 'tokenizer.json'), `${JSON.stringify(cut.json)}\n`)
  return saveModel(join(folder, 'model.safetensors'), parameters)
}
