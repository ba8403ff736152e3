import { StanflowError } from '../../errors.js'
import { WEIGHT_FILES } from '../import/sources.js'
import type { HubFile, Listing } from './listing.js'

/** The files of a repository that make a model; a repository holds much else, such as the same weights for other programs. */
export interface Plan {
  readonly config: HubFile
  readonly tokenizer: readonly HubFile[]
  /** One file of weights, or an index that names shards. */
  readonly weights: HubFile
  /** STAN's or another structure's weights, where the model was exported with one. */
  readonly branch: readonly HubFile[]
}

/** @throws StanflowError MODEL_CONFIG, MODEL_NOT_FOUND where the repository holds no model of ours */
export function planFiles({ files }: Listing, name: string): Plan {
  const config = files.get('config.json')
  if (config === undefined) {
    throw new StanflowError('MODEL_CONFIG', `${name} has no config.json`, {
      hint: 'It must be a CLIP in the Hugging Face layout, such as openai/clip-vit-base-patch32.',
    })
  }
  const weights = WEIGHT_FILES.map((file) => files.get(file)).find((file) => file !== undefined)
  if (weights === undefined) {
    throw new StanflowError('MODEL_NOT_FOUND', `${name} has no weights that can be read`, {
      hint: `Looked for ${WEIGHT_FILES.join(', ')}.`,
    })
  }
  const all = (...names: readonly string[]): HubFile[] => names.flatMap((file) => files.get(file) ?? [])
  const whole = all('tokenizer.json')
  return {
    config,
    weights,
    tokenizer: whole.length > 0 ? whole : all('vocab.json', 'merges.txt'),
    branch: all('branch.safetensors'),
  }
}

/** Whether the files are a model folder as they are; others go through the importer. */
export const isReady = ({ weights, tokenizer }: Plan): boolean =>
  weights.name === 'model.safetensors' && tokenizer.length === 1
