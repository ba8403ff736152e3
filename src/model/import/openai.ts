import { StanflowError } from '../../errors.js'
import { asIs, type Part, type Take } from './parts.js'

const clip = (name: string, take: Take = 'whole'): readonly Part[] => [{ file: 'clip', name, take }]

/** OpenAI's tensors outside their layers, in Hugging Face's names. Projections are stored the other way round. */
const SINGLE: Readonly<Record<string, readonly Part[]>> = {
  logit_scale: clip('logit_scale'),
  'visual.class_embedding': clip('vision_model.embeddings.class_embedding'),
  'visual.positional_embedding': clip('vision_model.embeddings.position_embedding.weight'),
  'visual.conv1.weight': clip('vision_model.embeddings.patch_embedding.weight'),
  'visual.proj': clip('visual_projection.weight', 'transposed'),
  positional_embedding: clip('text_model.embeddings.position_embedding.weight'),
  'token_embedding.weight': clip('text_model.embeddings.token_embedding.weight'),
  text_projection: clip('text_projection.weight', 'transposed'),
  ...norms('visual.ln_pre', 'vision_model.pre_layrnorm'),
  ...norms('visual.ln_post', 'vision_model.post_layernorm'),
  ...norms('ln_final', 'text_model.final_layer_norm'),
}

function norms(theirs: string, ours: string): Record<string, readonly Part[]> {
  return { [`${theirs}.weight`]: clip(`${ours}.weight`), [`${theirs}.bias`]: clip(`${ours}.bias`) }
}

const LAYER = /^(visual\.)?transformer\.resblocks\.(\d+)\.(.+?)[._](weight|bias)$/
const IN_LAYER: Readonly<Record<string, string>> = {
  ln_1: 'layer_norm1',
  ln_2: 'layer_norm2',
  'attn.out_proj': 'self_attn.out_proj',
  'mlp.c_fc': 'mlp.fc1',
  'mlp.c_proj': 'mlp.fc2',
}
const QKV = ['q_proj', 'k_proj', 'v_proj'] as const

/** OpenAI's CLIP in Hugging Face's names; one matrix holds queries, keys and values. Empty: no part of the model. */
export function openaiParts(name: string): readonly Part[] {
  if (name === 'visual.conv2.weight') {
    throw new StanflowError(
      'MODEL_WEIGHTS',
      'these weights take patches of several frames (CLIP4Clip --linear_patch 3d)',
      {
        hint: 'Only CLIP4Clip with 2-D patches, its default, can be imported.',
      },
    )
  }
  const single = SINGLE[name]
  if (single !== undefined) return single
  const [, visual, n, inner = '', kind] = LAYER.exec(name) ?? []
  const at = `${visual === undefined ? 'text_model' : 'vision_model'}.encoder.layers.${n}`
  if (inner === 'attn.in_proj')
    return QKV.map((part, take) => ({
      file: 'clip',
      name: `${at}.self_attn.${part}.${kind}`,
      take: take as Take,
    }))
  const ours = IN_LAYER[inner]
  return ours === undefined ? [] : [asIs('clip', `${at}.${ours}.${kind}`)]
}
