/** 1 / ln 2; and ln 2 in two parts, so that multiples of the first are exact. */
const LOG2_E = Math.fround(Math.LOG2E)
const LN2_HIGH = Math.fround(0.693145751953125)
const LN2_LOW = Math.fround(1.42860677e-6)
/** Of the polynomial, highest power first. */
const COEFFICIENTS = [1.98527618e-4, 1.39304355e-3, 8.33336078e-3, 4.16664854e-2, 1.66666672e-1, 0.5].map(
  Math.fround,
)

/** e^x in float32 by the steps of SLEEF's `expf` (1 ULP), which PyTorch's vector code calls on a CPU. */
export function float32Exp(x: number): number {
  const round = Math.fround
  if (x < -104) return 0
  if (x > 100) return Number.POSITIVE_INFINITY
  const power = Math.round(round(x * LOG2_E))
  const rest = round(round(x - power * LN2_HIGH) - power * LN2_LOW)
  const series = COEFFICIENTS.reduce((sum, coefficient) => round(sum * rest + coefficient), 0)
  return round(round(1 + round(round(rest * rest) * series + rest)) * 2 ** power)
}
