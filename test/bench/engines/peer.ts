import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const script = join(root, 'test/bench/peer/clip_stan.py')

/** Seconds of wall clock and of all processors together. */
export interface Times {
  readonly wall: number
  readonly cpu: number
}

/** PyTorch in a process of its own: it answers one run at a time. */
export interface Peer {
  readonly name: string
  run(kind: 'trunk' | 'video', clips: number): Promise<Times>
  close(): Promise<void>
}

/** A Python with torch and transformers: `STANFLOW_PEER_PYTHON`, or one that is made in .cache/peer (5.6 GB). */
export async function peerPython(): Promise<string> {
  const given = process.env.STANFLOW_PEER_PYTHON
  if (given !== undefined) return given
  const venv = join(root, '.cache/peer')
  const python = join(venv, 'bin/python')
  const run = promisify(execFile)
  if (!existsSync(python)) {
    console.log('fetching torch and transformers into .cache/peer')
    await run('python3', ['-m', 'venv', venv])
    await run(python, ['-m', 'pip', 'install', '--quiet', 'torch', 'transformers'], { maxBuffer: 2 ** 26 })
  }
  return python
}

export async function openPeer(
  python: string,
  precision: string,
  frames: number,
  depth: number,
): Promise<Peer> {
  const args = [
    script,
    'serve',
    ...['--precision', precision],
    ...['--frames', `${frames}`],
    ...['--depth', `${depth}`],
  ]
  // Threads that wait do not spin: on a shared machine that would count as work.
  const env = { ...process.env, OMP_WAIT_POLICY: 'passive' }
  const child = spawn(python, args, { stdio: ['pipe', 'pipe', 'inherit'], env })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async <T>(): Promise<T> => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error('the PyTorch peer ended')
    return JSON.parse(value) as T
  }
  const { torch } = await answer<{ torch: string }>()
  return {
    name: `PyTorch ${torch}`,
    run(kind, clips) {
      child.stdin.write(`${kind} ${clips}\n`)
      return answer<Times>()
    },
    async close() {
      child.stdin.end()
      if (child.exitCode === null) await once(child, 'exit')
    },
  }
}
