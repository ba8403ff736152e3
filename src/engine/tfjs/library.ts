import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { asStanflowError, StanflowError } from '../../errors.js'
import type { LoadRequest } from '../engine.js'
import type { Tf } from './algebra.js'

const require = createRequire(import.meta.url)

/** The two packages of one library: the second has CUDA inside, and serves the processor as well. */
export type PackageName = '@tensorflow/tfjs-node' | '@tensorflow/tfjs-node-gpu'

export const buildCommand = (name: PackageName): string =>
  name === '@tensorflow/tfjs-node' ? 'npm run build:tfjs' : 'npm run build:tfjs -- --gpu'

/** What is on disk of a package. */
export interface Installed {
  readonly version: string
  /** TensorFlow's version; undefined where the package's own script installed it. */
  readonly tensorflow: string | undefined
}

/** Undefined where the package or its native part is missing. */
export function installed(name: PackageName): Installed | undefined {
  try {
    const file = require.resolve(`${name}/package.json`)
    const { version, binary } = JSON.parse(readFileSync(file, 'utf8')) as {
      version: string
      binary: { napi_versions: number[] }
    }
    const known = binary.napi_versions.filter((napi) => napi <= Number(process.versions.napi))
    const folder = dirname(file)
    if (!existsSync(join(folder, `lib/napi-v${Math.max(...known)}/tfjs_binding.node`))) return undefined
    const stamp = join(folder, 'deps/built')
    const tensorflow = existsSync(stamp) ? readFileSync(stamp, 'utf8').split(' ')[2] : undefined
    return { version, tensorflow }
  } catch {
    return undefined
  }
}

export type Settings = Pick<LoadRequest, 'device' | 'deviceId' | 'threads'>

/**
 * What TensorFlow reads from the environment, once, when its library loads. Where the user has set a value, that stands.
 * `visible` is the user's own list of cards.
 */
export function environment(
  { device, deviceId = 0, threads }: Settings,
  visible?: string,
): Readonly<Record<string, string>> {
  const cards = visible?.split(',')
  return {
    // Errors only: it would tell of every processor feature it has found.
    TF_CPP_MIN_LOG_LEVEL: '2',
    ...(threads !== undefined && { TF_NUM_INTRAOP_THREADS: String(threads) }),
    ...(device === 'cuda' && {
      // The binding takes the last card it sees, so it sees one.
      CUDA_VISIBLE_DEVICES: cards?.[deviceId] ?? String(deviceId),
      // By default it takes a card's whole memory.
      TF_FORCE_GPU_ALLOW_GROWTH: 'true',
      // fp32 means fp32: the short mantissa of TensorFloat-32 is off by 1e-3.
      NVIDIA_TF32_OVERRIDE: '0',
    }),
  }
}

/** Loads the library, with its settings, into this process. @throws StanflowError ENGINE_MISSING */
export function loadLibrary(name: PackageName, settings: Settings): Tf {
  const hint = `Run \`${buildCommand(name)}\`; docs/engines.md says what it needs.`
  if (installed(name) === undefined)
    throw new StanflowError('ENGINE_MISSING', `the native part of ${name} is not built`, { hint })
  for (const [key, value] of Object.entries(environment(settings, process.env.CUDA_VISIBLE_DEVICES))) {
    if (key === 'CUDA_VISIBLE_DEVICES') process.env[key] = value
    else process.env[key] ??= value
  }
  mendUtil()
  try {
    return require(name) as Tf
  } catch (cause) {
    const { message } = asStanflowError(cause)
    throw new StanflowError('ENGINE_MISSING', `${name} does not load: ${message}`, { hint, cause })
  }
}

/** Node 23 took functions out of `util` that tfjs-node 4.22 calls. */
function mendUtil(): void {
  const util = require('node:util') as Record<string, unknown>
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined
  util.isArray ??= Array.isArray
}
