import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { EngineName, Precision } from '../../../src/engine/engine.js'
import { loadOn } from '../../../src/engine/host.js'
import { openModel } from '../../../src/model/load.js'
import { type Cost, costOf, medianCost, table } from '../table.js'
import { pictures } from './work.js'

const FRAMES = 64
const ROUNDS = 3
const WAYS = [
  ['onnx', 'fp32'],
  ['openvino', 'fp32'],
  ['openvino', 'bf16'],
] as const

/** Clips as long as STAN takes, each way in a process of its own, for its peak memory. */
export async function longClip(model: string): Promise<string> {
  const rows = []
  for (const [engine, precision] of WAYS) {
    const args = [fileURLToPath(import.meta.url), model, engine, precision]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    rows.push({ engine, precision, frames: FRAMES, ...(JSON.parse(stdout) as Record<string, number>) })
  }
  return table(rows)
}

async function measure(model: string, engine: EngineName, precision: Precision): Promise<object> {
  const { size } = openModel({ model, structure: 'auto' }).config.vision
  const loaded = await loadOn({ engine, precision, model, structure: 'auto', device: 'cpu', frames: FRAMES })
  const loadedMiB = process.memoryUsage.rss() / 2 ** 20
  const data = pictures(FRAMES, size)
  const bytes = size * size * 3
  const clip = {
    frames: Array.from({ length: FRAMES }, (_, t) => ({ pixels: data.subarray(t * bytes, (t + 1) * bytes) })),
  }
  await loaded.encodeVideo([clip])
  const costs: Cost[] = []
  for (let round = 0; round < ROUNDS; round++) costs.push(await costOf(() => loaded.encodeVideo([clip])))
  const afterMiB = process.memoryUsage.rss() / 2 ** 20
  await loaded.close()
  return {
    'clips/s': 1 / medianCost(costs).wall,
    'processor s a clip': medianCost(costs).cpu,
    'loaded, MiB': loadedMiB,
    'after runs, MiB': afterMiB,
    'peak (while loading), MiB': process.resourceUsage().maxRSS / 1024,
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [model, engine, precision] = process.argv.slice(2) as [string, EngineName, Precision]
  process.stdout.write(JSON.stringify(await measure(model, engine, precision)))
}
