/** A line of a recipe: a network whose steps take milliseconds. */
export const TINY =
  'model: { size: 24, patch: 12, width: 32, layers: 2, heads: 2, text-width: 32, text-layers: 1, dim: 32, depth: 1 }'
