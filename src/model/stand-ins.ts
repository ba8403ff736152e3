/** A CLIP without weights of its own: they are drawn from a seed. */
export interface StandIn {
  /** What a `config.json` would say; what it leaves out is as in ViT-B/32. */
  readonly config: object
  /** Layers of the temporal structure. */
  readonly depth: number
}

const SMALL = {
  depth: 2,
  config: {
    projection_dim: 128,
    vision_config: {
      hidden_size: 128,
      intermediate_size: 512,
      num_hidden_layers: 4,
      num_attention_heads: 4,
    },
    text_config: { hidden_size: 64, intermediate_size: 256, num_hidden_layers: 2, num_attention_heads: 4 },
  },
}

const LARGE = {
  projection_dim: 768,
  vision_config: {
    hidden_size: 1024,
    intermediate_size: 4096,
    num_hidden_layers: 24,
    num_attention_heads: 16,
    patch_size: 14,
  },
  text_config: { hidden_size: 768, intermediate_size: 3072, num_attention_heads: 12 },
}

/** Models by name that are no folder: a small CLIP for tests, and CLIPs of the usual sizes for benchmarks. */
export const STAND_INS: Readonly<Record<string, StandIn>> = {
  'random:small': SMALL,
  'random:vit-b-32': { depth: 4, config: {} },
  'random:vit-b-16': { depth: 4, config: { vision_config: { patch_size: 16 } } },
  'random:vit-l-14': { depth: 4, config: LARGE },
  'random:vit-l-14-336': {
    depth: 4,
    config: { ...LARGE, vision_config: { ...LARGE.vision_config, image_size: 336 } },
  },
}
