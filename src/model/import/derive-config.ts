import { StanflowError } from '../../errors.js'

type Shapes = ReadonlyMap<string, { readonly shape: readonly number[] }>

/** All of OpenAI's CLIPs, and those made after them, have heads of this many numbers. */
const HEAD = 64

/**
 * A Hugging Face `config.json` for weights that come without one, read off the tensors' shapes. What shapes do not tell is as
 * in OpenAI's CLIPs: heads of 64, quick-GELU, epsilon 1e-5, the last token of the vocabulary ends a text.
 * @throws StanflowError MODEL_WEIGHTS where a tensor it needs is missing, MODEL_CONFIG where no such CLIP has these shapes
 */
export function deriveConfig(tensors: Shapes, origin: string): object {
  const side = (name: string, axis: number): number => {
    const found = tensors.get(name)?.shape[axis]
    if (found === undefined) {
      throw new StanflowError('MODEL_WEIGHTS', `${origin} lacks the tensor ${name}`, {
        hint: 'Name a CLIP folder for what is missing with --clip.',
      })
    }
    return found
  }
  const tower = (at: string, width: number) => {
    if (width % HEAD !== 0) {
      throw new StanflowError(
        'MODEL_CONFIG',
        `${origin}: a width of ${width} does not tell its number of heads`,
        {
          hint: 'Name a CLIP folder whose config.json tells it with --clip.',
        },
      )
    }
    let layers = 0
    while (tensors.has(`${at}.encoder.layers.${layers}.layer_norm1.weight`)) layers++
    return {
      hidden_size: width,
      intermediate_size: side(`${at}.encoder.layers.0.mlp.fc1.weight`, 0),
      num_hidden_layers: layers,
      num_attention_heads: width / HEAD,
      hidden_act: 'quick_gelu',
      layer_norm_eps: 1e-5,
    }
  }
  const patch = side('vision_model.embeddings.patch_embedding.weight', 2)
  const grid = Math.sqrt(side('vision_model.embeddings.position_embedding.weight', 0) - 1)
  if (!Number.isInteger(grid))
    throw new StanflowError('MODEL_CONFIG', `${origin}: its positions make no square of patches`)
  const vocabulary = side('text_model.embeddings.token_embedding.weight', 0)
  return {
    architectures: ['CLIPModel'],
    model_type: 'clip',
    projection_dim: side('visual_projection.weight', 0),
    vision_config: {
      ...tower('vision_model', side('vision_model.embeddings.class_embedding', 0)),
      patch_size: patch,
      image_size: grid * patch,
      num_channels: 3,
    },
    text_config: {
      ...tower('text_model', side('text_model.embeddings.token_embedding.weight', 1)),
      vocab_size: vocabulary,
      max_position_embeddings: side('text_model.embeddings.position_embedding.weight', 0),
      bos_token_id: vocabulary - 2,
      eos_token_id: vocabulary - 1,
    },
  }
}
