import { execFileSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StanflowError } from '../../errors.js'

const HINT =
  'Run `npm run build:openvino` in a checkout of stanflow, or `pip install openvino` in the Python on your PATH, or set OPENVINO_LIB to libopenvino_c.so.'

/** Where the library may be, in the order in which they are tried: our own, the one of python3, the system's. */
const PLACES: readonly (() => readonly string[])[] = [
  () => inFolder(fileURLToPath(new URL('../../../../.cache/openvino/openvino/libs', import.meta.url))),
  () => inFolder(pythonFolder()),
  () => [systemName()],
]

/**
 * Tries `load` with every library that may be there until one loads. `OPENVINO_LIB`, a library or its folder, is the
 * only one tried where it is set. @throws StanflowError ENGINE_MISSING
 */
export function findLibrary<T>(load: (path: string) => T, env: NodeJS.ProcessEnv = process.env): T {
  const given = env.OPENVINO_LIB
  const places = given === undefined ? PLACES : [() => named(given)]
  let cause: unknown
  for (const path of places.flatMap((paths) => paths())) {
    try {
      return load(path)
    } catch (error) {
      // That the system has none is no news; that one which is there does not load is.
      if (path !== systemName()) cause ??= error
    }
  }
  const why = cause instanceof Error ? ` (${cause.message})` : ''
  const message =
    given !== undefined || cause !== undefined
      ? `OpenVINO's library does not load${given === undefined ? '' : ` from OPENVINO_LIB=${given}`}${why}`
      : 'OpenVINO is not installed'
  throw new StanflowError('ENGINE_MISSING', message, { hint: HINT, cause })
}

function named(path: string): readonly string[] {
  try {
    return statSync(path).isDirectory() ? inFolder(path) : [path]
  } catch {
    return [path]
  }
}

function inFolder(folder: string | undefined): readonly string[] {
  if (folder === undefined) return []
  try {
    const names = readdirSync(folder).filter((name) => /^(lib)?openvino_c\.(so|dylib|dll|\d)/.test(name))
    return names.sort().map((name) => join(folder, name))
  } catch {
    return []
  }
}

/** `openvino/libs` of the package, found without importing it. */
function pythonFolder(): string | undefined {
  const program =
    'import importlib.util as u; s = u.find_spec("openvino"); print(s.submodule_search_locations[0] if s else "")'
  try {
    const folder = execFileSync('python3', ['-c', program], {
      encoding: 'utf8',
      timeout: 10_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
    return folder === '' ? undefined : join(folder, 'libs')
  } catch {
    return undefined
  }
}

function systemName(): string {
  if (process.platform === 'win32') return 'openvino_c.dll'
  return process.platform === 'darwin' ? 'libopenvino_c.dylib' : 'libopenvino_c.so'
}
