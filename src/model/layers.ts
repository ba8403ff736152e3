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

/** Tokens as attention takes them, each `[N, S, D]`. */
interface Projected<X> {
  readonly q: X
  readonly k: X
  readonly v: X
}

/**
 * What multi-head attention does between its linear layers: `[N, S, D]`; `mask` is added to the scores `[N, heads, S, S]`.
 * Where only `asking` tokens ask, q is `[N, asking, D]` and so is the result.
 */
export function mixTokens<X>(
  g: Algebra<X>,
  projected: Projected<X>,
  length: number,
  { width, heads }: LayerConfig,
  mask?: X,
  asking: number = length,
): X {
  const size = width / heads
  const split = (x: X, tokens: number, order: readonly number[]): X =>
    g.transpose(g.reshape(x, [-1, tokens, heads, size]), order)
  const q = g.mul(split(projected.q, asking, [0, 2, 1, 3]), scalar(g, size ** -0.5)) // [N, heads, S, size]
  const k = split(projected.k, length, [0, 2, 3, 1]) //                                [N, heads, size, S]
  const v = split(projected.v, length, [0, 2, 1, 3])
  const scores = g.matmul(q, k)
  const weights = g.softmax(mask === undefined ? scores : g.add(scores, mask))
  return g.reshape(g.transpose(g.matmul(weights, v), [0, 2, 1, 3]), [-1, asking, width])
}

/** Multi-head self-attention over axis 1, `[N, S, D]` → `[N, S, D]`. */
function attention<X>(g: Algebra<X>, at: string, x: X, length: number, config: LayerConfig, mask?: X): X {
  const project = (name: string): X => linear(g, `${at}.${name}`, x)
  const projected = { q: project('q_proj'), k: project('k_proj'), v: project('v_proj') }
  return linear(g, `${at}.out_proj`, mixTokens(g, projected, length, config, mask))
}

/** CLIP's activation: quickGELU is x · σ(1.702 x). */
export function activate<X>(g: Algebra<X>, x: X, { activation }: LayerConfig): X {
  return activation === 'gelu' ? g.gelu(x) : g.mul(x, g.sigmoid(g.mul(x, scalar(g, 1.702))))
}

/** Two linear layers with the activation between. */
function mlp<X>(g: Algebra<X>, at: string, x: X, config: LayerConfig): X {
  return linear(g, `${at}.fc2`, activate(g, linear(g, `${at}.fc1`, x), config))
}

/** What a pre-norm layer's attention adds: `layer_norm1`, then `self_attn`, `[N, S, D]` → `[N, S, D]`. */
export function attend<X>(g: Algebra<X>, at: string, x: X, length: number, config: LayerConfig, mask?: X): X {
  const normed = norm(g, `${at}.layer_norm1`, x, config.epsilon)
  return attention(g, `${at}.self_attn`, normed, length, config, mask)
}

/** The first token's share of what `attend` gives, `[N, 1, D]`, without the work for the others. */
export function attendFirst<X>(g: Algebra<X>, at: string, x: X, length: number, config: LayerConfig): X {
  const normed = norm(g, `${at}.layer_norm1`, x, config.epsilon)
  const project = (name: string, of: X): X => linear(g, `${at}.self_attn.${name}`, of)
  const projected = {
    q: project('q_proj', g.slice(normed, 1, 0, 1)),
    k: project('k_proj', normed),
    v: project('v_proj', normed),
  }
  return project('out_proj', mixTokens(g, projected, length, config, undefined, 1))
}

/** A pre-norm layer's second half: x + `mlp`(`layer_norm2`(x)); `path` may change what is added. */
export function feedForward<X>(
  g: Algebra<X>,
  at: string,
  x: X,
  config: LayerConfig,
  path: (added: X) => X = (added) => added,
): X {
  const normed = norm(g, `${at}.layer_norm2`, x, config.epsilon)
  return g.add(x, path(mlp(g, `${at}.mlp`, normed, config)))
}

/** A pre-norm transformer layer, CLIP's own: `[N, S, D]` → `[N, S, D]`. */
export function layer<X>(g: Algebra<X>, at: string, x: X, length: number, config: LayerConfig, mask?: X): X {
  return feedForward(g, at, g.add(x, attend(g, at, x, length, config, mask)), config)
}
