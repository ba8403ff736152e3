import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { HostTensor, Weights } from '../../src/model/algebra.js'
import { openSafetensors } from '../../src/model/formats/safetensors.js'

/** A file under test/fixtures, wherever the compiled test runs from. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../../../test/fixtures/${name}`, import.meta.url))
}

export function fixtureJson<T>(name: string): T {
  return JSON.parse(readFileSync(fixture(name), 'utf8')) as T
}

/** Golden tensors by name: inputs, intermediates and outputs that PyTorch computed. */
export function goldens(): Weights {
  return openSafetensors(fixture('tiny/goldens.safetensors'))
}

/** Largest absolute difference; throws where the sizes differ, so that nothing is compared with nothing. */
export function maxDifference(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length || actual.length === 0) {
    throw new Error(`${actual.length} values against ${expected.length}`)
  }
  let worst = 0
  for (let i = 0; i < actual.length; i++) {
    const difference = Math.abs((actual[i] as number) - (expected[i] as number))
    if (!(difference <= worst)) worst = difference
  }
  return worst
}

/** `[N, 3, H, W]`, as PyTorch has pictures, to `[N, H, W, 3]`. */
export function channelsLast({ shape, data }: HostTensor): Float32Array {
  const [height, width] = shape.slice(-2) as [number, number]
  const plane = height * width
  const out = new Float32Array(data.length)
  for (let i = 0; i < data.length; i++) {
    const picture = Math.floor(i / (3 * plane))
    const channel = Math.floor(i / plane) % 3
    out[(picture * plane + (i % plane)) * 3 + channel] = data[i] as number
  }
  return out
}
