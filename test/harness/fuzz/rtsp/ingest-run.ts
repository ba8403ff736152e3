import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { CameraCounts } from '../../../../pipelines/ingest.js'
import type { PeakMemory } from '../peak-memory.js'

const MAIN = fileURLToPath(new URL('../../../../src/cli/main.js', import.meta.url))

/** What was said of one camera, and what it gave. */
export interface CameraStory {
  /** Of `camera lost`, `camera failed` and the like, in the order in which they were said. */
  readonly troubles: { readonly code: string; readonly reason: string }[]
  /** When clips begin, Unix seconds. */
  readonly clips: number[]
}

export interface IngestEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** `stanflow ingest` in a process of its own, and what it says of each of its cameras. */
export class IngestRun {
  readonly pid: number
  readonly ended: Promise<IngestEnd>
  /** Lines of the log that are none. */
  readonly stray: string[] = []
  readonly #stories = new Map<string, CameraStory>()
  readonly #child
  readonly #stopWatching: () => void
  #summary: readonly CameraCounts[] | undefined
  #isReady = false
  #end: IngestEnd | undefined

  constructor(folder: string, args: readonly string[], peak: PeakMemory, nodeArgs: readonly string[] = []) {
    const all = ['ingest', '--cameras', join(folder, 'cameras.yaml'), '--to', '-', '--json', ...args]
    this.#child = spawn(process.execPath, [...nodeArgs, MAIN, ...all], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.pid = this.#child.pid as number
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#result(line))
    createInterface({ input: this.#child.stderr }).on('line', (line) => this.#log(line))
    this.#stopWatching = peak.watch(this.pid)
    this.ended = once(this.#child, 'close').then(([code, signal]) => {
      this.#stopWatching()
      this.#end = { code: code as number | null, signal: signal as NodeJS.Signals | null }
      return this.#end
    })
  }

  get isReady(): boolean {
    return this.#isReady
  }

  get hasEnded(): boolean {
    return this.#end !== undefined
  }

  /** What it counted, once it has ended in order. */
  countsOf(camera: string): CameraCounts | undefined {
    return this.#summary?.find((one) => one.camera === camera)
  }

  story(camera: string): CameraStory {
    const known = this.#stories.get(camera) ?? { troubles: [], clips: [] }
    this.#stories.set(camera, known)
    return known
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  #result(text: string): void {
    const line = JSON.parse(text) as { type?: string; source: string; start: number }
    if (line.type === 'clip') this.story(line.source.replace('camera:', '')).clips.push(line.start)
  }

  #log(text: string): void {
    let line: Record<string, unknown>
    try {
      line = JSON.parse(text)
    } catch {
      this.stray.push(text)
      return
    }
    if (line.msg === 'ready') this.#isReady = true
    // The summary: results take stdout.
    if (Array.isArray(line.cameras)) this.#summary = line.cameras as readonly CameraCounts[]
    const { camera, code, reason, msg } = line
    // Notes are no troubles: warnings without a code.
    if (typeof camera !== 'string' || (line.level !== 'error' && !(line.level === 'warn' && 'code' in line)))
      return
    this.story(camera).troubles.push({ code: String(code), reason: String(reason ?? msg) })
  }
}
