import { writeFileSync } from 'node:fs'
import { openSafetensors, type SafetensorsFile } from '../../src/model/formats/safetensors.js'
import { fixture, fixtureJson } from './fixtures.js'
import { zip } from './zip.js'

/** Base64, or the tiny tensors (`file/tensor`, and whether transposed) that an entry's bytes are made of. */
type Entry = string | readonly (readonly [string, boolean])[]

/** Other projects' checkpoints in PyTorch's own pickle, with the tiny fixture's numbers: see formats/make.py. */
export type Skeleton = 'stan-pth' | 'mug-stan-pth' | 'openai-clip' | 'clip4clip-bin'

/** Writes a whole checkpoint from its skeleton. */
export function writeCheckpoint(skeleton: Skeleton, to: string): void {
  const entries = fixtureJson<Record<string, Entry>>(`formats/${skeleton}.skeleton.json`)
  const bytes = new Map(
    Object.entries(entries).map(([name, entry]) => [
      name,
      typeof entry === 'string'
        ? Buffer.from(entry, 'base64')
        : Buffer.concat(entry.map(([key, transposed]) => tinyBytes(key, transposed))),
    ]),
  )
  writeFileSync(to, zip(bytes))
}

const files = new Map<string, SafetensorsFile>()

function tinyBytes(key: string, transposed: boolean): Buffer {
  const slash = key.indexOf('/')
  const name = key.slice(0, slash)
  const file = files.get(name) ?? openSafetensors(fixture(`tiny/${name}.safetensors`))
  files.set(name, file)
  const { shape, data } = file.read(key.slice(slash + 1))
  const values = transposed ? transpose(shape as [number, number], data) : data
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength)
}

function transpose([rows, columns]: readonly [number, number], data: Float32Array): Float32Array {
  return data.map((_, i) => data[(i % rows) * columns + Math.floor(i / rows)] as number)
}
