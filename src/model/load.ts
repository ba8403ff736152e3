import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { StanflowError } from '../errors.js'
import type { Weights } from './algebra.js'
import { type ClipConfig, parseClipConfig } from './config.js'
import { CLIP_TOKENIZER_FILE } from './embedded.js'
import { openSafetensors } from './formats/safetensors.js'
import { locateModel } from './locate.js'
import { randomWeights } from './random.js'
import { clipShapes } from './shapes.js'
import { WTI_LAYERS, wtiShapes } from './similarity/wti.js'
import { STAND_INS, type StandIn } from './stand-ins.js'
import { stanSelf } from './temporal/stan-self.js'
import { chooseStructure, structureNamed } from './temporal/structures.js'
import type { Temporal } from './temporal/temporal.js'
import { createTokenizer, type TextTokenizer } from './tokenizer.js'

/** Which model to open. */
export interface ModelRequest {
  /**
   * A folder in the Hugging Face CLIP layout, `owner/name` or `owner/name@revision` of a pulled model, `default`, or
   * `random:<ViT name>` for benchmarks.
   */
  readonly model: string
  /** A safetensors file with the temporal branch; default: the folder's `branch.safetensors`, if it has one. */
  readonly branch?: string | undefined
  /** One of STRUCTURES by name, or `auto`. */
  readonly structure: string
}

/** A model, open: its tensors are read from disk as they are asked for. */
export interface OpenModel {
  readonly name: string
  readonly config: ClipConfig
  readonly weights: Weights
  readonly structure: Temporal
  /** sha256 over configuration, structure and weight files: two models with one digest give the same vectors. */
  readonly digest: string
  /** exp(logit_scale): what cosine similarities are multiplied by. */
  readonly scale: number
  /** True where the weights are random and labels mean nothing. */
  readonly random: boolean
  readonly parameters: number
  readonly tokenizer: {
    /** sha256 of its file; undefined where the model has none. */
    readonly digest: string | undefined
    open(): TextTokenizer
  }
}

const DEFAULT_SEED = 20230618

/** @throws StanflowError MODEL_NOT_FOUND, MODEL_CONFIG, MODEL_WEIGHTS, USAGE_INVALID */
export function openModel(request: ModelRequest): OpenModel {
  const { model, structure } = request
  const standIn = STAND_INS[model]
  if (standIn !== undefined) return openStandIn(model, structure, standIn)
  if (model.startsWith('random:')) {
    throw new StanflowError('MODEL_NOT_FOUND', `there is no ${model}`, {
      hint: `There are ${Object.keys(STAND_INS).join(', ')}.`,
    })
  }
  return openFolder(request)
}

/** A model of any size, structure and depth with random weights, always the same ones; `auto` is stan-self. */
export function openStandIn(name: string, asked: string, { config: json, depth }: StandIn): OpenModel {
  const config = parseClipConfig(json, name)
  const structure = asked === 'auto' ? stanSelf : structureNamed(asked)
  const shapes = new Map([...clipShapes(config), ...structure.shapes(config, depth)])
  return assemble({
    name,
    config,
    weights: randomWeights(shapes, DEFAULT_SEED),
    structure,
    digests: [`seed:${DEFAULT_SEED}`],
    random: true,
    tokenizerFile: CLIP_TOKENIZER_FILE,
  })
}

function openFolder({ model, branch, structure: asked }: ModelRequest): OpenModel {
  const { folder, name } = locateModel(model)
  const file = (name: string): string => {
    const path = join(folder, name)
    if (!existsSync(path))
      throw new StanflowError('MODEL_NOT_FOUND', `there is no ${name} in the model folder ${model}`)
    return path
  }
  const config = parseClipConfig(readJson(file('config.json')), `${model}/config.json`)
  const clip = openSafetensors(file('model.safetensors'))
  const branchPath =
    branch ??
    (existsSync(join(folder, 'branch.safetensors')) ? join(folder, 'branch.safetensors') : undefined)
  const beside = branchPath === undefined ? undefined : openSafetensors(branchPath)
  // CLIP alone takes nothing from there but what says how much its frames and tokens count.
  const extra = asked === 'mean' && !hasPartWeights(beside) ? undefined : beside
  const weights = extra === undefined ? clip : mergeWeights(extra, clip)
  const structure = chooseStructure(asked, weights.names, branchPath ?? model)
  const digests = [clip.digest(), ...(extra === undefined ? [] : [extra.digest()])]
  const tokenizerFile = join(folder, 'tokenizer.json')
  return assemble({
    name,
    config,
    weights,
    structure,
    digests,
    random: false,
    tokenizerFile,
  })
}

const hasPartWeights = (weights: Weights | undefined): boolean =>
  weights?.names.has(`${WTI_LAYERS.video}.weight`) ?? false

interface Parts extends Pick<OpenModel, 'name' | 'config' | 'weights' | 'structure' | 'random'> {
  /** Of the weight files. */
  readonly digests: readonly string[]
  readonly tokenizerFile: string
}

function assemble({ name, config, weights, structure, digests, random, tokenizerFile }: Parts): OpenModel {
  const shapes = new Map([
    ...clipShapes(config),
    ...structure.shapes(config, structure.depth(weights.names), weights.names),
    ...wtiShapes(config.dim, weights.names),
  ])
  let parameters = 0
  for (const [tensor, wanted] of shapes) {
    const found = weights.shape(tensor)
    if (found === undefined)
      throw new StanflowError('MODEL_WEIGHTS', `the weights of ${name} lack the tensor ${tensor}`)
    if (!sameShape(found, wanted)) {
      throw new StanflowError(
        'MODEL_WEIGHTS',
        `${name}: tensor ${tensor} is [${found}], the configuration asks for [${wanted}]`,
      )
    }
    parameters += wanted.reduce((product, side) => product * side, 1)
  }
  const digest = createHash('sha256')
    .update(JSON.stringify([config, structure.name, digests]))
    .digest('hex')
  return {
    name,
    config,
    weights,
    structure,
    digest,
    scale: Math.exp(weights.read('logit_scale').data[0] as number),
    random,
    parameters,
    tokenizer: {
      digest: existsSync(tokenizerFile) ? sha256(readFileSync(tokenizerFile)) : undefined,
      open: () => createTokenizer(readTokenizer(name, tokenizerFile), `the tokenizer of ${name}`),
    },
  }
}

/** A scalar is stored with no dimensions or with one of 1. */
function sameShape(a: readonly number[], b: readonly number[]): boolean {
  const significant = (shape: readonly number[]): string =>
    shape.length === 1 && shape[0] === 1 ? '' : shape.join()
  return significant(a) === significant(b)
}

/** Tensors of both; those of `first` where both have one. */
export function mergeWeights(first: Weights, second: Weights): Weights {
  const owner = (name: string): Weights => (first.names.has(name) ? first : second)
  return {
    names: new Set([...first.names, ...second.names]),
    shape: (name) => owner(name).shape(name),
    read: (name) => owner(name).read(name),
    stored: (name) => owner(name).stored?.(name),
  }
}

/** @throws StanflowError MODEL_NOT_FOUND, MODEL_CONFIG */
function readTokenizer(name: string, path: string): object {
  if (!existsSync(path))
    throw new StanflowError('MODEL_NOT_FOUND', `there is no tokenizer.json in the model folder ${name}`)
  if (!path.endsWith('.gz')) return readJson(path)
  return JSON.parse(gunzipSync(readFileSync(path)).toString('utf8')) as object
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

function readJson(path: string): object {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as object
  } catch (cause) {
    throw new StanflowError('MODEL_CONFIG', `${path} is not JSON`, { cause })
  }
}
