import type { Algebra } from './algebra.js'

export type Activation = 'quick_gelu' | 'gelu'

/** What a transformer layer needs to know besides its weights. */
export interface LayerConfig {
  readonly width: number
  readonly heads: number
  readonly activation: Activation
  readonly epsilon: number
}

export const scalar = <X>(g: Algebra<X>, value: number): X =>
  g.constant({ shape: [1], data: Float32Array.of(value) })

/** LayerNorm with the weights under `at`. */
export function norm<X>(g: Algebra<X>, at: string, x: X, epsilon: number): X {
  return g.layerNorm(x, g.weight(`${at}.weight`), g.weight(`${at}.bias`), epsilon)
}

export function linear<X>(g: Algebra<X>, at: string, x: X): X {
  return g.linear(x, g.weight(`${at}.weight`), g.weight(`${at}.bias`))
}

/**
 * Multi-head self-attention over axis 1, `[N, S, D]` → `[N, S, D]`; `mask` is added to the scores `[N, heads, S, S]`.
 */
function attention<X>(
  g: Algebra<X>,
  at: string,
  x: X,
  length: number,
  { width, heads }: LayerConfig,
  mask?: X,
): X {
  const size = width / heads
  const split = (name: string, order: readonly number[]): X =>
    g.transpose(g.reshape(linear(g, `${at}.${name}`, x), [-1, length, heads, size]), order)
  const q = g.mul(split('q_proj', [0, 2, 1, 3]), scalar(g, size ** -0.5)) // [N, heads, S, size]
  const k = split('k_proj', [0, 2, 3, 1]) //                                [N, heads, size, S]
  const v = split('v_proj', [0, 2, 1, 3])
  const scores = g.matmul(q, k)
  const weights = g.softmax(mask === undefined ? scores : g.add(scores, mask))
  const mixed = g.reshape(g.transpose(g.matmul(weights, v), [0, 2, 1, 3]), [-1, length, width])
  return linear(g, `${at}.out_proj`, mixed)
}

/** Two linear layers with CLIP's activation between: quickGELU is x · σ(1.702 x). */
function mlp<X>(g: Algebra<X>, at: string, x: X, { activation }: LayerConfig): X {
  const hidden = linear(g, `${at}.fc1`, x)
  const active =
    activation === 'gelu' ? g.gelu(hidden) : g.mul(hidden, g.sigmoid(g.mul(hidden, scalar(g, 1.702))))
  return linear(g, `${at}.fc2`, active)
}

/** What a pre-norm layer's attention adds: `layer_norm1`, then `self_attn`, `[N, S, D]` → `[N, S, D]`. */
export function attend<X>(g: Algebra<X>, at: string, x: X, length: number, config: LayerConfig, mask?: X): X {
  const normed = norm(g, `${at}.layer_norm1`, x, config.epsilon)
  return attention(g, `${at}.self_attn`, normed, length, config, mask)
}

/** A pre-norm layer's second half: x + `mlp`(`layer_norm2`(x)). */
export function feedForward<X>(g: Algebra<X>, at: string, x: X, config: LayerConfig): X {
  return g.add(x, mlp(g, `${at}.mlp`, norm(g, `${at}.layer_norm2`, x, config.epsilon), config))
}

/** A pre-norm transformer layer, CLIP's own: `[N, S, D]` → `[N, S, D]`. */
export function layer<X>(g: Algebra<X>, at: string, x: X, length: number, config: LayerConfig, mask?: X): X {
  return feedForward(g, at, g.add(x, attend(g, at, x, length, config, mask)), config)
}
