import type { ClipConfig } from './config.js'

/** Shapes of tensors by name. */
export type Shapes = Map<string, readonly number[]>

export function normShapes(into: Shapes, at: string, width: number): void {
  into.set(`${at}.weight`, [width]).set(`${at}.bias`, [width])
}

export function linearShapes(into: Shapes, at: string, out: number, width: number): void {
  into.set(`${at}.weight`, [out, width]).set(`${at}.bias`, [out])
}

export function selfAttentionShapes(into: Shapes, at: string, width: number): void {
  for (const name of ['q_proj', 'k_proj', 'v_proj', 'out_proj'])
    linearShapes(into, `${at}.${name}`, width, width)
}

/** A whole transformer layer, Hugging Face CLIP naming. */
export function layerShapes(
  into: Shapes,
  at: string,
  { width, mlpWidth }: { width: number; mlpWidth: number },
): void {
  normShapes(into, `${at}.layer_norm1`, width)
  selfAttentionShapes(into, `${at}.self_attn`, width)
  normShapes(into, `${at}.layer_norm2`, width)
  linearShapes(into, `${at}.mlp.fc1`, mlpWidth, width)
  linearShapes(into, `${at}.mlp.fc2`, width, mlpWidth)
}

/** Every tensor of a CLIP with this configuration, and its shape. */
export function clipShapes({ vision, text, dim }: ClipConfig): Shapes {
  const shapes: Shapes = new Map()
  shapes.set('logit_scale', [])
  shapes.set('vision_model.embeddings.class_embedding', [vision.width])
  shapes.set('vision_model.embeddings.patch_embedding.weight', [vision.width, 3, vision.patch, vision.patch])
  shapes.set('vision_model.embeddings.position_embedding.weight', [1 + vision.patches, vision.width])
  normShapes(shapes, 'vision_model.pre_layrnorm', vision.width)
  for (let n = 0; n < vision.layers; n++) layerShapes(shapes, `vision_model.encoder.layers.${n}`, vision)
  normShapes(shapes, 'vision_model.post_layernorm', vision.width)
  shapes.set('visual_projection.weight', [dim, vision.width])

  shapes.set('text_model.embeddings.token_embedding.weight', [text.vocabulary, text.width])
  shapes.set('text_model.embeddings.position_embedding.weight', [text.positions, text.width])
  for (let n = 0; n < text.layers; n++) layerShapes(shapes, `text_model.encoder.layers.${n}`, text)
  normShapes(shapes, 'text_model.final_layer_norm', text.width)
  shapes.set('text_projection.weight', [dim, text.width])
  return shapes
}
