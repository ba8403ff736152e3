import { openaiParts } from './openai.js'
import { asIs, type Part } from './parts.js'

/** What DistributedDataParallel and training scripts put before every name. */
const WRAPPERS = /^(module|model|_orig_mod)\./
/** Buffers that Hugging Face's CLIP makes anew. */
const BUFFERS = /\.position_ids$/
const HUGGING_FACE =
  /^((vision_model|text_model)\.|(visual_projection|text_projection)\.weight$|logit_scale$)/
/** Temporal structures under their authors' own names, which are ours. */
const BRANCH =
  /^(STAN_|temporal_layers\.|frame_position_embeddings\.|transformerClip\.|(text|video)_weight_fc\.)/
const ADAPTER = /^adapter\.((text|video)_weight_fc\..*)$/

/**
 * What a tensor of another project's checkpoint is called here, and in which of our files: Hugging Face's names, the STAN
 * authors' (`backbone.`, `text_backbone.`), CLIP4Clip's (`clip.`) and OpenAI's. Empty: no part of the model.
 */
export function partsOf(found: string): readonly Part[] {
  let name = found
  while (WRAPPERS.test(name)) name = name.replace(WRAPPERS, '')
  if (BUFFERS.test(name)) return []
  const adapter = ADAPTER.exec(name)?.[1]
  if (adapter !== undefined) return [asIs('branch', adapter)]
  if (name.startsWith('text_backbone.')) return hf(name.slice('text_backbone.'.length))
  if (name.startsWith('backbone.')) return backbone(name.slice('backbone.'.length))
  if (name.startsWith('clip.')) name = name.slice('clip.'.length)
  if (BRANCH.test(name)) return [asIs('branch', name)]
  return HUGGING_FACE.test(name) ? hf(name) : openaiParts(name)
}

const hf = (name: string): readonly Part[] => (HUGGING_FACE.test(name) ? [asIs('clip', name)] : [])

/** The STAN authors' visual encoder holds CLIP's parts as its own attributes; `vision_model.` may stand before them. */
function backbone(name: string): readonly Part[] {
  if (BRANCH.test(name)) return [asIs('branch', name)]
  if (HUGGING_FACE.test(name)) return hf(name)
  const volume = /^patch_embedding_3d\.weight$/.test(name)
  if (volume) return [{ file: 'clip', name: 'vision_model.embeddings.patch_embedding.weight', take: 'flat' }]
  if (/^(class_embedding$|patch_embedding\.|position_embedding\.)/.test(name))
    return hf(`vision_model.embeddings.${name}`)
  if (/^layers\./.test(name)) return hf(`vision_model.encoder.${name}`)
  if (/^(pre_layrnorm|post_layernorm)\./.test(name)) return hf(`vision_model.${name}`)
  return []
}
