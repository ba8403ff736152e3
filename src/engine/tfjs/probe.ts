import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { EngineReport } from '../engine.js'
import { buildCommand, type Installed, installed, type PackageName } from './library.js'

const CPU: PackageName = '@tensorflow/tfjs-node'
const CUDA: PackageName = '@tensorflow/tfjs-node-gpu'

/** What the NVIDIA driver puts there, on Linux and inside Windows. */
const DRIVER_FILES = ['/dev/nvidiactl', '/dev/dxg']

/** Only where there is a driver is the library loaded, in another process: two of its kind do not go into one. */
export async function probe(): Promise<readonly EngineReport[]> {
  return [onProcessor(), await onCard()]
}

const words = (name: PackageName, { version, tensorflow }: Installed): string =>
  `${name.replace('@tensorflow/', '')} ${version}${tensorflow === undefined ? '' : `, TensorFlow ${tensorflow}`}`

function missing(device: 'cpu' | 'cuda', name: PackageName): EngineReport {
  const detail = `the native part of ${name} is not built`
  return {
    engine: 'tfjs',
    device,
    available: false,
    detail,
    hint: `Run \`${buildCommand(name)}\`.`,
    precisions: [],
  }
}

function onProcessor(): EngineReport {
  for (const name of [CPU, CUDA]) {
    const found = installed(name)
    if (found !== undefined)
      return {
        engine: 'tfjs',
        device: 'cpu',
        available: true,
        detail: words(name, found),
        precisions: ['fp32'],
      }
  }
  return missing('cpu', CPU)
}

async function onCard(): Promise<EngineReport> {
  const row = { engine: 'tfjs', device: 'cuda', available: false, precisions: [] } as const
  if (!DRIVER_FILES.some(existsSync)) {
    return {
      ...row,
      detail: 'no NVIDIA driver',
      hint: 'Install the card’s driver, so that nvidia-smi lists it.',
    }
  }
  const found = installed(CUDA)
  if (found === undefined) return missing('cuda', CUDA)
  const failure = await tryCard()
  if (failure === undefined) {
    return { ...row, available: true, detail: words(CUDA, found), precisions: ['fp32'] }
  }
  const hint = `\`${buildCommand(CUDA)} --cuda\` brings the CUDA libraries.`
  return { ...row, detail: `${words(CUDA, found)}: ${failure}`, hint }
}

/** What goes wrong on the card; undefined where it computes. */
async function tryCard(): Promise<string | undefined> {
  const child = fileURLToPath(new URL('./try-card.js', import.meta.url))
  try {
    await promisify(execFile)(process.execPath, [child], { timeout: 120_000 })
    return undefined
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string }
    return stderr?.trim().split('\n').at(-1) || message
  }
}
