import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { InferenceSession } from 'onnxruntime-node'
import type { Device, EngineReport, LoadRequest, Precision } from '../engine.js'

/** The precisions on each device, the quickest first. */
export const ONNX_PRECISIONS: Readonly<Record<Device, readonly Precision[]>> = {
  cpu: ['int8', 'fp32'],
  cuda: ['fp16', 'fp32'],
  tensorrt: ['fp16', 'fp32'],
}

/** What onnxruntime is asked for. A graphics card's provider leaves to the processor what it does not know. */
export function sessionOptions({
  device,
  deviceId = 0,
  threads = availableParallelism(),
}: Pick<LoadRequest, 'device' | 'deviceId' | 'threads'>): InferenceSession.SessionOptions {
  const cuda = { name: 'cuda', deviceId } as const
  const providers: Readonly<Record<Device, InferenceSession.ExecutionProviderConfig[]>> = {
    cpu: ['cpu'],
    cuda: [cuda, 'cpu'],
    tensorrt: [{ name: 'tensorrt', deviceId }, cuda, 'cpu'],
  }
  return {
    executionProviders: providers[device],
    intraOpNumThreads: threads,
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    // Idle threads that spin would take the cores from the decoders.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  }
}

/**
 * TensorRT builds an engine for each graph and range of sizes, which takes minutes, so they are kept in a folder. Its
 * provider takes this from the environment only; what the user has set there stays.
 */
export function tensorrtEnvironment(env: NodeJS.ProcessEnv = process.env): Readonly<Record<string, string>> {
  const cache = env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
  const wanted = {
    ORT_TENSORRT_ENGINE_CACHE_ENABLE: '1',
    ORT_TENSORRT_CACHE_PATH: join(cache, 'stanflow', 'tensorrt'),
    ORT_TENSORRT_TIMING_CACHE_ENABLE: '1',
  }
  return Object.fromEntries(Object.entries(wanted).filter(([name]) => env[name] === undefined))
}

/** What the installed package has, found without loading it. */
export interface Installed {
  readonly version: string
  /** Whether a file is beside its library. */
  has(file: string): boolean
  /** Whether an NVIDIA driver is there. */
  readonly driver: boolean
}

export function installed(): Installed {
  const require = createRequire(import.meta.url)
  const manifest = require.resolve('onnxruntime-node/package.json')
  const { version } = require(manifest) as { version: string }
  const folder = join(dirname(manifest), 'bin', 'napi-v6', process.platform, process.arch)
  return {
    version,
    has: (file) => existsSync(join(folder, file)),
    driver: existsSync('/proc/driver/nvidia/version') || process.platform === 'win32',
  }
}

/** A row for the processor, CUDA and TensorRT. */
export function reports({ version, has, driver }: Installed): readonly EngineReport[] {
  const row = (device: Device): EngineReport => {
    const about = { engine: 'onnx', device } as const
    const library = `libonnxruntime_providers_${device}.so`
    if (device === 'cpu' || (has(library) && driver)) {
      const detail = `onnxruntime ${version}`
      return { ...about, available: true, detail, precisions: ONNX_PRECISIONS[device] }
    }
    if (!has(library)) {
      return {
        ...about,
        available: false,
        detail: `onnxruntime ${version} is installed without its ${device} part`,
        hint: 'With an NVIDIA card, CUDA 12 and cuDNN 9 (x86-64 Linux): ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node --ignore-scripts=false',
        precisions: [],
      }
    }
    const hint = 'Install the NVIDIA driver, so that nvidia-smi lists the card.'
    return { ...about, available: false, detail: 'there is no NVIDIA driver', hint, precisions: [] }
  }
  return (['cpu', 'cuda', 'tensorrt'] as const).map(row)
}
