import { type ClipConfig, parseClipConfig } from '../model/config.js'
import { structureNamed } from '../model/temporal/structures.js'
import { createTokenizer, type TextTokenizer } from '../model/tokenizer.js'
import { clipJson, type TrainConfig } from './config.js'
import type { Network } from './network.js'
import type { CutTokenizer } from './tokenizer.js'

/** What a configuration describes, without weights. */
export interface Assembled {
  readonly net: Network & { readonly config: ClipConfig }
  readonly tokenizer: TextTokenizer
  /** `config.json` in Hugging Face's layout. */
  readonly json: object
}

export function assemble(config: TrainConfig, cut: CutTokenizer): Assembled {
  const json = clipJson(config, cut.vocabulary, cut.eos)
  return {
    json,
    tokenizer: createTokenizer(cut.json, 'the tokenizer made for training'),
    net: {
      config: parseClipConfig(json, 'the training configuration'),
      structure: structureNamed(config.model.structure),
      frames: config.frames,
    },
  }
}
