import { join } from 'node:path'
import { makeScene, type Scene, type Split } from '../src/scenes/scene.js'
import { type Task, taskScenes } from '../src/scenes/sets.js'
import { MOTION_NAMES, type Motion } from '../src/scenes/vocabulary.js'
import type { BatchSets } from '../src/train/batches.js'
import { checkModel, checkStages, type SceneSet } from '../src/train/check.js'
import type { ClipSet } from '../src/train/clips.js'
import type { TrainConfig } from '../src/train/config.js'
import type { ValidationSets } from '../src/train/validate.js'
import { clipShards, momentsOf } from './clip-shards.js'

export interface SetHooks {
  readonly signal?: AbortSignal
  readonly onClips?: (set: string, done: number, of: number) => void
  /** Another process makes the clips that are missing; in an ablation, or trains what this one waits for. */
  readonly onWait?: (why: string) => void
}

export interface TrainingSets {
  readonly training: BatchSets
  readonly validation: ValidationSets
  close(): void
}

/**
 * What a configuration trains on and is validated by, made in `dir` where it is not there yet.
 * @throws StanflowError CONFIG_INVALID before anything is made, where a stage would find nothing in it; MEDIA_*
 */
export async function trainingSets(
  config: TrainConfig,
  dir: string,
  hooks: SetHooks = {},
): Promise<TrainingSets> {
  checkModel(config)
  const scenes = trainingScenes(config)
  const single = config.data.pictures > 0 ? pictureScenes(config) : undefined
  checkStages(config, {
    clips: planned(scenes, config.frames),
    ...(single && { pictures: planned(single, 1) }),
  })
  const shards = shardsOf(config, dir, hooks)
  const training = {
    clips: await shards('train', scenes, config.frames, true),
    ...(single && { pictures: await shards('pictures', single, 1, true) }),
  }
  const validation = await heldOutSets(config, dir, 'validation', hooks)
  const all: readonly ClipSet[] = [...Object.values(training), ...Object.values(validation)]
  const close = (): void => {
    for (const set of all) set.close()
  }
  return { training, validation, close }
}

const planned = (scenes: readonly Scene[], frames: number): SceneSet => ({
  scenes,
  moments: (index) => momentsOf(scenes[index] as Scene, frames, true),
})

/** The two sets of another split. */
export async function heldOutSets(
  config: TrainConfig,
  dir: string,
  split: Exclude<Split, 'train'>,
  hooks: SetHooks = {},
): Promise<ValidationSets> {
  const shards = shardsOf(config, dir, hooks)
  const prefix = split === 'validation' ? '' : `${split}-`
  const { seed, data, frames } = config
  const scenes = (task: Task): Scene[] =>
    taskScenes(task, split, seed, data.validation).map(({ scene }) => scene)
  return {
    appearance: await shards(`${prefix}appearance`, scenes('appearance'), frames, false),
    motion: await shards(`${prefix}motion`, scenes('motion'), frames, false),
  }
}

const shardsOf =
  ({ data, model }: TrainConfig, dir: string, hooks: SetHooks) =>
  (name: string, scenes: readonly Scene[], frames: number, jitter: boolean): Promise<ClipSet> =>
    clipShards({
      ...{ dir: join(dir, 'clips'), name, scenes, frames, jitter, side: data.side, size: model.size },
      onProgress: (done) => hooks.onClips?.(name, done, scenes.length),
      ...(hooks.onWait && { onWait: hooks.onWait }),
      ...(hooks.signal && { signal: hooks.signal }),
    })

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
