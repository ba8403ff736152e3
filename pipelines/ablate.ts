import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { writeWhole } from '../src/connect/files/atomic.js'
import { makeOutputFolder } from '../src/connect/files/output-folder.js'
import { isTaken } from '../src/connect/holder.js'
import { loadLibrary } from '../src/engine/tfjs/library.js'
import { StanflowError } from '../src/errors.js'
import { clipTokenizerJson } from '../src/model/embedded.js'
import { sceneWords } from '../src/scenes/words.js'
import {
  ABLATION,
  type Ablation,
  configOf,
  type Outcome,
  runName,
  type Trial,
  type Variant,
} from '../src/train/ablation.js'
import { assemble } from '../src/train/assemble.js'
import { checkModelIn } from '../src/train/check.js'
import { readCheckpoint } from '../src/train/checkpoint.js'
import { readYaml, type TrainConfig } from '../src/train/config.js'
import type { Parameters } from '../src/train/parameters.js'
import { type Resumed, runTraining, type StepAbout } from '../src/train/run.js'
import { cutTokenizer } from '../src/train/tokenizer.js'
import { validate } from '../src/train/validate.js'
import { aloneIn } from './run-folder.js'
import { heldOutSets, type SetHooks, trainingSets } from './training-sets.js'

export interface AblateOptions {
  readonly config: string
  /** Clips, the trunk's run and every variant's go here; what is finished is not done again. */
  readonly to: string
  /** Checkpoint of a run whose CLIP all variants begin with; the trunk's own stages are not trained then. */
  readonly trunk?: string
}

export interface AblateHooks extends SetHooks {
  /** A run goes on that was stopped or killed. */
  readonly onResume?: (run: string, at: Resumed) => void
  readonly onStep?: (run: string, about: StepAbout) => void
  readonly onTrial?: (name: string, trial: Trial) => void
}

export interface Ablated {
  readonly outcomes: readonly Outcome[]
  /** False where a signal ended it before the last run. */
  readonly finished: boolean
}

/**
 * Trains every variant with every seed from one CLIP, and measures each on the test split. Processes with other seeds or
 * variants may do so in one folder.
 * @throws StanflowError OUTPUT_LOCKED where another process trains the same run, TRAIN_DIVERGED, …
 */
export async function ablate(
  { config, to, trunk }: AblateOptions,
  hooks: AblateHooks = {},
): Promise<Ablated> {
  const ablation = await readYaml(config, ABLATION)
  for (const variant of ablation.variants)
    checkModelIn(`${config}, variant ${variant.name}`, configOf(ablation, variant, 0))
  await makeOutputFolder(to)
  const { threads } = ablation.trunk
  const tf = loadLibrary('@tensorflow/tfjs-node', {
    device: 'cpu',
    ...(threads !== undefined && { threads }),
  })
  const cut = cutTokenizer(JSON.parse(clipTokenizerJson()) as object, sceneWords())
  // Single frames are of use to the trunk's own stages, and to those that want them beside their clips.
  const { data } = ablation.trunk
  const wanted = trunk === undefined || ablation.stages.some(({ pictures }) => pictures > 0)
  const made = {
    ...ablation.trunk,
    ...(!wanted && { data: { ...data, pictures: 0 } }),
    stages: [...(trunk === undefined ? ablation.trunk.stages : []), ...ablation.stages],
  }
  const sets = await trainingSets(made, to, hooks)
  const test = await heldOutSets(ablation.trunk, to, 'test', hooks)
  const { signal } = hooks

  const train = async (name: string, one: TrainConfig, start?: Parameters) => {
    const dir = join(to, name)
    const { training, validation } = sets
    const { finished } = await runTraining({
      ...{ tf, config: one, tokenizer: cut, training, validation, dir },
      ...(start && { start }),
      ...(signal && { signal }),
      onResume: (at) => hooks.onResume?.(name, at),
      onStep: (about) => hooks.onStep?.(name, about),
    })
    return finished ? readCheckpoint(join(dir, 'checkpoint.safetensors')) : undefined
  }

  /** All processes in a folder begin with one trunk: one trains it, the others wait. */
  const trainTrunk = async (): Promise<Parameters | undefined> => {
    while (!signal?.aborted) {
      try {
        return await aloneIn(
          join(to, 'trunk'),
          async () => (await train('trunk', ablation.trunk))?.parameters,
        )
      } catch (error) {
        if (!isTaken(error)) throw error
        hooks.onWait?.(error.message)
        await wait(LOOK_AGAIN_MS, undefined, signal && { signal }).catch(() => undefined)
      }
    }
    return undefined
  }

  const trial = (variant: Variant, seed: number, start: Parameters): Promise<Trial | undefined> =>
    aloneIn(join(to, runName(variant.name, seed)), () => trialAlone(variant, seed, start))

  const trialAlone = async (
    variant: Variant,
    seed: number,
    start: Parameters,
  ): Promise<Trial | undefined> => {
    const name = runName(variant.name, seed)
    const file = join(to, name, 'test.json')
    const one = configOf(ablation, variant, seed)
    const recipe = recipeOf(ablation, one)
    if (existsSync(file)) {
      const { recipe: by, ...before } = JSON.parse(readFileSync(file, 'utf8')) as Trial & { recipe: string }
      if (by === recipe) return before
      throw new StanflowError('CONFIG_INVALID', `${join(to, name)} was trained by another configuration`, {
        hint: 'Runs of two configurations are no comparison: give this one another --to folder, or remove that run.',
      })
    }
    const trained = await train(name, one, start)
    if (trained === undefined) return undefined
    const { parameters, position } = trained
    const { net, tokenizer } = assemble(one, cut)
    const scores = validate(tf, net, parameters, { sets: test, tokenizer, branch: true })
    const own = net.structure.shapes(net.config, one.model.depth, new Set(parameters.keys()))
    const size = [...own.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0)
    const done = {
      ...{ appearance: scores.appearance, motion: scores.motion ?? 0, order: scores.order ?? 0 },
      ...{ seed, parameters: size, steps: position.total, seconds: Math.round(position.seconds) },
    }
    await writeWhole(file, `${JSON.stringify({ ...done, recipe })}\n`)
    hooks.onTrial?.(variant.name, done)
    return done
  }

  try {
    const start = trunk === undefined ? await trainTrunk() : given(trunk)
    const outcomes = ablation.variants.map(({ name }) => ({ name, trials: [] as Trial[] }))
    let finished = start !== undefined
    // Seed by seed, so that what was done when it was stopped is a comparison already.
    for (const seed of ablation.seeds) {
      for (const [n, variant] of ablation.variants.entries()) {
        if (start === undefined || signal?.aborted) return { outcomes, finished: false }
        const done = await trial(variant, seed, start)
        if (done === undefined) finished = false
        else outcomes[n]?.trials.push(done)
      }
    }
    return { outcomes, finished }
  } finally {
    sets.close()
    for (const set of Object.values(test)) set.close()
  }
}

const LOOK_AGAIN_MS = 1000

/** Tells runs that were trained otherwise. */
function recipeOf({ trunk }: Ablation, { seed, frames, model, data, stages }: TrainConfig): string {
  return createHash('sha256')
    .update(JSON.stringify([trunk.stages, seed, frames, model, data, stages]))
    .digest('hex')
}

function given(path: string): Parameters {
  const found = readCheckpoint(path)
  if (found === undefined)
    throw new StanflowError('CONFIG_INVALID', `there is no checkpoint ${path}`, {
      hint: 'It is the checkpoint.safetensors of a folder that `stanflow train` wrote.',
    })
  return found.parameters
}
