import { writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { loadLibrary } from '../src/engine/tfjs/library.js'
import { clipTokenizerJson } from '../src/model/embedded.js'
import { makeScene, type Scene } from '../src/scenes/scene.js'
import { type Task, taskScenes } from '../src/scenes/sets.js'
import { MOTION_NAMES, type Motion } from '../src/scenes/vocabulary.js'
import { sceneWords } from '../src/scenes/words.js'
import { readTrainConfig, type TrainConfig } from '../src/train/config.js'
import { readLog } from '../src/train/log.js'
import { plotSvg } from '../src/train/plot.js'
import { runTraining, type StepAbout, type TrainSummary } from '../src/train/run.js'
import { cutTokenizer } from '../src/train/tokenizer.js'
import { clipShards } from './clip-shards.js'

export interface TrainOptions {
  /** A `train.yaml`. */
  readonly config: string
  /** Checkpoint, log and model go here; a run that was cut off goes on. */
  readonly to: string
  /** Keeps `plot.svg` in the folder: the curves so far, drawn anew at every validation. */
  readonly plot?: boolean
}

export interface TrainHooks {
  readonly signal?: AbortSignal
  readonly onClips?: (set: string, done: number, of: number) => void
  readonly onStep?: (about: StepAbout) => void
}

/** Scenes → video → clips → training steps → a model folder. @throws StanflowError CONFIG_INVALID, ENGINE_MISSING, MEDIA_* */
export async function train(
  { config: file, to, plot = false }: TrainOptions,
  hooks: TrainHooks = {},
): Promise<TrainSummary> {
  const config = await readTrainConfig(file)
  await mkdir(to, { recursive: true })
  const tf = loadLibrary('@tensorflow/tfjs-node', {
    device: 'cpu',
    ...(config.threads !== undefined && { threads: config.threads }),
  })
  const { frames, data, model } = config
  const sets = {
    train: trainingScenes(config),
    pictures: pictureScenes(config),
    appearance: validationScenes(config, 'appearance'),
    motion: validationScenes(config, 'motion'),
  }
  const shards = (name: keyof typeof sets) =>
    clipShards({
      dir: join(to, 'clips'),
      name,
      scenes: sets[name],
      frames: name === 'pictures' ? 1 : frames,
      side: data.side,
      size: model.size,
      jitter: name === 'train' || name === 'pictures',
      onProgress: (done) => hooks.onClips?.(name, done, sets[name].length),
      ...(hooks.signal && { signal: hooks.signal }),
    })
  const training = {
    clips: await shards('train'),
    ...(data.pictures > 0 && { pictures: await shards('pictures') }),
  }
  const validation = { appearance: await shards('appearance'), motion: await shards('motion') }
  try {
    const draw = (): void => {
      if (plot) writeFileSync(join(to, 'plot.svg'), plotSvg(readLog(join(to, 'log.jsonl'))))
    }
    const summary = await runTraining({
      ...{ tf, config, training, validation, dir: to },
      tokenizer: cutTokenizer(JSON.parse(clipTokenizerJson()) as object, sceneWords()),
      ...(hooks.signal && { signal: hooks.signal }),
      onStep(about) {
        hooks.onStep?.(about)
        if (about.scores !== undefined) draw()
      },
    })
    draw()
    return summary
  } finally {
    for (const set of [...Object.values(training), ...Object.values(validation)]) set.close()
  }
}

/** Scenes at rest come more often: only they, and objects that meet or part, show two objects. */
const TRAIN_MOTIONS = [...MOTION_NAMES, ...Array.from({ length: 6 }, () => 'rest' as const)]
const PAIRS = 0.9

function trainingScenes({ seed, data }: TrainConfig): Scene[] {
  return Array.from({ length: data.train }, (_, index) =>
    makeScene({ split: 'train', seed, index, motions: TRAIN_MOTIONS, pairs: PAIRS }),
  )
}

/**
 * Two in three have two objects, as the clips of objects that rest, meet or part do; a third of the others is of objects
 * at any angle.
 */
function pictureScenes({ seed, data }: TrainConfig): Scene[] {
  return Array.from({ length: data.pictures }, (_, index) => {
    const wish = { split: 'train', seed: seed + 2000, index } as const
    if (index % 3 > 0) return makeScene({ ...wish, motions: ['rest', 'approach', 'part'], pairs: 1 })
    return makeScene({ ...wish, motions: SINGLE[(index / 3) % SINGLE.length] as readonly Motion[], pairs: 0 })
  })
}

const SINGLE: readonly (readonly Motion[])[] = [
  ['clockwise', 'anticlockwise'],
  ['rest'],
  ['left', 'right', 'up', 'down', 'grow', 'shrink', 'circle', 'bounce'],
]

const validationScenes = ({ seed, data }: TrainConfig, task: Task): Scene[] =>
  taskScenes(task, 'validation', seed, data.validation).map(({ scene }) => scene)
