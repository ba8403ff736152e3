import { StanflowError } from '../errors.js'
import { type Caption, fullCaption, motionCaption, plainCaption } from './captions.js'
import { makeScene, type Scene, type Split } from './scene.js'
import { CAMERAS, COLOUR_NAMES, MOTION_NAMES, reversed, SHAPES } from './vocabulary.js'

export const TASKS = ['appearance', 'motion', 'camera'] as const
/**
 * appearance: two objects, told by shape and colour, no two scenes with the same caption; a pure test of what is there.
 * motion: every motion; a pure test of what happens. camera: an object at rest and a camera that moves.
 */
export type Task = (typeof TASKS)[number]

export interface TaskScene {
  readonly scene: Scene
  readonly caption: Caption
  /** What recognition is to say; absent for appearance. */
  readonly label?: string
  /** The label of the same scene played backwards, where that is another. */
  readonly contrast?: string
  /** The caption of the same scene played backwards, where that is another. */
  readonly backwards?: string
}

/** Scenes of the demo, of the test split: the embedded model saw neither them nor their backgrounds, nor some of their combinations. */
export const DEMO_SET = { task: 'motion', split: 'test', seed: 1, count: 10 } as const

/** Captions of a set's scenes, and of the same scenes played backwards: what is there is not enough to tell them apart. */
export function labelsOf(scenes: readonly TaskScene[]): string[] {
  return [...new Set(scenes.flatMap(({ caption, backwards = caption.text }) => [caption.text, backwards]))]
}

/** The scenes of one split of a task: the same for the same seed, and the first of a larger count. @throws StanflowError USAGE_INVALID */
export function taskScenes(task: Task, split: Split, seed: number, count: number): TaskScene[] {
  if (task === 'appearance') return appearanceScenes(split, seed, count)
  const cameras = task === 'camera' ? 1 : 0
  return Array.from({ length: count }, (_, index) => {
    const scene = makeScene({ split, seed: seed + 1000, index, motions: MOTION_NAMES, cameras })
    const caption = fullCaption(scene)
    if (scene.camera !== undefined) return { scene, caption, label: `something ${CAMERAS[scene.camera]}` }
    const backwards = reversed(scene.motion)
    return {
      ...{ scene, caption, label: motionCaption(scene.motion) },
      ...(backwards !== scene.motion && {
        contrast: motionCaption(backwards),
        backwards: fullCaption({ ...scene, motion: backwards }).text,
      }),
    }
  })
}

/** Ways to choose two objects of different colours. */
const APPEARANCES = ((COLOUR_NAMES.length * (COLOUR_NAMES.length - 1)) / 2) * SHAPES.length ** 2

function appearanceScenes(split: Split, seed: number, count: number): TaskScene[] {
  if (count > APPEARANCES)
    throw new StanflowError('USAGE_INVALID', `There are ${APPEARANCES} appearance scenes, not ${count}.`, {
      hint: `No two have the same caption: ask for ${APPEARANCES} at most.`,
    })
  const scenes = new Map<string, TaskScene>()
  for (let index = 0; scenes.size < count; index++) {
    const motions = ['rest', 'approach', 'part'] as const
    const scene = makeScene({ split, seed, index, motions, pairs: 1 })
    // In whichever order they are named, the same two objects are the same caption.
    const key = scene.actors
      .map(({ colour, shape }) => `${colour} ${shape}`)
      .sort()
      .join()
    if (!scenes.has(key)) scenes.set(key, { scene, caption: plainCaption(scene) })
  }
  return [...scenes.values()]
}
