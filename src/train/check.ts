import { StanflowError } from '../errors.js'
import { type ClipConfig, parseClipConfig } from '../model/config.js'
import { structureNamed } from '../model/temporal/structures.js'
import type { Scene } from '../scenes/scene.js'
import { type ClipsStage, clipJson, type PicturesStage, type TrainConfig } from './config.js'

/** Scenes with the moments of their frames, 0..1, before they are drawn. */
export interface SceneSet {
  readonly scenes: readonly Scene[]
  moments(index: number): readonly number[]
}

/** A branch that has to be made lies beside CLIP's layers. @throws StanflowError CONFIG_INVALID, USAGE_INVALID */
export function checkBranch(structure: string, config: ClipConfig, depth: number): void {
  const { layers } = config.vision
  try {
    structureNamed(structure).shapes(config, depth)
  } catch (cause) {
    if (!(cause instanceof StanflowError && cause.code === 'MODEL_WEIGHTS')) throw cause
    throw new StanflowError('CONFIG_INVALID', `model.depth is ${depth}, and CLIP has ${layers} layers`, {
      hint: `A ${structure} lies beside CLIP's last layers: set model.depth to ${layers} or less.`,
      cause,
    })
  }
}

/** Before anything is made for it. @throws StanflowError CONFIG_INVALID, MODEL_CONFIG, USAGE_INVALID */
export function checkModel(config: TrainConfig): void {
  const clip = parseClipConfig(clipJson(config, 2, 1), 'the training configuration')
  checkBranch(config.model.structure, clip, config.model.depth)
}

/** The same for the configuration in a file, or in a part of one. @throws StanflowError CONFIG_INVALID, which names it */
export function checkModelIn(file: string, config: TrainConfig): void {
  try {
    checkModel(config)
  } catch (cause) {
    if (!(cause instanceof StanflowError)) throw cause
    const { message, hint } = cause
    throw new StanflowError('CONFIG_INVALID', `${file}: ${message}`, { hint, cause })
  }
}

/** Every stage finds what it draws from. @throws StanflowError CONFIG_INVALID, which names stage and motion */
export function checkStages(
  { stages, data }: Pick<TrainConfig, 'stages' | 'data'>,
  { clips, pictures }: { readonly clips: SceneSet; readonly pictures?: SceneSet },
): void {
  for (const stage of stages) {
    const lacks =
      stage.kind === 'clips'
        ? [
            ...lackingMotions(stage, clips),
            ...(stage.pictures > 0 ? lackingPictures({ single: 0 }, pictures ?? clips) : []),
          ]
        : lackingPictures(stage, pictures ?? clips)
    if (lacks.length === 0) continue
    const of = pictures === undefined ? '' : `, and ${data.pictures} of data.pictures,`
    throw new StanflowError(
      'CONFIG_INVALID',
      `stage ${stage.name} draws from scenes that are not among the ${data.train} of data.train${of}: ${lacks.join(', ')}`,
      {
        hint: `Raise data.train${pictures === undefined ? '' : ' or data.pictures'}, or take it from the stage.`,
      },
    )
  }
}

const isSingle = ({ actors }: Scene): boolean => actors.length === 1

function lackingMotions({ motions, single }: ClipsStage, { scenes }: SceneSet): string[] {
  const there = new Set(scenes.filter((scene) => !single || isSingle(scene)).map(({ motion }) => motion))
  const lacks = [...new Set(motions)].filter((motion) => !there.has(motion))
  return lacks.map((motion) => (single ? `${motion} of one object` : motion))
}

/** Frames that show all objects of their scene, one and, but for stages of single objects alone, two. */
function lackingPictures({ single }: Pick<PicturesStage, 'single'>, { scenes, moments }: SceneSet): string[] {
  const isWhole = (scene: Scene, index: number): boolean =>
    moments(index).some((moment) =>
      scene.actors.every(({ from, until }) => from <= moment && moment <= until),
    )
  const whole = scenes.filter(isWhole)
  return [
    ...(whole.some(isSingle) ? [] : ['pictures of one object']),
    ...(single === 1 || whole.some((scene) => !isSingle(scene)) ? [] : ['pictures of two objects']),
  ]
}
