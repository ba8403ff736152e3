import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { asStanflowError, StanflowError } from '../../errors.js'
import type { EngineReport, Precision } from '../engine.js'
import { capabilities, SharedCore } from './core.js'
import { findLibrary } from './find.js'
import { loadLibrary } from './library.js'

/** What a process of its own found out: a library that crashes takes only that process with it. */
type Found =
  | { readonly path: string; readonly version: string; readonly capabilities: readonly string[] }
  | { readonly message: string; readonly hint: string }

/** The precisions of a processor with these capabilities, the quickest first. */
export function precisionsOf(words: readonly string[]): readonly Precision[] {
  const quick = (['int8', 'bf16'] as const).filter((name) => words.includes(name.toUpperCase()))
  return [...quick, 'fp32']
}

/** A row for the processor. Never throws. */
export async function probe(): Promise<readonly EngineReport[]> {
  const row = { engine: 'openvino', device: 'cpu' } as const
  let found: Found
  try {
    const options = { timeout: 60_000, env: process.env }
    const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(import.meta.url)], options)
    found = JSON.parse(stdout) as Found
  } catch (cause) {
    found = new StanflowError('ENGINE_MISSING', 'OpenVINO’s library ends the process that loads it', {
      hint: 'Install it again, or name another one with OPENVINO_LIB.',
      cause,
    })
  }
  if ('message' in found)
    return [{ ...row, available: false, detail: found.message, hint: found.hint, precisions: [] }]
  return [
    {
      ...row,
      available: true,
      detail: `OpenVINO ${found.version} (${found.path})`,
      precisions: precisionsOf(found.capabilities),
      calibrated: ['int8'],
    },
  ]
}

function look(): Found {
  try {
    const lib = findLibrary(loadLibrary)
    const core = new SharedCore(lib)
    const words = capabilities(lib, core.acquire())
    core.release()
    return { path: lib.path, version: lib.version, capabilities: words }
  } catch (thrown) {
    const { message, hint } = asStanflowError(thrown)
    return { message, hint }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(JSON.stringify(look()))
