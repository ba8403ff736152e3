import { z } from 'zod'
import { StanflowError } from '../errors.js'
import type { LayerConfig } from './layers.js'

export interface VisionConfig extends LayerConfig {
  readonly layers: number
  readonly mlpWidth: number
  /** Pixels along a side of a patch, and of the square picture. */
  readonly patch: number
  readonly size: number
  /** Patches along a side, and in all. */
  readonly grid: number
  readonly patches: number
}

export interface TextConfig extends LayerConfig {
  readonly layers: number
  readonly mlpWidth: number
  readonly vocabulary: number
  readonly positions: number
  /** The token whose output is the text's embedding. */
  readonly eosToken: number
}

export interface ClipConfig {
  readonly vision: VisionConfig
  readonly text: TextConfig
  /** Width of the joint space. */
  readonly dim: number
}

/** What sizes of a model may be: far above any there is, as what is larger would keep this machine busy for nothing. */
export const SIZES = {
  count: z.int().positive().max(1_000_000),
  layers: z.int().positive().max(1000),
  /** Of patches and pictures, so that their grid stays small too. */
  side: z.int().positive().max(8192),
}
const { count, layers, side } = SIZES
const shared = {
  hidden_act: z.enum(['quick_gelu', 'gelu']).default('quick_gelu'),
  layer_norm_eps: z.number().positive().default(1e-5),
}

/** `config.json` of Hugging Face's CLIPModel; what it leaves out has that class's defaults (ViT-B/32). */
const HuggingFaceConfig = z.object({
  model_type: z.literal('clip').default('clip'),
  projection_dim: count.default(512),
  vision_config: z
    .object({
      ...shared,
      hidden_size: count.default(768),
      intermediate_size: count.default(3072),
      num_hidden_layers: layers.default(12),
      num_attention_heads: count.default(12),
      patch_size: side.default(32),
      image_size: side.default(224),
      num_channels: z.literal(3).default(3),
    })
    .prefault({}),
  text_config: z
    .object({
      ...shared,
      hidden_size: count.default(512),
      intermediate_size: count.default(2048),
      num_hidden_layers: layers.default(12),
      num_attention_heads: count.default(8),
      vocab_size: count.default(49408),
      max_position_embeddings: count.default(77),
      eos_token_id: z.int().default(49407),
    })
    .prefault({}),
})

/** Reads a Hugging Face CLIP `config.json`. @throws StanflowError MODEL_CONFIG */
export function parseClipConfig(json: unknown, origin: string): ClipConfig {
  const parsed = HuggingFaceConfig.safeParse(json)
  if (!parsed.success) {
    throw new StanflowError(
      'MODEL_CONFIG',
      `${origin} is not a CLIP configuration: ${z.prettifyError(parsed.error)}`,
    )
  }
  const { vision_config: v, text_config: t, projection_dim: dim } = parsed.data
  for (const [what, whole, part] of [
    ['vision hidden_size by num_attention_heads', v.hidden_size, v.num_attention_heads],
    ['text hidden_size by num_attention_heads', t.hidden_size, t.num_attention_heads],
    ['image_size by patch_size', v.image_size, v.patch_size],
  ] as const) {
    if (whole % part !== 0) {
      throw new StanflowError(
        'MODEL_CONFIG',
        `${origin}: ${what} must divide evenly, ${whole} by ${part} does not`,
      )
    }
  }
  const grid = v.image_size / v.patch_size
  return {
    dim,
    vision: {
      width: v.hidden_size,
      heads: v.num_attention_heads,
      layers: v.num_hidden_layers,
      mlpWidth: v.intermediate_size,
      activation: v.hidden_act,
      epsilon: v.layer_norm_eps,
      patch: v.patch_size,
      size: v.image_size,
      grid,
      patches: grid * grid,
    },
    text: {
      width: t.hidden_size,
      heads: t.num_attention_heads,
      layers: t.num_hidden_layers,
      mlpWidth: t.intermediate_size,
      activation: t.hidden_act,
      epsilon: t.layer_norm_eps,
      vocabulary: t.vocab_size,
      positions: t.max_position_embeddings,
      // Old checkpoints say 2 and mean the highest id, which is CLIP's <|endoftext|>.
      eosToken: t.eos_token_id === 2 ? t.vocab_size - 1 : t.eos_token_id,
    },
  }
}

/** The same as Hugging Face's `config.json` says it. */
export function toHuggingFace({ vision, text, dim }: ClipConfig): object {
  const tower = ({ width, mlpWidth, layers, heads, activation, epsilon }: VisionConfig | TextConfig) => ({
    hidden_size: width,
    intermediate_size: mlpWidth,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    hidden_act: activation,
    layer_norm_eps: epsilon,
  })
  return {
    architectures: ['CLIPModel'],
    model_type: 'clip',
    projection_dim: dim,
    vision_config: {
      ...tower(vision),
      patch_size: vision.patch,
      image_size: vision.size,
      num_channels: 3,
    },
    text_config: {
      ...tower(text),
      vocab_size: text.vocabulary,
      max_position_embeddings: text.positions,
      eos_token_id: text.eosToken,
    },
  }
}
