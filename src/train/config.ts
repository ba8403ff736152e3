import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { readYamlText, YamlProblem } from '../config/yaml.js'
import { StanflowError } from '../errors.js'
import { SIZES } from '../model/config.js'
import { STRUCTURE_NAMES } from '../model/temporal/structures.js'
import { MOTION_NAMES } from '../scenes/vocabulary.js'

const count = z.int().positive()
const share = z.number().min(0).max(1)
const group = z.tuple([z.string(), z.number().min(0)])
const { count: width, layers, side } = SIZES

/** The name of a structure that there is. */
export const structureName = z.string().refine((name) => STRUCTURE_NAMES.includes(name), {
  error: ({ input }) => `there is no structure ${input} (there are ${STRUCTURE_NAMES.join(', ')})`,
})

const Shared = {
  /** What the log calls it. */
  name: z.string().min(1),
  steps: count,
  batch: count,
  /** Batches whose gradients are averaged for one step. */
  accumulate: count.default(1),
  /** Peak learning rate. */
  rate: z.number().positive(),
  /** Part of the steps in which the rate rises. */
  warmup: share.default(0.05),
  /** Pattern and part of the rate, the first that matches; what matches none is frozen. */
  groups: z
    .array(group)
    .min(1)
    .default([['*', 1]]),
  /** Weight of the loss that keeps the motions' texts apart. */
  spread: z.number().min(0).default(1),
  /** Captions made up for every true one, false by one fact. */
  wrong: z.int().min(0).default(0),
  /** The smallest part of the side that a random crop keeps; 1: no crop. */
  crop: share.gt(0).default(1),
  /** Validations in a row without a better score that end the stage. */
  patience: count.optional(),
}

/** CLIP alone on single frames. */
const Pictures = z.strictObject({
  ...Shared,
  kind: z.literal('pictures'),
  /** Part of the steps, from the start, with one object in every picture. */
  single: share.default(0.3),
  /** Mirrors every other picture. */
  flip: z.boolean().default(true),
})

/** CLIP with its branch on clips, each batch forwards and backwards. */
export const Clips = z.strictObject({
  ...Shared,
  kind: z.literal('clips'),
  motions: z
    .array(z.enum(MOTION_NAMES))
    .min(2)
    .default([...MOTION_NAMES]),
  /** Weight of each of the two losses that name the motion. */
  named: z.number().min(0).default(1),
  /** Weight of the loss over captions without motion. */
  objects: z.number().min(0).default(1),
  /** Single frames beside each batch of clips: their captions hold the text tower to what CLIP alone sees. */
  pictures: z.int().min(0).default(0),
  /** Weight of the loss that keeps what clips say of captions without motion as CLIP's frames alone say it. */
  keep: z.number().min(0).default(0),
  /** What scores are divided by in that: more of them count, the unlikely ones too. */
  soften: z.number().positive().default(1),
  /** Only scenes of one object. */
  single: z.boolean().default(false),
  /** Before the first step the branch's spatial layers become those of CLIP beside them. */
  'branch-from-clip': z.boolean().default(false),
  /** Mirrors every other clip, but those whose motion has a side in its name. */
  flip: z.boolean().default(false),
  /** Part of the numbers that enter the branch and are dropped. */
  dropout: share.lt(1).default(0),
  /** Chance that a clip goes without a residual path of the branch's last layer; it rises from 0 over the layers. */
  'drop-path': share.lt(1).default(0),
})

const Model = z
  .strictObject({
    size: side.default(60),
    patch: side.default(12),
    width: width.default(128),
    layers: layers.default(4),
    heads: width.default(4),
    'text-width': width.default(128),
    'text-layers': layers.default(2),
    dim: width.default(128),
    structure: structureName.default('stan-conv'),
    depth: count.default(2),
    /** Where the temperature of the NCE starts; a group for `logit_scale` says whether it is learnt or stays. */
    temperature: z.number().positive().default(0.07),
    /** The paper's W_proj in front of the STAN layers behind the first. */
    projection: z.boolean().default(false),
    /** Patterns of tensors that begin at 0. */
    zero: z.array(z.string()).default([]),
  })
  .superRefine((model, context) => {
    for (const [part, ...wholes] of [
      ['patch', 'size'],
      ['heads', 'width', 'text-width'],
    ] as const) {
      const over = wholes.filter((whole) => model[whole] % model[part] !== 0)
      if (over.length === 0) continue
      const named = over.map((whole) => `model.${whole}, ${model[whole]}`).join(', nor ')
      context.addIssue({
        ...{ code: 'custom', path: [part], message: `${model[part]} does not divide ${named}` },
        params: { hint: `${fitting(model[part], wholes, model)} would fit as model.${part}.` },
      })
    }
  })

/** The nearest numbers on both sides that divide all of them. */
function fitting<K extends string>(
  asked: number,
  wholes: readonly K[],
  model: Readonly<Record<K, number>>,
): string {
  const most = Math.min(...wholes.map((whole) => model[whole]))
  const fits = (n: number): boolean => wholes.every((whole) => model[whole] % n === 0)
  let below = Math.min(asked, most)
  while (!fits(below)) below--
  let above = asked
  while (above <= most && !fits(above)) above++
  return above > most ? `${below}` : `${below} or ${above}`
}

export const TrainFile = z.strictObject({
  seed: z.int().default(1),
  threads: count.optional(),
  /** Frames in a clip. */
  frames: count.max(64).default(12),
  model: Model.prefault({}),
  data: z.strictObject({
    /** Clips to train on, and scenes of each kind to validate on. */
    train: count,
    /** Single frames to make besides, each of a scene of its own; none: stages of pictures take frames of the clips. */
    pictures: z.int().min(0).default(0),
    validation: count.default(256),
    /** Pixels along a side of the videos that the clips are decoded from. */
    side: count.refine((side) => side % 2 === 0, 'must be even: codecs take no other').default(90),
  }),
  optimizer: z
    .strictObject({
      betas: z.tuple([share, share]).default([0.9, 0.98]),
      'weight-decay': z.number().min(0).default(0.02),
      clip: z.number().positive().default(5),
    })
    .prefault({}),
  'validate-every': count.default(200),
  'checkpoint-seconds': z.number().positive().default(60),
  stages: z.array(z.discriminatedUnion('kind', [Pictures, Clips])).min(1),
})

export type TrainConfig = Readonly<z.output<typeof TrainFile>>
export type Stage = TrainConfig['stages'][number]
export type PicturesStage = Extract<Stage, { kind: 'pictures' }>
export type ClipsStage = Extract<Stage, { kind: 'clips' }>

/** Reads a `train.yaml`. @throws StanflowError CONFIG_INVALID */
export const readTrainConfig = (path: string): Promise<TrainConfig> => readYaml(path, TrainFile)

/** @throws StanflowError CONFIG_INVALID, INPUT_NOT_FOUND, INPUT_NOT_A_FILE */
export async function readYaml<T extends z.ZodType>(path: string, schema: T): Promise<z.output<T>> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'EISDIR')
      throw new StanflowError('INPUT_NOT_A_FILE', `${path} is a folder, no configuration.`, {
        hint: 'Name the .yaml file in it.',
        cause,
      })
    throw new StanflowError(
      'INPUT_NOT_FOUND',
      code === 'ENOENT' ? `There is no configuration ${path}.` : `${path} cannot be read: ${message}`,
      {
        hint: 'The recipes that come with stanflow are in src/train/recipes; docs/training.md says what is in them.',
        cause,
      },
    )
  })
  let json: unknown
  try {
    json = readYamlText(text).plain
  } catch (cause) {
    const [what] = String((cause as Error).message).split('\n')
    const at = cause instanceof YamlProblem ? cause.at : undefined
    const line = at === undefined ? '' : `, line ${text.slice(0, at).split('\n').length}`
    throw new StanflowError('CONFIG_INVALID', `${path} is not YAML: ${what?.replace(/:$/, '')}${line}`, {
      hint: KEYS,
      cause,
    })
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const { issues } = parsed.error
  const told = issues.map(({ path: at, message }) => [placeIn(json, at), message].filter(Boolean).join(': '))
  const hints = issues.flatMap((issue) => (issue.code === 'custom' ? [issue.params?.hint] : []))
  throw new StanflowError('CONFIG_INVALID', `${path}: ${told.join('; ')}`, {
    hint: [...hints.filter((hint) => typeof hint === 'string'), KEYS].join(' '),
  })
}

/** `stages.0 (pictures).batch`: what has a name of its own in a list is called by it too. */
function placeIn(json: unknown, path: readonly PropertyKey[]): string {
  let at = json
  const keys = path.map((key) => {
    at = (at as Partial<Record<PropertyKey, unknown>> | undefined)?.[key]
    const name = typeof key === 'number' ? (at as { readonly name?: unknown } | undefined)?.name : undefined
    return typeof name === 'string' && NAME.test(name) ? `${String(key)} (${name})` : String(key)
  })
  return keys.join('.')
}

/** Longer ones, and those of several lines, help nobody to find the place. */
const NAME = /^[\p{L}\p{N}][^\p{C}]{0,39}$/u

const KEYS = 'docs/training.md lists every key.'

/** `config.json` in Hugging Face's layout. */
export function clipJson({ model }: TrainConfig, vocabulary: number, eos: number): object {
  return {
    model_type: 'clip',
    projection_dim: model.dim,
    vision_config: {
      hidden_size: model.width,
      intermediate_size: 4 * model.width,
      num_hidden_layers: model.layers,
      num_attention_heads: model.heads,
      image_size: model.size,
      patch_size: model.patch,
    },
    text_config: {
      hidden_size: model['text-width'],
      intermediate_size: 4 * model['text-width'],
      num_hidden_layers: model['text-layers'],
      num_attention_heads: model.heads,
      vocab_size: vocabulary,
      max_position_embeddings: 32,
      bos_token_id: eos - 1,
      eos_token_id: eos,
    },
  }
}
