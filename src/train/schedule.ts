/** Learning rate as a part of its peak at a step counted from 0: a straight warm-up, then half a cosine down to `floor`. */
export function learningRate(step: number, steps: number, warmup: number, floor = 0.02): number {
  const rising = Math.round(steps * warmup)
  if (step < rising) return (step + 1) / rising
  const done = (step - rising) / Math.max(1, steps - rising)
  return floor + (1 - floor) * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, done)))
}
